package values

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	util4 "helm.sh/helm/v4/pkg/chart/common/util"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	deps4 "helm.sh/helm/v4/pkg/chart/v2/util"
	"sigs.k8s.io/yaml"
)

// tree is a chart with what is below it, of either Helm.
type tree struct {
	name, version string
	// original is what the chart calls itself, whatever its parent calls it.
	original string
	files    map[string][]byte
	requires []requirement
	below    []tree
}

// requirement is a line of a chart's list of dependencies.
type requirement struct{ name, version, alias, repository string }

// process has Helm itself work out which dependencies are on, and what values each gets. whole has them all, under their
// aliases: off or on, a dependency is there before its condition is looked at.
func (p *Parent) process(name string, given map[string]any) (whole, on tree, merged map[string]any, err error) {
	given, _ = deepCopy(given).(map[string]any)
	if p.helm == Helm4 {
		var c *chart4.Chart
		if c, err = load4(p.path, 0); err != nil {
			return
		}
		if whole, err = tree4(c).complete(name, p.path); err != nil {
			return
		}
		if err = deps4.ProcessDependencies(c, given); err != nil {
			return
		}
		merged, err = util4.CoalesceValues(c, given)
		return whole, tree4(c), merged, err
	}
	var c *chart.Chart
	if c, err = load3(p.path, 0); err != nil {
		return
	}
	if whole, err = tree3(c).complete(name, p.path); err != nil {
		return
	}
	if err = chartutil.ProcessDependenciesWithMerge(c, given); err != nil {
		return
	}
	merged, err = chartutil.CoalesceValues(c, given)
	return whole, tree3(c), merged, err
}

func load3(path string, depth int) (*chart.Chart, error) {
	c, err := loader.Load(path)
	if err != nil {
		return nil, err
	}
	return c, tree3(c).vendor(path, depth, func(folder string) error {
		sub, err := load3(folder, depth+1)
		if err == nil {
			c.AddDependency(sub)
		}
		return err
	})
}

func load4(path string, depth int) (*chart4.Chart, error) {
	c, err := loader4.Load(path)
	if err != nil {
		return nil, err
	}
	return c, tree4(c).vendor(path, depth, func(folder string) error {
		sub, err := load4(folder, depth+1)
		if err == nil {
			c.AddDependency(sub)
		}
		return err
	})
}

// deepest is how far charts that name each other by a path may nest: one that names itself never ends.
const deepest = 16

// vendor loads the dependencies that a chart names by a path and that are not in its charts folder yet, as
// `helm dependency build` would.
func (t tree) vendor(path string, depth int, add func(folder string) error) error {
	if depth > deepest {
		return fmt.Errorf("its dependencies nest more than %d charts deep", deepest)
	}
	var added []string
	for _, r := range t.requires {
		folder, local := strings.CutPrefix(r.repository, "file://")
		if t.brings(r) || slices.Contains(added, r.name) {
			continue
		}
		if !local {
			return fmt.Errorf("its dependency %s is not in %s; run: helm dependency build %s", r.name, filepath.Join(path, "charts"), paste.Word(path))
		}
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(path, folder)
		}
		if err := add(folder); err != nil {
			return fmt.Errorf("its dependency %s: %w", r.name, err)
		}
		added = append(added, r.name)
	}
	return nil
}

// brings says whether a requirement's chart is there.
func (t tree) brings(r requirement) bool {
	return slices.ContainsFunc(t.below, func(sub tree) bool { return sub.name == r.name })
}

// complete gives the tree one entry for each requirement, under its alias, at every level. It is an error when a chart in
// it requires one of the name and does not bring it along: Helm would render the rest without a word.
func (t tree) complete(name, path string) (tree, error) {
	var below []tree
	for _, sub := range t.below {
		sub, err := sub.complete(name, filepath.Join(path, "charts", sub.name))
		if err != nil {
			return t, err
		}
		alone, other := true, ""
		for _, r := range t.requires {
			if r.name != sub.name {
				continue
			}
			if r.version != "" && !chartutil.IsCompatibleRange(r.version, sub.version) {
				other = r.version
				continue
			}
			alone = false
			aliased := sub
			if r.alias != "" {
				aliased.name = r.alias
			}
			below = append(below, aliased)
		}
		// A chart of another version than is asked for Helm renders under its own name, whatever its alias and condition.
		if alone && other != "" && sub.original == name {
			return t, fmt.Errorf("its dependency %s is to be of version %s, and %s has %s; run: helm dependency update %s",
				name, other, filepath.Join(path, "charts"), sub.version, paste.Word(path))
		}
		if alone {
			below = append(below, sub)
		}
	}
	for _, r := range t.requires {
		if r.name == name && !t.brings(r) {
			return t, fmt.Errorf("its dependency %s needs %s, which is not in %s; run: helm dependency build %s", t.name, name, filepath.Join(path, "charts"), paste.Word(path))
		}
	}
	t.below = below
	return t, nil
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

func tree3(c *chart.Chart) tree {
	t := tree{name: c.Name(), version: c.Metadata.Version, files: map[string][]byte{}}
	for _, d := range c.Metadata.Dependencies {
		t.requires = append(t.requires, requirement{d.Name, d.Version, d.Alias, d.Repository})
	}
	for _, raw := range c.Raw {
		t.files[raw.Name] = raw.Data
	}
	for _, sub := range c.Dependencies() {
		t.below = append(t.below, tree3(sub))
	}
	return t.named()
}

func tree4(c *chart4.Chart) tree {
	t := tree{name: c.Name(), version: c.Metadata.Version, files: map[string][]byte{}}
	for _, d := range c.Metadata.Dependencies {
		t.requires = append(t.requires, requirement{d.Name, d.Version, d.Alias, d.Repository})
	}
	for _, raw := range c.Raw {
		t.files[raw.Name] = raw.Data
	}
	for _, sub := range c.Dependencies() {
		t.below = append(t.below, tree4(sub))
	}
	return t.named()
}

// named reads what the chart calls itself.
func (t tree) named() tree {
	var metadata struct{ Name string }
	if yaml.Unmarshal(bytes.TrimSpace(t.files["Chart.yaml"]), &metadata) == nil {
		t.original = metadata.Name
	}
	return t
}
