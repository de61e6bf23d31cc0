package report

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// orders is a text that a terminal, a reader's eye or a CI runner would obey.
const orders = "::error file=a::x\x1b[2J\x1b]52;c;Y3VybA==\x07\u202e\u200b\u009b]]>\r\nok: all is well\n::stop-commands::x ##[add-mask]x ##vso[task.complete]"

var (
	obeyed = regexp.MustCompile(`[^\n\P{C}]|##\[|##vso\[`)
	// command is a line that GitHub's runner obeys.
	command = regexp.MustCompile(`(?m)^\s*::`)
)

// TestHostile feeds every text of a report to every format. The fields are found by reflection, so that one which is added
// later is fed too.
func TestHostile(t *testing.T) {
	for _, fleet := range []bool{false, true} {
		for _, format := range Formats() {
			t.Run(fmt.Sprintf("%s/%t", format, fleet), func(t *testing.T) {
				var r Report
				assert.GreaterOrEqual(t, feed(reflect.ValueOf(&r).Elem()), 30)
				r.Color = false
				for i := range r.Findings {
					r.Findings[i].Severity, r.Findings[i].Line, r.Findings[i].Column = []string{Error, Warning}[i], i, i+3
				}
				if !fleet {
					r.Clusters = nil
				}
				text := write(t, format, r)
				assert.NotRegexp(t, obeyed, text)
				switch format {
				case "github":
					for line := range strings.Lines(text) {
						assert.Regexp(t, `^::(error|warning) [^:\n]+::[^\n]`, line)
					}
					assert.Len(t, strings.Split(strings.TrimSpace(text), "\n"), map[bool]int{false: 2, true: 4}[fleet])
				case "json", "sarif":
					assert.NotRegexp(t, obeyed, fmt.Sprint(decode(t, text)), "a program that reads it prints it")
				case "junit":
					readXSD(t, "testdata/JUnit.xsd").check(t, text)
				}
				if format != "github" {
					assert.NotRegexp(t, command, text)
				}
				if format == "text" {
					assert.NotRegexp(t, `(?m)^ok: all`, text)
				}
			})
		}
	}
}

// TestCaret holds that the caret stands below what it is about, whatever stands before that.
func TestCaret(t *testing.T) {
	text := write(t, "text", Report{Findings: []Finding{{Rule: "W03", Severity: Error, File: "f", Line: 1, Column: 7, Source: "\ta: \u202e b: 日", Message: "m"}}})
	lines := strings.Split(text, "\n")
	require.Contains(t, lines[1], "b: 日")
	assert.Equal(t, strings.Index(lines[1], "b:"), strings.Index(lines[2], "^"))
}

// feed puts orders into every string of a value, and returns how many there were.
func feed(v reflect.Value) int {
	switch v.Kind() {
	case reflect.String:
		v.SetString(orders)
		return 1
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		return feed(v.Index(0)) + feed(v.Index(1))
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += feed(v.Field(i))
			}
		}
		return n
	}
	return 0
}
