package values

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Parent is a chart that has others as dependencies. It is read again for every check: Helm's own code works on it, and
// leaves it changed.
type Parent struct {
	// path is the chart's folder, or its archive.
	path string
	helm Helm
}

// Dependency is a chart below a parent, for one set of values.
type Dependency struct {
	// Alias is the path of names by which its parents know it.
	Alias Path
	// Files are those of the dependency's chart, by their path in it.
	Files map[string][]byte
	// Values are the dependency's own; nil when a condition or tags turn it off, or a chart above it.
	Values *Values
}

// OpenParent opens a parent chart: its folder, or its archive.
func OpenParent(path string, helm Helm) *Parent { return &Parent{path: path, helm: helm} }

// Read finds the dependencies of a name, at any depth, and the values that each gets.
func (p *Parent) Read(name string, files []*File, in Inputs) ([]Dependency, error) {
	all, err := given(Unmerged(nil), files, in, p.helm)
	if err != nil {
		return nil, err
	}
	whole, on, merged, err := p.process(name, all.Given)
	if err != nil {
		return nil, &InputError{File: p.path, Message: err.Error()}
	}
	if stray := on.stray(name, whole, nil); stray != nil && p.helm == Helm3 {
		return nil, &InputError{File: p.path, Message: fmt.Sprintf("Helm 3 makes a store %s with the chart's defaults, and none under its alias: it gives a chart that is "+
			"a dependency twice its own dependencies' aliases once; use Helm 4 and --helm 4, or depend on a second chart", stray)}
	}
	var out []Dependency
	// above are the values files of the charts around, the outermost last: it has the last word.
	var visit func(t tree, path Path, above []*File) error
	visit = func(t tree, path Path, above []*File) error {
		file, err := p.file(t, path)
		if err != nil {
			return err
		}
		above = append([]*File{file}, above...)
		for _, sub := range t.below {
			here := path.To(sub.name)
			if sub.original != name {
				if err := visit(sub, here, above); err != nil {
					return err
				}
				continue
			}
			d := Dependency{Alias: here, Files: sub.files}
			if on.has(here) {
				// What is no map is left aside by Helm, and the chart has its defaults.
				section, _ := lookup(merged, here).(map[string]any)
				own, _ := lookup(all.Given, here).(map[string]any)
				d.Values = &Values{Merged: section, Given: own, files: slices.Concat(above, files), options: all.options, prefix: here}
			}
			out = append(out, d)
		}
		return nil
	}
	return out, visit(whole, nil, nil)
}

// stray finds a chart of the name that Helm makes and that no chart asks for under this name; nil where there is none.
func (t tree) stray(name string, whole tree, at Path) Path {
	for _, sub := range t.below {
		here := at.To(sub.name)
		if sub.original == name && !whole.has(here) {
			return here
		}
		if stray := sub.stray(name, whole, here); stray != nil {
			return stray
		}
	}
	return nil
}

// file is the values file of a chart at a path below the parent.
func (p *Parent) file(t tree, at Path) (*File, error) {
	name := p.path
	for _, step := range at {
		name = filepath.Join(name, "charts", step)
	}
	file, err := Parse(filepath.Join(name, "values.yaml"), t.files["values.yaml"], p.helm)
	if err != nil {
		return nil, err
	}
	file.at, file.chart = at, true
	for i, warning := range file.Warnings {
		file.Warnings[i].Path = slices.Concat(at, warning.Path)
	}
	return file, nil
}

func lookup(value any, path Path) any {
	for _, step := range path {
		section, _ := value.(map[string]any)
		value = section[step]
	}
	return value
}

// Without is the error of a parent that has no dependency of the name.
func (p *Parent) Without(name string) error {
	return &InputError{File: filepath.Join(p.path, "Chart.yaml"), Message: "has no dependency " + name + "; there is nothing to check"}
}
