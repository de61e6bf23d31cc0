package check

import (
	"maps"
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// storeRef is one store of one overlay.
type storeRef struct{ overlay, store int }

// conflicts finds what is wrong between overlays, and between the stores of one.
func (f *fleet) conflicts() ([]Finding, error) {
	clusters, everywhere := map[string][]storeRef{}, map[string][]storeRef{}
	for i, stores := range f.stores {
		for s, p := range stores {
			clusters[f.overlays[i].Cluster] = append(clusters[f.overlays[i].Cluster], storeRef{i, s})
			for _, storage := range p.Storages {
				if !p.NodeBound {
					everywhere[storage.Key()] = append(everywhere[storage.Key()], storeRef{i, s})
				}
			}
		}
	}
	var out []Finding
	tell := func(where storeRef, c conflict, others ...string) error {
		finding, found, err := f.finding(where, c)
		if found {
			finding.Clusters = append(others, finding.Clusters...)
			out = append(out, finding)
		}
		return err
	}
	for _, cluster := range slices.Sorted(maps.Keys(clusters)) {
		stores := make([]footprint, len(clusters[cluster]))
		for i, where := range clusters[cluster] {
			stores[i] = f.stores[where.overlay][where.store]
		}
		for _, c := range conflicts(stores, f.overlays[clusters[cluster][0].overlay].Release.Quota) {
			if err := tell(clusters[cluster][c.store], c); err != nil {
				return nil, err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(everywhere)) {
		if c, names := f.clusters(everywhere[key]); len(names) > 1 {
			if err := tell(everywhere[key][c.store], c, names[:len(names)-1]...); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// clusters says which overlays of several clusters write to one storage, or use one that a single node can have; none
// where all but one only read.
func (f *fleet) clusters(group []storeRef) (c conflict, names []string) {
	seen := map[string]bool{}
	exclusive := slices.ContainsFunc(group, func(each storeRef) bool { return f.stores[each.overlay][each.store].Exclusive })
	for i, each := range group {
		p := f.stores[each.overlay][each.store]
		if cluster := f.overlays[each.overlay].Cluster; !seen[cluster] && (exclusive || !p.ReadOnly) {
			seen[cluster] = true
			names, c.store = append(names, f.overlays[each.overlay].Name), i
		}
	}
	c.rule, c.name, c.args = "W11", "shared", map[string]any{"count": len(names), "clusters": report.Few(names)}
	return c, names
}

// finding reads an overlay again, for where in it the mistake is; not found when a comment accepts it.
func (f *fleet) finding(where storeRef, c conflict) (finding Finding, found bool, err error) {
	stores, err := f.read(where.overlay)
	if err != nil || where.store >= len(stores) {
		return Finding{}, false, err
	}
	finding, accepted := stores[where.store].conflict(c)
	for _, position := range accepted {
		f.used[position] = true
	}
	finding.Clusters = []string{f.overlays[where.overlay].Name}
	return finding, len(accepted) == 0, nil
}

// between finds what is wrong between the stores of one release, and the comments that accept some of it.
func between(stores []*Store, most int64) (findings []Finding, used map[values.Position]bool) {
	footprints := make([]footprint, len(stores))
	used = map[values.Position]bool{}
	for i, s := range stores {
		footprints[i] = s.footprint()
		for _, position := range s.used {
			used[position] = true
		}
	}
	for _, c := range conflicts(footprints, most) {
		finding, accepted := stores[c.store].conflict(c)
		for _, position := range accepted {
			used[position] = true
		}
		if len(accepted) == 0 {
			findings = append(findings, finding)
		}
	}
	return findings, used
}
