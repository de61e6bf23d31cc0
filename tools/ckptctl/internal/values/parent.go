package values

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	util4 "helm.sh/helm/v4/pkg/chart/common/util"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	deps4 "helm.sh/helm/v4/pkg/chart/v2/util"
	"sigs.k8s.io/yaml"
)

// Parent is a chart that has others as dependencies. It is read anew for every check: Helm's own code works on it, and
// leaves it changed.
type Parent struct {
	folder string
	helm   Helm
	// values is the parent's own values file.
	values *File
}

// Dependency is a chart below a parent, for one set of values.
type Dependency struct {
	// Alias is the path of names by which the parent knows it.
	Alias Path
	// Files are those of the dependency's chart, by their path in it.
	Files map[string][]byte
	// Values are the dependency's own; nil when its condition or its tags turn it off.
	Values *Values
}

// OpenParent reads a parent chart's folder.
func OpenParent(folder string, helm Helm) (*Parent, error) {
	p := &Parent{folder: folder, helm: helm, values: &File{}}
	name := filepath.Join(folder, chartutil.ValuesfileName)
	if _, err := os.Stat(name); err == nil {
		if p.values, err = Open(name, helm, nil); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// tree is a chart with what is below it, of either Helm.
type tree struct {
	name     string
	original string
	files    map[string][]byte
	below    []tree
}

// Read finds the dependencies of a name, at any depth, and the values that each gets.
func (p *Parent) Read(name string, files []*File, in Inputs) ([]Dependency, error) {
	all, err := given(Unmerged(nil), files, in, p.helm)
	if err != nil {
		return nil, err
	}
	// Off or on, a dependency is there before its condition is looked at.
	whole, on, merged, err := p.process(all.Given)
	if err != nil {
		return nil, &InputError{File: p.folder, Message: err.Error()}
	}
	if p.values.documents != nil {
		all.below = p.values.origins()
	}
	var out []Dependency
	var visit func(t tree, path Path)
	visit = func(t tree, path Path) {
		for _, sub := range t.below {
			here := path.To(sub.name)
			if sub.original != name {
				visit(sub, here)
				continue
			}
			d := Dependency{Alias: here, Files: sub.files}
			if on.has(here) {
				section, ok := lookup(merged, here).(map[string]any)
				if !ok {
					return
				}
				own, _ := lookup(all.Given, here).(map[string]any)
				d.Values = &Values{
					Merged: section, Given: own, files: append([]*File{p.values}, files...), options: all.options, prefix: here, below: all.below,
				}
			}
			out = append(out, d)
		}
	}
	visit(whole, nil)
	return out, nil
}

func (t tree) has(path Path) bool {
	for _, step := range path {
		i := slices.IndexFunc(t.below, func(sub tree) bool { return sub.name == step })
		if i < 0 {
			return false
		}
		t = t.below[i]
	}
	return true
}

func lookup(value any, path Path) any {
	for _, step := range path {
		section, _ := value.(map[string]any)
		value = section[step]
	}
	return value
}

// process has Helm itself work out which dependencies are on, and what values each gets.
func (p *Parent) process(given map[string]any) (whole, on tree, merged map[string]any, err error) {
	given, _ = deepCopy(given).(map[string]any)
	if p.helm == Helm4 {
		var c *chart4.Chart
		if c, err = loader4.Load(p.folder); err != nil {
			return
		}
		if err = p.vendor(names4(c), func(folder string) error {
			sub, err := loader4.Load(folder)
			if err == nil {
				c.AddDependency(sub)
			}
			return err
		}); err != nil {
			return
		}
		whole = declared4(c)
		if err = deps4.ProcessDependencies(c, given); err != nil {
			return
		}
		merged, err = util4.CoalesceValues(c, given)
		return whole, tree4(c), merged, err
	}
	var c *chart.Chart
	if c, err = loader.Load(p.folder); err != nil {
		return
	}
	if err = p.vendor(names3(c), func(folder string) error {
		sub, err := loader.Load(folder)
		if err == nil {
			c.AddDependency(sub)
		}
		return err
	}); err != nil {
		return
	}
	whole = declared3(c)
	if err = chartutil.ProcessDependenciesWithMerge(c, given); err != nil {
		return
	}
	merged, err = chartutil.CoalesceValues(c, given)
	return whole, tree3(c), merged, err
}

// requirement is a line of a chart's list of dependencies.
type requirement struct{ Name, Alias, Repository string }

// vendor loads the dependencies that a chart names by a path and that nobody has copied into its charts folder yet, as
// `helm dependency build` would.
func (p *Parent) vendor(present []string, add func(folder string) error) error {
	text, err := os.ReadFile(filepath.Join(p.folder, "Chart.yaml"))
	if err != nil {
		return err
	}
	var metadata struct{ Dependencies []requirement }
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		return err
	}
	for _, r := range metadata.Dependencies {
		path, local := strings.CutPrefix(r.Repository, "file://")
		if slices.Contains(present, r.Name) {
			continue
		}
		if !local {
			return fmt.Errorf("its dependency %s is not in %s; run: helm dependency build %s", r.Name, filepath.Join(p.folder, "charts"), p.folder)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.folder, path)
		}
		if err := add(path); err != nil {
			return fmt.Errorf("its dependency %s: %w", r.Name, err)
		}
		present = append(present, r.Name)
	}
	return nil
}

