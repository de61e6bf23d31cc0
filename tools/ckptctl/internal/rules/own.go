package rules

import (
	_ "embed"
	"maps"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

// ownText holds the rules that only the tool judges, because they look at more than one store's values, or at how the
// values are written. None of them is an error that the chart would not know of by itself.
//
//go:embed own.yaml
var ownText []byte

// With adds the tool's own rules and cases to a chart's.
func With(chart map[string]catalog.Rule) (map[string]catalog.Rule, error) {
	own := map[string]catalog.Rule{}
	if err := yaml.UnmarshalStrict(ownText, &own); err != nil {
		return nil, err
	}
	out := maps.Clone(chart)
	for id, rule := range own {
		known, there := out[id]
		if !there {
			out[id] = rule
			continue
		}
		known.Cases = maps.Clone(known.Cases)
		if known.Cases == nil {
			known.Cases = map[string]catalog.Case{}
		}
		maps.Copy(known.Cases, rule.Cases)
		out[id] = known
	}
	return out, nil
}

//go:embed pages.yaml
var pagesText []byte

// Page is what `ckptctl explain` says of a rule besides the rule itself.
type Page struct {
	// Source is where what the rule rests on is documented.
	Source string `json:"source,omitempty"`
	// Wrong are values that break the rule, and Right nearly the same that do not.
	Wrong string `json:"wrong,omitempty"`
	Right string `json:"right,omitempty"`
	// Args are the further arguments of the command that tells the two apart.
	Args []string `json:"args,omitempty"`
	// Note says what else there is to know; for a rule that has no example, why.
	Note string `json:"note,omitempty"`
}

// Pages reads all of them, by the rule's id.
func Pages() (map[string]Page, error) {
	pages := map[string]Page{}
	err := yaml.UnmarshalStrict(pagesText, &pages)
	return pages, err
}
