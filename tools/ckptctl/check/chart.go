package check

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"testing/fstest"

	"checkpoint-storage/tools/catalog"
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
	// complete is the chart that the tool was built with: a packaged chart leaves out what only tools read.
	complete fs.FS

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
	return &Chart{helm: helm, own: own}, nil
}

// OpenParent opens a parent chart, its folder or its archive; the stores in it are judged by the charts that it brings
// along. What those leave out, as packaged charts do with what only tools read, is taken from complete.
func OpenParent(path string, helm Helm, complete fs.FS) *Chart {
	return &Chart{helm: helm, parent: values.OpenParent(path, helm), complete: complete, definitions: map[string]*definition{}}
}

// read reads the files that all overlays share.
func (c *Chart) read(names []string, stdin io.Reader) (*values.Values, error) {
	files := make([]*values.File, 0, len(names))
	for _, name := range names {
		file, err := values.Open(name, c.helm, stdin)
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
	files, err := Packaged(dependency.Files, c.complete)
	if err != nil {
		return nil, err
	}
	d, err := define(files, c.helm)
	if err == nil {
		c.definitions[key] = d
	}
	return d, err
}

// Packaged are a chart's files, with those of complete that packaging leaves out: what only tools read. Templates of complete
// would take the place of those that another version has in files of other names.
func Packaged(files map[string][]byte, complete fs.FS) (fs.FS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(complete, catalog.Root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".tpl" {
			return err
		}
		text, err := fs.ReadFile(complete, name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	})
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: text}
	}
	return out, err
}
