package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"checkpoint-storage/tools/ckptctl/internal/plain"
)

// workflow is a workflow command: its properties, and data in which no line ends.
var workflow = regexp.MustCompile(`^::(error|warning) ((file=[^,:\n]+,line=[1-9]\d*,)?title=[^,:\n]+(,col=[1-9]\d*)?)::[^\r\n]+$`)

// FuzzPrint holds that no text whatever breaks a format: JSON, SARIF and JUnit are read back with the words that went
// in, workflow commands stay one to a line, and a terminal gets nothing but letters, colours and ends of lines.
func FuzzPrint(f *testing.F) {
	for _, seed := range []struct {
		file, path, message, hint, source string
		column                            int
	}{
		{"values.yaml", "size", "must be a string.", `write it like size: "10Gi"`, "size: 10", 7},
		{"a b.yaml", "a\nb", "\x1b[31mred", "fix\r\nit", "\t\tkey: \u202evalue", 3},
		{"--set a=\x00", "\u2028", "]]>&<\"'", "%0A::error::", "\xff\xfe", 99},
		{"https://x/?a#b", "::", "a\u0085b\u009b31m", ",", "\u200bx\ufeff", 1},
		{"c:\\x", strings.Repeat("k", 400), "m", "h", strings.Repeat("long ", 400), 900},
	} {
		f.Add(seed.file, seed.path, seed.message, seed.hint, seed.source, seed.column)
	}
	f.Fuzz(func(t *testing.T, file, path, message, hint, source string, column int) {
		r := Report{Version: "v1", Closing: message, Findings: []Finding{
			{Rule: "W03", Severity: Warning, Release: path, File: file, Path: path, Message: message, Hint: hint, Because: []Because{{path, message, file, 0}}},
			{Rule: "schema/type", Severity: Error, Clusters: []string{file, path}, File: file, Line: 3, Column: max(0, column), Path: path, Message: message, Hint: hint, Source: source},
		}, Clusters: []Cluster{{Name: file, File: file, Errors: 1, Summary: message}, {Name: path, File: path, Errors: 1, Unreadable: "unreadable: " + message}}}
		text := func(format string) []byte {
			var out bytes.Buffer
			if err := Write(&out, format, r); err != nil {
				t.Fatal(format, err)
			}
			return out.Bytes()
		}
		var own document
		if err := json.Unmarshal(text("json"), &own); err != nil {
			t.Fatal(err)
		}
		if got := own.Findings[1]; got.Message != plain.Line(message) || got.Hint != plain.Text(hint) || got.Path != plain.Line(path) || got.File != plain.Line(file) {
			t.Fatalf("json: %+q", got.long())
		}
		var sarif struct {
			Runs []struct {
				Results []struct{ Message struct{ Text string } }
			}
		}
		if err := json.Unmarshal(text("sarif"), &sarif); err != nil {
			t.Fatal(err)
		}
		if got := sarif.Runs[0].Results[1].Message.Text; !strings.Contains(got, plain.Line(message)) {
			t.Fatalf("sarif: %q", got)
		}
		var junit junitSuites
		if err := xml.Unmarshal(text("junit"), &junit); err != nil {
			t.Fatal(err)
		}
		if s := junit.Suites[0]; s.Tests != len(s.Cases) || s.Failures != 1 || s.Errors != 1 {
			t.Fatalf("junit: %+v", s)
		}
		github := strings.Split(strings.TrimSuffix(string(text("github")), "\n"), "\n")
		if len(github) != 3 {
			t.Fatalf("github: %q", github)
		}
		for _, line := range github {
			if !clear(line) || file != "" && path != "" && message != "" && !workflow.MatchString(line) {
				t.Fatalf("github: %q", line)
			}
		}
		if got := string(text("text")); !clear(got) {
			t.Fatalf("text: %q", got)
		}
		r.Color = true
		if got := colour.ReplaceAllString(string(text("text")), ""); !clear(got) {
			t.Fatalf("colours: %q", got)
		}
	})
}

var colour = regexp.MustCompile("\x1b\\[(0|1|31|33|34)m")

// clear says that a terminal shows a text as it stands: nothing in it moves the cursor, hides or turns what follows.
func clear(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
	})
}
