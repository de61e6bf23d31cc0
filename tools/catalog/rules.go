package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"sigs.k8s.io/yaml"
)

// RulesFile is what judging takes of the chart's rules, inside the chart. It is generated: JSON is read in a fifth of the
// time, and what is there to explain a rule, every release would carry.
const RulesFile = "rules.json"

// Rules are a chart's.
type Rules struct {
	// Rules are by id.
	Rules map[string]Rule `json:"rules"`
	// Delivery is what storage says to what delivers a release.
	Delivery Delivery `json:"delivery"`
}

// Delivery is what annotations of storage say to Helm, Argo CD and Flux.
type Delivery struct {
	// Protects are the annotations that the chart writes, by the value of gitops.
	Protects map[string]Protection `json:"protects"`
	// Lists are the annotations whose value is a list with commas.
	Lists []string `json:"lists"`
}

// Protection are annotations that the chart writes always, or where keep is true.
type Protection struct {
	Always map[string]string `json:"always,omitempty"`
	Keep   map[string]string `json:"keep,omitempty"`
}

// Rule is one thing that values can get wrong in a way that a schema does not see.
type Rule struct {
	// Title says what is right.
	Title string `json:"title,omitempty"`
	// Why says what happens otherwise.
	Why string `json:"why,omitempty"`
	// Source is where what the rule rests on is documented.
	Source string `json:"source,omitempty"`
	// Wrong are values that break the rule, and Right nearly the same that do not.
	Wrong string `json:"wrong,omitempty"`
	Right string `json:"right,omitempty"`
	// Args are the further arguments of the command that distinguishes the two.
	Args []string `json:"args,omitempty"`
	// Note says what else there is to know; for a rule that has no example, why.
	Note string `json:"note,omitempty"`
	// Cases are the ways in which values break the rule, by name.
	Cases map[string]Case `json:"cases"`
}

// Case is one way to break a rule, with the words for it. {path} in a text stands for what is there.
type Case struct {
	// Rule is the rule's id, in a backend's own list.
	Rule string `json:"rule,omitempty"`
	// Severity is "warning", or empty for an error.
	Severity string `json:"severity,omitempty"`
	// By is "ckptctl" where the chart does not judge the case.
	By string `json:"by,omitempty"`
	// Vague says that values which break the rule so leave open what the storage is: it is not compared then.
	Vague bool `json:"vague,omitempty"`
	// Path is the key that the finding points at.
	Path string `json:"path,omitempty"`
	// Each lists paths, words or maps, for which the case is judged one by one, as $; {path} stands for the items of the
	// list, or the keys of the map, that is there.
	Each []any `json:"each,omitempty"`
	// When is the condition; a case without one is decided by code.
	When Condition `json:"when,omitempty"`
	// Message says what is wrong, Fix what to do.
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Condition holds where all its entries do: each is a path, and the test that what is there has to pass; under any stands
// a list of conditions of which one has to hold. The chart's rules.yaml lists the tests, and its template
// checkpoint-storage.rules.hold judges the same.
type Condition map[string]any

// Key returns the key of the section, and its value, that the condition asks for; not ok where it asks for more, or for
// something else than a value.
func (c Condition) Key() (key string, value any, ok bool) {
	for path, is := range c {
		_, test := is.(map[string]any)
		key, value, ok = strings.TrimPrefix(path, "section."), is, !test && len(c) == 1
	}
	return key, value, ok
}

// RetiredRule is the rule that names the volume types of Kubernetes that are gone, or only redirect to a CSI driver.
const RetiredRule = "E21"

// Retired are these volume types: the name, why it is none, and the backend to use instead.
func (r Rules) Retired() []map[string]any {
	var out []map[string]any
	for _, each := range r.Rules[RetiredRule].Cases["retired"].Each {
		if row, ok := each.(map[string]any); ok {
			out = append(out, row)
		}
	}
	return out
}

// Judged are the rules without what explains them.
func (r Rules) Judged() Rules {
	out := r
	out.Rules = map[string]Rule{}
	for id, rule := range r.Rules {
		out.Rules[id] = Rule{Cases: rule.Cases}
	}
	return out
}

// LoadRules reads the rules of a chart as they are judged.
func LoadRules(chart fs.FS) (Rules, error) {
	var out Rules
	text, err := fs.ReadFile(chart, RulesFile)
	if err != nil {
		return out, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		return out, fmt.Errorf("%s: %w", RulesFile, err)
	}
	return out, nil
}

// WrittenRules reads the files that RulesFile is generated from.
func WrittenRules(chart fs.FS) (Rules, error) {
	var out Rules
	for name, into := range map[string]any{"rules.yaml": &out.Rules, "delivery.yaml": &out.Delivery} {
		text, err := fs.ReadFile(chart, name)
		if err != nil {
			return out, err
		}
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out, nil
}
