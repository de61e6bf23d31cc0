package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"

	"sigs.k8s.io/yaml"
)

// RulesFile is what the chart's templates and tools read of its rules, inside the chart. It is generated: JSON is read in
// a fifth of the time.
const RulesFile = "rules.json"

// Rules are a chart's.
type Rules struct {
	// Rules are by id.
	Rules map[string]Rule `json:"rules"`
	// Retired are names of backends that are gone.
	Retired map[string]Retired `json:"retired"`
	// Delivery is what storage says to what delivers a release.
	Delivery Delivery `json:"delivery"`
}

// Delivery is what annotations of storage say to Helm, Argo CD and Flux.
type Delivery struct {
	// Protects are the annotations that the chart writes, by the value of gitops.
	Protects map[string]Protection `json:"protects"`
	// Lists are the annotations whose value is a list with commas.
	Lists []string `json:"lists"`
	// Refused are the annotations that may not be written.
	Refused []RefusedAnnotation `json:"refused"`
}

// Protection are annotations that the chart writes always, or where keep is true.
type Protection struct {
	Always map[string]string `json:"always,omitempty"`
	Keep   map[string]string `json:"keep,omitempty"`
}

// RefusedAnnotation is what an annotation of storage may not say.
type RefusedAnnotation struct {
	// Key is a regular expression for the annotation's key.
	Key string `json:"key"`
	// Value and Unless are regular expressions for an item of its value: one that is refused, and one that alone is not.
	Value  string `json:"value,omitempty"`
	Unless string `json:"unless,omitempty"`
	// Labels says that a label of that key is read too.
	Labels bool `json:"labels,omitempty"`
	// Keep and Gitops say that it is refused only where keep is true, or gitops has that value.
	Keep   bool   `json:"keep,omitempty"`
	Gitops string `json:"gitops,omitempty"`
	// Case is the case of E14 whose words say so.
	Case string `json:"case"`
}

// Rule is one thing that values can get wrong in a way that a schema does not see.
type Rule struct {
	// Title says what is right.
	Title string `json:"title"`
	// Why says what happens otherwise.
	Why string `json:"why"`
	// Source is where what the rule rests on is documented.
	Source string `json:"source,omitempty"`
	// Cases are the ways in which values break the rule, by name.
	Cases map[string]Case `json:"cases"`
}

// Case is one way to break a rule, with the words for it. {path} in a text stands for what is there.
type Case struct {
	// Rule is the rule's id, in a backend's own list.
	Rule string `json:"rule,omitempty"`
	// Severity is "warning", or empty for an error.
	Severity string `json:"severity,omitempty"`
	// Path is the key that the finding points at; "$" is the one of Each.
	Path string `json:"path,omitempty"`
	// Each lists paths, or words, for which the case is judged one by one; one that begins with facts. stands for the
	// list that is there.
	Each []string `json:"each,omitempty"`
	// When is the condition; a case without one is decided by code.
	When *Condition `json:"when,omitempty"`
	// Message says what is wrong, Fix what to do.
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Condition is a test of the values: of All, of Any, of not Not, or of what stands at Path. The chart's template
// checkpoint-storage.rules.hold judges the same.
type Condition struct {
	All []Condition `json:"all,omitempty"`
	Any []Condition `json:"any,omitempty"`
	Not *Condition  `json:"not,omitempty"`

	// Path leads into the values, or into section, facts, affinity, affinityKeys, affinityPins, options, mounted or names.
	Path string `json:"path,omitempty"`
	// Is compares with a value; a pointer, because false and "" are values.
	Is *any `json:"is,omitempty"`
	// Same compares with what stands at another path.
	Same string `json:"same,omitempty"`
	// Empty asks whether nothing, or something empty, is there.
	Empty *bool `json:"empty,omitempty"`
	// Set asks whether anything but null is there.
	Set *bool `json:"set,omitempty"`
	// Has asks whether a list holds the item; $ is the one of Each.
	Has string `json:"has,omitempty"`
	// Matches is a regular expression for a string, or for any string of a list.
	Matches string `json:"matches,omitempty"`
	// Twice asks whether two items of a list give one key different values, as in KEY=VALUE.
	Twice *bool `json:"twice,omitempty"`
	// HasAny asks whether a list shares an item with the list at another path.
	HasAny string `json:"hasAny,omitempty"`
	// Below, Above and OffStep compare a quantity with another, or with the one at a path; OffStep asks whether it is
	// no multiple.
	Below   string `json:"below,omitempty"`
	Above   string `json:"above,omitempty"`
	OffStep string `json:"offStep,omitempty"`
}

// Retired is a volume type of Kubernetes that is gone, or that only redirects to a CSI driver.
type Retired struct {
	// Why says what became of it, as the end of a sentence that begins with its name.
	Why string `json:"why"`
	// Use is the backend to use instead.
	Use string `json:"use"`
	// How says which keys take what the old ones held.
	How string `json:"how"`
}

// LoadRules reads the rules of a chart.
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
	for name, into := range map[string]any{"rules.yaml": &out.Rules, "retired.yaml": &out.Retired, "delivery.yaml": &out.Delivery} {
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
