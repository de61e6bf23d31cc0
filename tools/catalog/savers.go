package catalog

import (
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"sigs.k8s.io/yaml"
)

// SaversFile is what the chart's templates and tools read of the savers, inside the chart; it is generated from
// savers.yaml.
const SaversFile = "savers.json"

// Savers says who saves checkpoints and what each asks of a file system.
type Savers struct {
	// Operations are what is asked, in the order in which they are shown.
	Operations []Operation `json:"operations"`
	// Savers are who asks, by the name that values declare them with.
	Savers map[string]Saver `json:"savers"`
}

// Operation is something that a file system may be able to do.
type Operation struct {
	// Name is the key by which backends answer for it.
	Name string `json:"name"`
	// Title says it in words, as in "rename a file".
	Title string `json:"title"`
}

// Saver is a library that writes checkpoints.
type Saver struct {
	Title string `json:"title"`
	// Needs are operations by name, and why each is needed.
	Needs map[string]string `json:"needs"`
	// Instead says how the saver can do without.
	Instead string `json:"instead"`
	// Source is where its way to save can be read.
	Source string `json:"source"`
}

// LoadSavers reads the savers of a chart.
func LoadSavers(chart fs.FS) (Savers, error) { return readSavers(chart, SaversFile) }

// WrittenSavers reads the file that SaversFile is generated from.
func WrittenSavers(chart fs.FS) (Savers, error) { return readSavers(chart, "savers.yaml") }

// readSavers fails where a saver needs an operation that the file does not list.
func readSavers(chart fs.FS, file string) (Savers, error) {
	var out Savers
	text, err := fs.ReadFile(chart, file)
	if err != nil {
		return out, err
	}
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		return out, fmt.Errorf("%s: %w", file, err)
	}
	for name, saver := range out.Savers {
		for operation := range saver.Needs {
			if !slices.ContainsFunc(out.Operations, func(o Operation) bool { return o.Name == operation }) {
				return out, fmt.Errorf("%s: %s needs %s, which is no operation", file, name, operation)
			}
		}
	}
	return out, nil
}

// Names are the savers' names, sorted.
func (s Savers) Names() []string {
	names := make([]string, 0, len(s.Savers))
	for name := range s.Savers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Needed are the operations that a saver needs, in the order in which they are shown.
func (s Savers) Needed(saver string) []Operation {
	var out []Operation
	for _, o := range s.Operations {
		if s.Savers[saver].Needs[o.Name] != "" {
			out = append(out, o)
		}
	}
	return out
}

// Serves answers whether a backend has all that a saver needs; with No come the operations that are missing.
func (s Savers) Serves(b Backend, saver string) (Support, []Operation) {
	return s.Judge(b.Capabilities.Semantics.Operations, saver)
}

// Judge answers whether what a file system does is all that a saver needs; with No come the operations that are missing.
func (s Savers) Judge(does map[string]Support, saver string) (Support, []Operation) {
	answer := Yes
	var missing []Operation
	for _, o := range s.Needed(saver) {
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
