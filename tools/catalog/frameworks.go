package catalog

import (
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"sigs.k8s.io/yaml"
)

// FrameworksFile is what the chart's templates and tools read of the frameworks, inside the chart; it is generated from
// frameworks.yaml.
const FrameworksFile = "frameworks.json"

// Frameworks says who saves checkpoints and what each asks of a file system.
type Frameworks struct {
	// Operations are what is asked, in the order in which they are shown.
	Operations []Operation `json:"operations"`
	// Frameworks are who asks, by the name that values declare them with.
	Frameworks map[string]Framework `json:"frameworks"`
}

// Operation is something that a file system may be able to do.
type Operation struct {
	// Name is the key by which backends answer for it.
	Name string `json:"name"`
	// Title says it in words, as in "rename a file".
	Title string `json:"title"`
}

// Framework is a library that writes checkpoints.
type Framework struct {
	Title string `json:"title"`
	// Needs are operations by name, and why each is needed.
	Needs map[string]string `json:"needs"`
	// Alternative says how the framework can do without.
	Alternative string `json:"alternative"`
	// Source is where its way to save can be read.
	Source string `json:"source"`
}

// LoadFrameworks reads the frameworks of a chart.
func LoadFrameworks(chart fs.FS) (Frameworks, error) { return readFrameworks(chart, FrameworksFile) }

// WrittenFrameworks reads the file that FrameworksFile is generated from.
func WrittenFrameworks(chart fs.FS) (Frameworks, error) {
	return readFrameworks(chart, "frameworks.yaml")
}

// readFrameworks fails where a framework needs an operation that the file does not list.
func readFrameworks(chart fs.FS, file string) (Frameworks, error) {
	var out Frameworks
	text, err := fs.ReadFile(chart, file)
	if err != nil {
		return out, err
	}
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		return out, fmt.Errorf("%s: %w", file, err)
	}
	for name, framework := range out.Frameworks {
		for operation := range framework.Needs {
			if !slices.ContainsFunc(out.Operations, func(o Operation) bool { return o.Name == operation }) {
				return out, fmt.Errorf("%s: %s needs %s, which is no operation", file, name, operation)
			}
		}
	}
	return out, nil
}

// Names are the frameworks' names, sorted.
func (s Frameworks) Names() []string {
	names := make([]string, 0, len(s.Frameworks))
	for name := range s.Frameworks {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Needed are the operations that a framework needs, in the order in which they are shown.
func (s Frameworks) Needed(framework string) []Operation {
	var out []Operation
	for _, o := range s.Operations {
		if s.Frameworks[framework].Needs[o.Name] != "" {
			out = append(out, o)
		}
	}
	return out
}

// Serves answers whether a backend has all that a framework needs; with No come the operations that are missing.
func (s Frameworks) Serves(b Backend, framework string) (Support, []Operation) {
	return s.Judge(b.Capabilities.Semantics.Operations, framework)
}

// Judge answers whether what a file system does is all that a framework needs; with No come the operations that are missing.
func (s Frameworks) Judge(does map[string]Support, framework string) (Support, []Operation) {
	answer := Yes
	var missing []Operation
	for _, o := range s.Needed(framework) {
		switch does[o.Name] {
		case Yes:
		case No:
			missing = append(missing, o)
		default:
			answer = Unknown
		}
	}
	if len(missing) > 0 {
		answer = No
	}
	return answer, missing
}
