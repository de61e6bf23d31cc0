package check

import (
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Fleet is what was found in all overlays.
type Fleet struct {
	Clusters []report.Cluster
	Findings []Finding
}

// Unreadable says that an overlay cannot be read.
func (f *Fleet) Unreadable() bool {
	return slices.ContainsFunc(f.Clusters, func(c report.Cluster) bool { return c.Unreadable != "" })
}

// Overlay is a file that is laid over the base by itself, and what it is for.
type Overlay struct {
	// File is the overlay, and Name what reports call it.
	File, Name string
	// Cluster is the cluster; overlays that have the same are releases in one.
	Cluster string
	// Context is the context by which commands reach the cluster; "" is the current one.
	Context string
	// Chart is the chart of the release, and Place where it is for who is to run Helm.
	Chart   *Chart
	Place   string
	Release Release
}

// Disk reads files; the name - is the standard input, which is read once.
func Disk(stdin io.Reader) Reader { return values.Disk(stdin) }

// fleet is the work on one fleet.
type fleet struct {
	in       Inputs
	overlays []Overlay
	// bases are the base files as each chart reads them.
	bases   map[*Chart]*values.Values
	stores  [][]footprint
	used    map[values.Position]bool
	pending []Finding
	mutex   sync.Mutex
}

// Overlays are files over the base that differ in nothing but their values, a cluster each. Where perFolder is set, the
// files of one folder are releases in one cluster, each named after its file.
func (c *Chart) Overlays(files []string, perFolder bool, release Release) []Overlay {
	names := Names(files)
	out := make([]Overlay, len(files))
	for i, file := range files {
		out[i] = Overlay{File: file, Name: names[i], Cluster: file, Chart: c, Release: release}
		if perFolder {
			out[i].Cluster, out[i].Release.Name = filepath.Dir(file), stem(filepath.Base(file))
		}
	}
	return out
}

// Each checks the base with every overlay by itself, and all of them side by side. progress is called after each, from
// several goroutines.
func Each(in Inputs, overlays []Overlay, stdin io.Reader, progress func(done int)) (*Fleet, error) {
	f := &fleet{
		in: in, overlays: overlays, bases: map[*Chart]*values.Values{},
		stores: make([][]footprint, len(overlays)), used: map[values.Position]bool{},
	}
	disk := in.Reader(stdin)
	for _, overlay := range overlays {
		if f.bases[overlay.Chart] != nil {
			continue
		}
		base, err := overlay.Chart.read(in.Files, disk)
		if err != nil {
			return nil, err
		}
		f.bases[overlay.Chart] = base
	}
	defer collectRarely(len(overlays))()
	out := &Fleet{Clusters: make([]report.Cluster, len(overlays))}
	findings := make([][]Finding, len(overlays))
	failed := make([]error, len(overlays))
	beside(len(overlays), progress, func(i int) { out.Clusters[i], findings[i], failed[i] = f.one(i) })
	for i := range overlays {
		if failed[i] != nil {
			return nil, failed[i]
		}
		out.Findings = append(out.Findings, findings[i]...)
	}
	between, err := f.conflicts()
	if err != nil {
		return nil, err
	}
	at := make(map[string]*report.Cluster, len(overlays))
	for i := range out.Clusters {
		at[out.Clusters[i].Name] = &out.Clusters[i]
	}
	for _, finding := range between {
		errors, warnings := report.Count([]Finding{finding})
		for _, name := range finding.Clusters {
			at[name].Errors += errors
			at[name].Warnings += warnings
		}
	}
	out.Findings = append(out.Findings, between...)
	out.Findings = report.Join(append(out.Findings, unused(f.pending, f.used)...))
	return out, nil
}

// beside does a number of things, as many at once as there are processors.
func beside(all int, progress func(done int), do func(i int)) {
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), all) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < all; i = int(next.Add(1)) - 1 {
				do(i)
				progress(int(done.Add(1)))
			}
		})
	}
	workers.Wait()
}

// collectRarely has the collector come by only when there is something to collect, until what it returns is called: most of
// what an overlay takes up is forgotten with it, and the rest is some 2 KiB. Beside what there is before, that is: a limit
// below it has the collector come by without end.
func collectRarely(overlays int) (restore func()) {
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, max(64<<20, inUse()*2)+int64(overlays)*4<<10))
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// inUse is what the collector last found to be in use; 0 where it has not come by yet.
func inUse() int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(min(live[0].Value.Uint64(), 1<<40))
}

// Names gives each overlay the shortest name that tells it from the others: of its file, or of its folder where all files
// have one name.
func Names(overlays []string) []string {
	files, folders := map[string]int{}, map[string]int{}
	for _, overlay := range overlays {
		files[stem(filepath.Base(overlay))]++
		folders[filepath.Base(filepath.Dir(overlay))]++
	}
	out := make([]string, len(overlays))
	for i, overlay := range overlays {
		file, folder := stem(filepath.Base(overlay)), filepath.Base(filepath.Dir(overlay))
		switch {
		case files[file] == 1:
			out[i] = file
		case len(files) == 1 && folders[folder] == 1:
			out[i] = folder
		default:
			out[i] = stem(overlay)
		}
	}
	return out
}

// stem is a file's name without its extension.
func stem(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) }

// read checks one overlay.
func (f *fleet) read(i int) ([]*Store, error) {
	o := f.overlays[i]
	file, err := f.in.Reader(nil).Open(o.File, o.Chart.helm)
	if err != nil {
		return nil, err
	}
	return o.Chart.stores(f.bases[o.Chart], []*values.File{file}, f.in, o.Release)
}

func (f *fleet) one(i int) (report.Cluster, []Finding, error) {
	cluster := report.Cluster{Name: f.overlays[i].Name, File: f.overlays[i].File}
	stores, err := f.read(i)
	var unreadable *values.InputError
	if errors.As(err, &unreadable) {
		cluster.Unreadable, cluster.Errors = unreadable.Error(), 1
		return cluster, nil, nil
	}
	if err != nil {
		return cluster, nil, err
	}
	var findings []Finding
	for _, s := range stores {
		if cluster.Summary != "" {
			cluster.Summary += "; "
		}
		cluster.Summary += s.Summary()
		f.stores[i] = append(f.stores[i], s.footprint())
		findings = append(findings, f.own(i, s)...)
	}
	cluster.Errors, cluster.Warnings = report.Count(findings)
	return cluster, findings, nil
}

// own is what was found in one overlay, with what its comments accepted.
func (f *fleet) own(i int, s *Store) []Finding {
	for at := range s.findings {
		s.findings[at].Clusters = []string{f.overlays[i].Name}
	}
	if len(s.used)+len(s.pending) > 0 {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		for _, at := range s.used {
			f.used[at] = true
		}
		for _, p := range s.pending {
			p.Clusters = []string{f.overlays[i].Name}
			f.pending = append(f.pending, p)
		}
	}
	return s.findings
}
