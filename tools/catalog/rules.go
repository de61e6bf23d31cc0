package catalog

import (
	"fmt"
	"io/fs"

	"sigs.k8s.io/yaml"
)

// RulesFile is the chart's file of rules, inside the chart.
const RulesFile = "rules.yaml"

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
	// Each lists paths for which the case is judged one by one; one that begins with facts. stands for the list of paths
	// that is there.
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

	// Path leads into the values, or into section, facts, affinity, affinityKeys or names.
	Path string `json:"path,omitempty"`
	// Is compares with a value; a pointer, because false and "" are values.
	Is *any `json:"is,omitempty"`
	// Same compares with what stands at another path.
	Same string `json:"same,omitempty"`
	// Empty asks whether nothing, or something empty, is there.
	Empty *bool `json:"empty,omitempty"`
	// Set asks whether anything but null is there.
	Set *bool `json:"set,omitempty"`
	// Has asks whether a list holds the item.
	Has string `json:"has,omitempty"`
	// Matches is a regular expression for a string, or for any string of a list.
	Matches string `json:"matches,omitempty"`
	// HasAny asks whether a list shares an item with the list at another path.
	HasAny string `json:"hasAny,omitempty"`
	// Below, Above and OffStep compare a quantity with another, or with the one at a path; OffStep asks whether it is
	// no multiple.
	Below   string `json:"below,omitempty"`
	Above   string `json:"above,omitempty"`
	OffStep string `json:"offStep,omitempty"`
}

// LoadRules reads the rules of a chart, by id.
func LoadRules(chart fs.FS) (map[string]Rule, error) {
	text, err := fs.ReadFile(chart, RulesFile)
	if err != nil {
		return nil, err
	}
	rules := map[string]Rule{}
	if err := yaml.UnmarshalStrict(text, &rules); err != nil {
		return nil, fmt.Errorf("%s: %w", RulesFile, err)
	}
	return rules, nil
}

// RetiredFile is the chart's file of names that were storage once, inside the chart.
const RetiredFile = "retired.yaml"

// Retired is a volume type of Kubernetes that is gone, or that only redirects to a CSI driver.
type Retired struct {
	// Why says what became of it, as the end of a sentence that begins with its name.
	Why string `json:"why"`
	// Use is the backend to use instead.
	Use string `json:"use"`
	// How says which keys take what the old ones held.
	How string `json:"how"`
}

// LoadRetired reads the retired names of a chart.
func LoadRetired(chart fs.FS) (map[string]Retired, error) {
	text, err := fs.ReadFile(chart, RetiredFile)
	if err != nil {
		return nil, err
	}
	retired := map[string]Retired{}
	if err := yaml.UnmarshalStrict(text, &retired); err != nil {
		return nil, fmt.Errorf("%s: %w", RetiredFile, err)
	}
	return retired, nil
}
