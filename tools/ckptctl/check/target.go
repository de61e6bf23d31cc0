package check

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"testing/fstest"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Target is what values are checked for: the chart itself, or a parent chart with any number of stores in it.
type Target struct {
	chart  *Chart
	parent *values.Parent

	// own is the chart that the tool was built with: a packaged chart leaves out what only tools read.
	own fs.FS

	mutex  sync.Mutex
	charts map[string]*Chart
	helm   Helm
}

// Standalone is the chart itself.
func Standalone(chart *Chart) *Target { return &Target{chart: chart, helm: chart.helm} }

// OpenParent opens a parent chart, its folder or its archive; the stores in it are judged by the charts that it brings
// along. What those leave out, as packaged charts do with what only tools read, is own's.
func OpenParent(path string, helm Helm, own fs.FS) *Target {
	return &Target{parent: values.OpenParent(path, helm), own: own, helm: helm, charts: map[string]*Chart{}}
}

// Check reads the inputs as Helm would for a release and judges every store. The error is a *values.InputError when an
// input cannot be read.
func (t *Target) Check(in Inputs, release Release) ([]*Result, error) {
	base, err := t.base(in.Files, release.Stdin)
	if err != nil {
		return nil, err
	}
	results, err := t.judge(base, nil, in, release)
	if err != nil {
		return nil, err
	}
	together(results, release.Quota)
	for _, r := range results {
		r.unused()
		report.Sort(r.Findings)
	}
	return results, nil
}

// together adds what is wrong between the stores of one release, and takes back what was said of comments that another
// store has use for.
func together(results []*Result, most int64) {
	stores := make([]place, len(results))
	used := map[values.Position]bool{}
	for i, r := range results {
		stores[i] = r.place()
		for _, position := range r.used {
			used[position] = true
		}
	}
	for _, c := range append(clashes(stores), quota(stores, most)...) {
		r := results[c.store]
		finding, accepted := r.clash(c)
		for _, position := range accepted {
			used[position] = true
		}
		if len(accepted) == 0 {
			r.Findings = append(r.Findings, finding)
		}
	}
	for _, r := range results {
		r.pending = slices.DeleteFunc(r.pending, func(f Finding) bool {
			return used[values.Position{File: f.File, Line: f.Line, Column: f.Column}]
		})
	}
}

// base reads the files that all overlays share.
func (t *Target) base(names []string, stdin io.Reader) (*values.Values, error) {
	files, err := open(names, t.helm, stdin)
	if err != nil || t.parent != nil {
		return values.Unmerged(files), err
	}
	return t.chart.defaults.Read(files, Inputs{})
}

// judge judges every store of the base with files and options over it.
func (t *Target) judge(base *values.Values, files []*values.File, in Inputs, release Release) ([]*Result, error) {
	if t.parent == nil {
		read, err := t.chart.defaults.Over(base, files, in)
		if err != nil {
			return nil, err
		}
		result, err := t.chart.judge(read, release)
		if err != nil {
			return nil, err
		}
		return []*Result{result}, nil
	}
	stores, err := t.parent.Read(Name, slices.Concat(base.Files(), files), in)
	if err != nil {
		return nil, err
	}
	if len(stores) == 0 {
		return nil, t.parent.Without(Name)
	}
	var out []*Result
	for _, store := range stores {
		release := release
		release.Alias = store.Alias.String()
		if store.Values == nil {
			out = append(out, &Result{release: release, Off: true})
			continue
		}
		chart, err := t.chartOf(store)
		if err != nil {
			return nil, err
		}
		result, err := chart.judge(store.Values, release)
		if err != nil {
			return nil, err
		}
		out = append(out, result)
	}
	return out, nil
}

// chartOf compiles the chart of a dependency, once.
func (t *Target) chartOf(store values.Dependency) (*Chart, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	key := store.Alias.String()
	if known := t.charts[key]; known != nil {
		return known, nil
	}
	files, err := Packaged(store.Files, t.own)
	if err != nil {
		return nil, err
	}
	chart, err := Open(files, t.helm)
	if err == nil {
		t.charts[key] = chart
	}
	return chart, err
}

// Packaged are a chart's files, with those of own that packaging leaves out: what only tools read. Templates of own would
// take the place of those that another version has in files of other names.
func Packaged(files map[string][]byte, own fs.FS) (fs.FS, error) {
	out := fstest.MapFS{}
	err := fs.WalkDir(own, catalog.Root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".tpl" {
			return err
		}
		text, err := fs.ReadFile(own, name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	})
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: text}
	}
	return out, err
}
