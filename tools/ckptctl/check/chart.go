package check

import (
	"io/fs"
	"slices"
	"sync"
	"testing/fstest"

	"checkpoint-storage/tools/ckptctl/internal/upgrade"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Helm is a generation of Helm, by whose rules values are read.
type Helm = values.Helm

// The generations.
const (
	Helm3 = values.Helm3
	Helm4 = values.Helm4
)

// Name is the chart's own.
const Name = "checkpoint-storage"

// Chart is what values are checked for: the chart itself, or a parent chart with any number of stores in it. It is safe to
// check with from several goroutines.
type Chart struct {
	helm Helm
	// own is the chart itself; nil where there is a parent.
	own    *definition
	parent *values.Parent

	// templates are those of the chart itself, read when something is rendered.
	templates func() (*upgrade.Templates, error)

	mutex sync.Mutex
	// definitions are those of the stores in a parent, by their alias.
	definitions map[string]*definition
}

// Open reads the folder of the chart itself.
func Open(from fs.FS, helm Helm) (*Chart, error) {
	own, err := define(from, helm)
	if err != nil {
		return nil, err
	}
	return &Chart{helm: helm, own: own, templates: sync.OnceValues(func() (*upgrade.Templates, error) { return upgrade.Load(from) })}, nil
}

// OpenParent opens a parent chart, its folder or its archive; the stores in it are judged by the charts that it brings
// along.
func OpenParent(path string, helm Helm) *Chart {
	return &Chart{helm: helm, parent: values.OpenParent(path, helm), definitions: map[string]*definition{}}
}

// read reads the files that all overlays share.
func (c *Chart) read(names []string, from values.Reader) (*values.Values, error) {
	files := make([]*values.File, 0, len(names))
	for _, name := range names {
		file, err := from.Open(name, c.helm)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if c.parent != nil {
		return values.Unmerged(files), nil
	}
	return c.own.defaults.Read(files, Inputs{})
}

// stores judges the stores that the chart makes of the base with files and options over it.
func (c *Chart) stores(base *values.Values, files []*values.File, in Inputs, release Release) ([]*Store, error) {
	if c.parent == nil {
		read, err := c.own.defaults.Over(base, files, in)
		if err != nil {
			return nil, err
		}
		store, err := c.own.judge(read, release)
		return []*Store{store}, err
	}
	below, err := c.parent.Read(Name, slices.Concat(base.Files(), files), in)
	if err != nil {
		return nil, err
	}
	if len(below) == 0 {
		return nil, c.parent.Without(Name)
	}
	out := make([]*Store, 0, len(below))
	for _, dependency := range below {
		release := release
		release.Alias = dependency.Alias.String()
		store := &Store{Off: true, release: release}
		if dependency.Values != nil {
			d, err := c.define(dependency)
			if err != nil {
				return nil, err
			}
			if store, err = d.judge(dependency.Values, release); err != nil {
				return nil, err
			}
		}
		out = append(out, store)
	}
	return out, nil
}

// define reads the chart of a dependency, once.
func (c *Chart) define(dependency values.Dependency) (*definition, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	key := dependency.Alias.String()
	if known := c.definitions[key]; known != nil {
		return known, nil
	}
	d, err := define(Files(dependency.Files), c.helm)
	if err == nil {
		c.definitions[key] = d
	}
	return d, err
}

// Files is a chart that has been read already, by the paths of its files.
func Files(read map[string][]byte) fs.FS {
	out := fstest.MapFS{}
	for name, text := range read {
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}
