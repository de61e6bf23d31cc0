package check

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// place is what a store takes up in its cluster.
type place struct {
	rules.Place
	volume, release string
	// asked is the storage, in bytes, that its claims ask for.
	asked int64
}

// place says what a store takes up; nothing when its values are wrong.
func (r *Result) place() place {
	if r.Off || r.rules == nil || slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.HasPrefix(f.Rule, "schema/") }) {
		return place{}
	}
	p := place{release: r.release.String(), asked: r.asked()}
	if r.Merged["provisioning"] != "static" {
		return p
	}
	p.volume = r.Names().Volume(names.Whole)
	p.Place = r.rules.Place(r.Merged)
	return p
}

// at is one store of one overlay.
type at struct{ overlay, store int }

// across finds what is wrong between overlays.
func (f *fleet) across() ([]Finding, error) {
	volumes, handles, servers, everywhere := map[string][]at{}, map[string][]at{}, map[string][]at{}, map[string][]at{}
	for i, stores := range f.stores {
		cluster := f.cluster(i)
		for s, p := range stores {
			here := at{i, s}
			if p.volume != "" {
				volumes[cluster+"\x00"+p.volume] = append(volumes[cluster+"\x00"+p.volume], here)
			}
			if p.Nconnect != "" {
				servers[cluster+"\x00"+p.Server] = append(servers[cluster+"\x00"+p.Server], here)
			}
			for _, identity := range p.Identities {
				handles[cluster+"\x00"+identity] = append(handles[cluster+"\x00"+identity], here)
				if !p.NodeBound {
					everywhere[identity] = append(everywhere[identity], here)
				}
			}
		}
	}
	var out []Finding
	for _, search := range []struct {
		groups map[string][]at
		judge  func(group []at) ([]Finding, error)
	}{
		{volumes, f.pairs("E08", "sameVolumeName", "volume.name")},
		{handles, f.pairs("E08", "sameHandle", "")},
		{servers, f.connections},
		{everywhere, f.clusters},
	} {
		for _, key := range slices.Sorted(maps.Keys(search.groups)) {
			if len(search.groups[key]) < 2 {
				continue
			}
			found, err := search.judge(search.groups[key])
			if err != nil {
				return nil, err
			}
			// A finding that a comment accepts is none.
			out = append(out, slices.DeleteFunc(found, func(f Finding) bool { return f.Rule == "" })...)
		}
	}
	exceeded, err := f.quota()
	return append(out, exceeded...), err
}

// cluster names the cluster that an overlay is for.
func (f *fleet) cluster(i int) string {
	if f.shared {
		return filepath.Dir(f.overlays[i])
	}
	return f.overlays[i]
}

// pairs reports every store of a group after the first, which it names; one that the first already clashes with in
// another way is the same mistake.
func (f *fleet) pairs(rule, name, path string) func([]at) ([]Finding, error) {
	return func(group []at) ([]Finding, error) {
		var out []Finding
		for _, second := range group[1:] {
			finding, err := f.finding(second, rule, name, path, map[string]any{
				"volume": f.stores[second.overlay][second.store].volume, "other": f.name(group[0]),
			})
			if err != nil {
				return nil, err
			}
			out = append(out, finding)
		}
		return out, nil
	}
}

// connections reports the stores on one server whose nconnect is another than the first's.
func (f *fleet) connections(group []at) ([]Finding, error) {
	first := f.stores[group[0].overlay][group[0].store]
	for _, second := range group[1:] {
		if p := f.stores[second.overlay][second.store]; p.Nconnect != first.Nconnect {
			finding, err := f.finding(second, "W10", "differs", "mountOptions", map[string]any{
				"option": p.Nconnect, "otherOption": first.Nconnect, "other": f.name(group[0]),
			})
			return []Finding{finding}, err
		}
	}
	return nil, nil
}

// clusters reports storage that several clusters use.
func (f *fleet) clusters(group []at) ([]Finding, error) {
	seen := map[string]bool{}
	var names []string
	for _, each := range group {
		if cluster := f.cluster(each.overlay); !seen[cluster] {
			seen[cluster] = true
			names = append(names, f.names[each.overlay])
		}
	}
	if len(names) < 2 {
		return nil, nil
	}
	finding, err := f.finding(group[len(group)-1], "W11", "shared", "", map[string]any{"count": len(names), "clusters": report.Few(names)})
	finding.Clusters = names
	return []Finding{finding}, err
}

func (f *fleet) name(where at) string { return f.names[where.overlay] }

// finding reads an overlay again, for where in it the mistake is.
func (f *fleet) finding(where at, rule, name, path string, args map[string]any) (Finding, error) {
	results, err := f.read(where.overlay)
	if err != nil || where.store >= len(results) {
		return Finding{}, err
	}
	r := results[where.store]
	backend, _ := r.Merged["backend"].(string)
	if path == "" {
		path = backend
	}
	key := values.ParsePath(path)
	severity, message, fix := r.rules.Words(rule, name, args)
	for _, file := range r.values.Files() {
		for _, a := range file.Accepted {
			if severity == "warning" && a.Reason != "" && strings.EqualFold(a.Rule, rule) {
				f.used[a.At] = true
				return Finding{}, nil
			}
		}
	}
	out := r.finding(rule, severity, key, r.values.Where(true, key, values.Path{backend}), message, fix)
	out.Clusters = []string{f.names[where.overlay]}
	return out, nil
}
