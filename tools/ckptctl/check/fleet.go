package check

import (
	"errors"
	"path/filepath"
	"runtime"
	"runtime/debug"
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

// fleet is the work on one fleet.
type fleet struct {
	chart   *Chart
	base    *values.Values
	in      Inputs
	release Release
	// shared says that the overlays of one folder are stores of one cluster.
	shared   bool
	overlays []string
	names    []string
	stores   [][]footprint
	used     map[values.Position]bool
	pending  []Finding
	mutex    sync.Mutex
}

// Each checks the base with every overlay by itself, and all of them side by side. progress is called after each, from
// several goroutines.
//
// Overlays are a cluster each. Where perFolder is set, the overlays of one folder are releases in one cluster, each
// named after its file.
func (c *Chart) Each(in Inputs, overlays []string, perFolder bool, release Release, progress func(done int)) (*Fleet, error) {
	base, err := c.read(in, release.Stdin)
	if err != nil {
		return nil, err
	}
	f := &fleet{
		chart: c, base: base, in: in, release: release, shared: perFolder, overlays: overlays, names: shortNames(overlays),
		stores: make([][]footprint, len(overlays)), used: map[values.Position]bool{},
	}
	defer collectRarely(len(overlays))()
	out := &Fleet{Clusters: make([]report.Cluster, len(overlays))}
	findings := make([][]Finding, len(overlays))
	failed := make([]error, len(overlays))
	var next, done atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(overlays)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(overlays); i = int(next.Add(1)) - 1 {
				out.Clusters[i], findings[i], failed[i] = f.one(i)
				progress(int(done.Add(1)))
			}
		})
	}
	workers.Wait()
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

// collectRarely has the collector come by only when there is something to collect, until what it returns is called: most of
// what an overlay takes up is forgotten with it, and the rest is some 2 KiB.
func collectRarely(overlays int) (restore func()) {
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, 64<<20+int64(overlays)*4<<10))
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// shortNames gives each overlay the shortest name that tells it from the others.
func shortNames(overlays []string) []string {
	count := map[string]int{}
	short := make([]string, len(overlays))
	for i, overlay := range overlays {
		short[i] = strings.TrimSuffix(filepath.Base(overlay), filepath.Ext(overlay))
		count[short[i]]++
	}
	for i, overlay := range overlays {
		if count[short[i]] > 1 {
			short[i] = strings.TrimSuffix(overlay, filepath.Ext(overlay))
		}
	}
	return short
}

func (f *fleet) releaseOf(i int) Release {
	release := f.release
	if f.shared {
		release.Name = strings.TrimSuffix(filepath.Base(f.overlays[i]), filepath.Ext(f.overlays[i]))
	}
	return release
}

// read checks one overlay.
func (f *fleet) read(i int) ([]*Store, error) {
	file, err := f.in.Open(f.overlays[i], f.chart.helm, nil)
	if err != nil {
		return nil, err
	}
	return f.chart.stores(f.base, []*values.File{file}, f.in, f.releaseOf(i))
}

func (f *fleet) one(i int) (report.Cluster, []Finding, error) {
	cluster := report.Cluster{Name: f.names[i], File: f.overlays[i]}
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
		s.findings[at].Clusters = []string{f.names[i]}
	}
	if len(s.used)+len(s.pending) > 0 {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		for _, at := range s.used {
			f.used[at] = true
		}
		for _, p := range s.pending {
			p.Clusters = []string{f.names[i]}
			f.pending = append(f.pending, p)
		}
	}
	return s.findings
}