func names3(c *chart.Chart) (names []string) {
	for _, sub := range c.Dependencies() {
		names = append(names, sub.Name())
	}
	return names
}

func names4(c *chart4.Chart) (names []string) {
	for _, sub := range c.Dependencies() {
		names = append(names, sub.Name())
	}
	return names
}

// declared3 is the tree with every dependency under its alias, on or off.
func declared3(c *chart.Chart) tree {
	t := tree3(c)
	var requirements []requirement
	for _, d := range c.Metadata.Dependencies {
		requirements = append(requirements, requirement{Name: d.Name, Alias: d.Alias})
	}
	return t.declared(requirements)
}

func declared4(c *chart4.Chart) tree {
	t := tree4(c)
	var requirements []requirement
	for _, d := range c.Metadata.Dependencies {
		requirements = append(requirements, requirement{Name: d.Name, Alias: d.Alias})
	}
	return t.declared(requirements)
}

// declared gives a tree's first level one entry for each requirement.
func (t tree) declared(requirements []requirement) tree {
	if len(requirements) == 0 {
		return t
	}
	var below []tree
	for _, sub := range t.below {
		alone := true
		for _, r := range requirements {
			if r.Name == sub.name {
				alone = false
				aliased := sub
				if r.Alias != "" {
					aliased.name = r.Alias
				}
				below = append(below, aliased)
			}
		}
		if alone {
			below = append(below, sub)
		}
	}
	t.below = below
	return t
}

func tree3(c *chart.Chart) tree {
	t := tree{name: c.Name(), files: map[string][]byte{}}
	for _, raw := range c.Raw {
		t.files[raw.Name] = raw.Data
	}
	for _, sub := range c.Dependencies() {
		t.below = append(t.below, tree3(sub))
	}
	return t.named()
}

func tree4(c *chart4.Chart) tree {
	t := tree{name: c.Name(), files: map[string][]byte{}}
	for _, raw := range c.Raw {
		t.files[raw.Name] = raw.Data
	}
	for _, sub := range c.Dependencies() {
		t.below = append(t.below, tree4(sub))
	}
	return t.named()
}

// named remembers what the chart calls itself, whatever its parent calls it.
func (t tree) named() tree {
	var metadata struct{ Name string }
	if yaml.Unmarshal(bytes.TrimSpace(t.files["Chart.yaml"]), &metadata) == nil {
		t.original = metadata.Name
	}
	return t
}

// Without is the error of a parent that has no dependency of the name.
func (p *Parent) Without(name string) error {
	return &InputError{File: filepath.Join(p.folder, "Chart.yaml"), Message: "has no dependency " + name + "; there is nothing to check"}
}
