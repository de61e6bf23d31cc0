package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/identity"
	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// footprint is what a store takes up in its cluster.
type footprint struct {
	rules.Place
	names   names.Names
	release string
	shards  int
	// claim, volume and configMap say which of the objects the release makes.
	claim, volume, configMap bool
	// asked is the storage, in bytes, that its claims ask for.
	asked int64
}

// footprint says what a store takes up; nothing when its values are wrong.
func (s *Store) footprint() footprint {
	if s.Off || slices.ContainsFunc(s.findings, func(f Finding) bool { return strings.HasPrefix(f.Rule, "schema/") }) {
		return footprint{}
	}
	named := s.Names()
	made := func(object string) bool {
		section, _ := s.Merged[object].(map[string]any)
		return section["create"] == true
	}
	return footprint{
		Place: s.definition.rules.Place(s.Merged, named), names: named, release: s.release.String(), shards: s.shards(), asked: s.asked(),
		claim:     s.Merged["provisioning"] != "existing" && made("claim"),
		volume:    s.Merged["provisioning"] == "static" && made("volume"),
		configMap: made("configMap") && made("claim"),
	}
}

// ranks are the shards of a store, or the one that stands for the whole.
func (f footprint) ranks() []int {
	if f.shards == 0 {
		return []int{names.Whole}
	}
	out := make([]int, f.shards)
	for i := range out {
		out[i] = i
	}
	return out
}

// conflict is what is wrong between two stores of one cluster; it is reported for the second.
type conflict struct {
	store            int
	rule, name, path string
	args             map[string]any
}

// conflicts finds what is wrong between the stores of one cluster, and that they ask for more than its quota together.
func conflicts(stores []footprint, most int64) []conflict {
	return append(sharing(stores), quota(stores, most)...)
}

// sharing finds what stores may not share: no more than one thing of each kind for a store.
func sharing(stores []footprint) []conflict {
	if len(stores) < 2 {
		return nil
	}
	out := sameNames(stores)
	named := len(out)
	for second := range stores {
		// Two stores of one name are one mistake, whatever else they share.
		if slices.ContainsFunc(out[:named], func(c conflict) bool { return c.store == second }) {
			continue
		}
		var worst *conflict
		for first := range second {
			if c := shared(stores[first], stores[second]); c != nil && (worst == nil || worst.rule[0] == 'W' && c.rule[0] == 'E') {
				worst = c
			}
		}
		if worst != nil {
			worst.store = second
			out = append(out, *worst)
		}
	}
	return append(out, connections(stores)...)
}

// sameNames finds the objects that two stores would make under one name, and the volumes that two would claim.
func sameNames(stores []footprint) []conflict {
	var out []conflict
	seen := map[string]int{}
	for second, p := range stores {
		found := false
		look := func(kind, name, path, namespace, object string) {
			if object == "" {
				return
			}
			key := kind + "\x00" + namespace + "\x00" + object
			first, taken := seen[key]
			if !taken {
				seen[key] = second
				return
			}
			if first != second && !found {
				found = true
				out = append(out, conflict{second, "E08", name, path, map[string]any{"name": object, "namespace": namespace, "other": stores[first].release}})
			}
		}
		for _, shard := range p.ranks() {
			if p.claim {
				look("claim", "sameClaim", "claim.name", p.names.Namespace, p.names.Claim(shard))
				look("claimed", "sameVolumeName", "volume.name", "", p.names.Volume(shard))
			}
			if p.volume {
				look("volume", "sameVolumeName", "volume.name", "", p.names.Volume(shard))
			}
		}
		look("class", "sameClass", "storageClass.name", "", p.names.Class())
		if p.configMap {
			look("configMap", "sameConfigMap", "configMap.name", p.names.Namespace, p.names.ConfigMap())
		}
	}
	return out
}

// shared says what is wrong with two stores on one storage; nil when nothing is.
func shared(first, second footprint) *conflict {
	lies := relation(first.Storages, second.Storages)
	// What one release makes a volume for and the other a claim is one store.
	if lies == identity.Apart || first.names.Volume(first.ranks()[0]) == second.names.Volume(second.ranks()[0]) || first.ReadOnly && second.ReadOnly {
		return nil
	}
	c := &conflict{rule: "E08", args: map[string]any{
		"other": first.release, "namespace": first.names.Namespace, "claim": first.names.OwnClaim(), "own": "give each its own share, bucket or volume",
	}}
	if second.Apart != "" {
		c.args["own"] = fmt.Sprintf("set %s to its own directory", second.Apart)
	}
	switch same := lies == identity.Same; {
	case same && (first.Exclusive || second.Exclusive):
		c.name = "exclusive"
	case first.ReadOnly || second.ReadOnly:
		return nil
	case same && first.names.Namespace == second.names.Namespace:
		c.name = "sameStorage"
	case same:
		c.rule, c.name = "W15", "namespaces"
	default:
		c.rule, c.name = "W15", "nested"
		c.args["inner"], c.args["outer"] = second.release, first.release
		if lies == identity.Inside {
			c.args["inner"], c.args["outer"] = first.release, second.release
		}
	}
	return c
}

// relation is how the storages of the first lie to those of the second.
func relation(first, second []identity.Storage) identity.Relation {
	nested := identity.Apart
	for _, a := range first {
		for _, b := range second {
			switch found := a.To(b); found {
			case identity.Same:
				return found
			case identity.Inside, identity.Around:
				nested = found
			}
		}
	}
	return nested
}

// connections finds, for each server, the first store on it whose nconnect is another than those before.
func connections(stores []footprint) []conflict {
	var out []conflict
	seen := map[string]int{}
	for second, p := range stores {
		if p.Nconnect == "" {
			continue
		}
		first, known := seen[p.Server]
		if !known {
			seen[p.Server] = second
			continue
		}
		if first < 0 {
			continue
		}
		if option := stores[first].Nconnect; option != p.Nconnect {
			seen[p.Server] = -1
			out = append(out, conflict{second, "W10", "differs", "mountOptions", map[string]any{"option": p.Nconnect, "otherOption": option, "other": stores[first].release}})
		}
	}
	return out
}

// conflict reports what is wrong with a store beside others, unless a comment accepts it; then the comments that do are
// returned instead.
func (s *Store) conflict(c conflict) (finding Finding, accepted []values.Position) {
	finding = s.definition.rules.Finding(c.rule, c.name, c.args)
	for _, file := range s.values.Files() {
		for _, a := range file.Accepted {
			if finding.Severity == report.Warning && a.Reason != "" && strings.EqualFold(a.Rule, c.rule) {
				accepted = append(accepted, a.At)
			}
		}
	}
	backend, _ := s.Merged["backend"].(string)
	key := values.ParsePath(cmp.Or(c.path, backend))
	return s.locate(finding, key, s.values.Where(true, key, values.Path{backend})), accepted
}
