package rules

import (
	"fmt"
	"regexp"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/report"
)

// phrases say what a word in capitals would not.
var phrases = map[string]string{
	"facts.topologyFix":     "set the key of the section that names the place, or volume.nodeAffinity",
	"facts.topologyKeys":    "LABELS",
	"facts.fix":             "set provisioning to what the backend can be used with",
	"facts.whyNotDynamic":   "REASON",
	"facts.whyNotStatic":    "REASON",
	"names.readOnly":        "readOnly: true",
	"names.writable":        "readOnly: false",
	"names.overrides":       "NUMBER",
	"names.modes":           "ACCESS-MODES",
	"names.dataSource.kind": "KIND",
	"$.at":                  "",
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// Explained are the findings of a case, for each that it lists: what the values or the backend decide stands in capitals.
func Explained(c catalog.Case) []report.Finding {
	listed := c.Each
	if listed == nil {
		listed = []any{nil}
	}
	var out []report.Finding
	for _, item := range listed {
		one := each{steps: []string{"KEY"}}
		if text, ok := item.(string); ok {
			if _, ok := reference(text); !ok {
				one.steps = strings.Split(text, ".")
			}
		}
		one.row, _ = item.(map[string]any)
		words := func(text string) string {
			return placeholder.ReplaceAllStringFunc(text, one.inWords)
		}
		path := strings.Join(one.along(strings.Split(words(c.Path), ".")), ".")
		if path == "section" || strings.HasPrefix(path, "section.") {
			path = "BACKEND" + strings.TrimPrefix(path, "section")
		}
		out = append(out, report.Finding{Rule: c.Rule, Path: path, Message: words(c.Message), Hint: words(c.Fix)})
	}
	return out
}

// inWords is what stands in the place of {path} where there are no values.
func (e each) inWords(found string) string {
	path, part, _ := strings.Cut(strings.Trim(found, "{}"), "|")
	steps := strings.Split(path, ".")
	last := steps[len(steps)-1]
	switch phrase, ok := phrases[path]; {
	case found == shardWord:
		return found
	case path == eachWord:
		return strings.Join(e.steps, ".")
	case steps[0] == eachWord && e.row[last] != nil:
		return fmt.Sprint(e.row[last])
	case part == "host" || part == "port":
		return strings.ToUpper(part)
	case ok:
		return phrase
	case last == eachWord:
		return "VALUE"
	}
	return strings.ToUpper(hump.ReplaceAllString(last, "$1-$2"))
}
