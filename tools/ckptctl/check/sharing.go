package check

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/identity"
	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// place is what a store takes up in its cluster.
type place struct {
	rules.Place
	names   names.Names
	release string
	shards  int
	// claim, volume and configMap say which of the objects the release makes.
	claim, volume, configMap bool
	// asked is the storage, in bytes, that its claims ask for.
	asked int64
}

// place says what a store takes up; nothing when its values are wrong.
func (r *Result) place() place {
	if r.Off || r.rules == nil || slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.HasPrefix(f.Rule, "schema/") }) {
		return place{}
	}
	named := r.Names()
	made := func(object string) bool {
		section, _ := r.Merged[object].(map[string]any)
		return section["create"] == true
	}
	return place{
		Place: r.rules.Place(r.Merged, named), names: named, release: r.release.String(), shards: r.shards(), asked: r.asked(),
		claim:     r.Merged["provisioning"] != "existing" && made("claim"),
		volume:    r.Merged["provisioning"] == "static" && made("volume"),
		configMap: made("configMap") && made("claim"),
	}
}

// ranks are the shards of a store, or the one that stands for the whole.
func (p place) ranks() []int {
	if p.shards == 0 {
		return []int{names.Whole}
	}
	out := make([]int, p.shards)
	for i := range out {
		out[i] = i
	}
	return out
}

// clash is what is wrong between two stores of one cluster, told of the second.
type clash struct {
	store            int
	rule, name, path string
	args             map[string]any
}

// clashes finds what is wrong between the stores of one cluster: no more than one thing of each kind for a store.
func clashes(stores []place) []clash {
	if len(stores) < 2 {
		return nil
	}
	out := sameNames(stores)
	named := len(out)
	for second := range stores {
		// Two stores of one name are one mistake, whatever else they share.
		if slices.ContainsFunc(out[:named], func(c clash) bool { return c.store == second }) {
			continue
		}
		var worst *clash
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
func sameNames(stores []place) []clash {
	var out []clash
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
				out = append(out, clash{second, "E08", name, path, map[string]any{"name": object, "namespace": namespace, "other": stores[first].release}})
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
func shared(first, second place) *clash {
	lies := relation(first.Storages, second.Storages)
	// What one release makes a volume for and the other a claim is one store.
	if lies == identity.Apart || first.names.Volume(first.ranks()[0]) == second.names.Volume(second.ranks()[0]) || first.ReadOnly && second.ReadOnly {
		return nil
	}
	c := &clash{rule: "E08", args: map[string]any{
		"other": first.release, "namespace": first.names.Namespace, "claim": first.names.OwnClaim(), "own": "give each a share, a bucket or a volume of its own",
	}}
	if second.Apart != "" {
		c.args["own"] = fmt.Sprintf("set %s to a directory of its own", second.Apart)
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
func connections(stores []place) []clash {
	var out []clash
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
			out = append(out, clash{second, "W10", "differs", "mountOptions", map[string]any{"option": p.Nconnect, "otherOption": option, "other": stores[first].release}})
		}
	}
	return out
}

// clash words what is wrong with a store beside others, unless a comment accepts it; then the comments that do are
// returned instead.
func (r *Result) clash(c clash) (finding Finding, accepted []values.Position) {
	severity, message, fix := r.rules.Words(c.rule, c.name, c.args)
	for _, file := range r.values.Files() {
		for _, a := range file.Accepted {
			if severity == "warning" && a.Reason != "" && strings.EqualFold(a.Rule, c.rule) {
				accepted = append(accepted, a.At)
			}
		}
	}
	backend, _ := r.Merged["backend"].(string)
	path := c.path
	if path == "" {
		path = backend
	}
	key := values.ParsePath(path)
	return r.finding(c.rule, severity, key, r.values.Where(true, key, values.Path{backend}), message, fix), accepted
}
