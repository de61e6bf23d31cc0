package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func kept(object unstructured.Unstructured) bool {
	return object.GetAnnotations()["helm.sh/resource-policy"] == "keep"
}

// unkept adds an object that loses its resource policy keep.
func (c *comparison) unkept(kind string, key Key, old, fresh unstructured.Unstructured) {
	if !kept(old) || kept(fresh) {
		return
	}
	keep := recipe{how: leave, set: "keep=true"}
	switch kind {
	case claimKind:
		c.add("E10", "warning", "unkept", []string{"keep"}, key, fmt.Sprintf("claim %s is no longer kept: the next `helm uninstall` deletes it.", key.Name), keep)
	case volumeKind:
		if _, with := c.to[claimKind][reservedFor(old)]; !with {
			c.add("E04", "warning", "parted", []string{"keep", "claim.create"}, key,
				fmt.Sprintf("volume %s is no longer kept, and its claim is not in the release: the next `helm uninstall` deletes the volume, and leaves its claim without it.", key.Name), keep)
		}
	}
}

// leaves adds an object that the new values no longer create: Helm deletes it unless it is kept.
func (c *comparison) leaves(kind string, key Key, old unstructured.Unstructured) {
	switch kind {
	case claimKind:
		c.claimLeaves(key, old)
	case volumeKind:
		c.volumeLeaves(key, old)
	case classKind:
		c.classLeaves(key, old)
	case configMapKind:
		c.gone("warning", "map", []string{"configMap.create", "configMap.name", "claim.create", "fullnameOverride", "nameOverride", "namespaceOverride"}, key,
			recipe{}, "ConfigMap %s is deleted: pods that read it do not start until they name another.")
	}
}

// gone adds an object that leaves the release; the message's first verb is its name.
func (c *comparison) gone(severity, about string, values []string, key Key, r recipe, message string, words ...any) {
	c.add("E10", severity, about, values, key, fmt.Sprintf(message, append([]any{key.Name}, words...)...), r)
}

// identifying are the keys that determine the claims' names.
var identifying = []string{"claim.name", "fullnameOverride", "nameOverride", "namespaceOverride", "shards", "provisioning", "claim.create"}

func (c *comparison) claimLeaves(key Key, old unstructured.Unstructured) {
	heir, renamed := c.heir(key)
	next := c.to[claimKind][heir]
	volume := volumeName(old)
	stay := recipe{how: stayNamed, claims: []Key{key}, class: className(old), volumes: words(volumeName(c.stored[claimKind][key]))}
	to := heir.Name
	if heir.Namespace != key.Namespace {
		to = fmt.Sprintf("%s of namespace %s", heir.Name, heir.Namespace)
	}
	_, ours := c.to[volumeKind][Key{Name: volume}]
	where, why := c.elsewhere(old, next)
	stay.where = where
	switch source, filled := get(next, "spec.dataSourceRef").(map[string]any); {
	case renamed && volume != "" && volume == volumeName(next) && ours:
		// Its volume is reserved for the new claim, which is reported.
	case renamed && !kept(old):
		c.gone("error", "renamed, deleted", identifying, key, stay, "claim %s is renamed to %s, and not kept: Helm deletes it.", to)
	case renamed && volume != "" && volume == volumeName(next):
		c.gone("error", "renamed", identifying, key, stay, "claim %s is renamed to %s, and stays bound to volume %s: the new claim stays Pending.", to, volume)
	case renamed && filled:
		c.gone("warning", "filled beside", identifying, key, recipe{}, "claim %s is no longer created; it and its volume stay, beside %s, which is filled from %v %v.", to, source["kind"], source["name"])
	case renamed && where == alike:
		c.gone("error", "renamed", identifying, key, stay, "claim %s is renamed to %s, whose volume has other attributes: its checkpoints may stay behind.", to)
	case renamed && where == other:
		c.gone("error", "renamed", identifying, key, stay, "claim %s is renamed to %s, and its checkpoints stay behind%s.", to, why)
	case renamed:
		c.gone("warning", "stays beside", identifying, key, stay, "claim %s is no longer created; it and its volume stay, beside new ones on the same storage.")
	case kept(old):
		c.gone("warning", "stays", identifying, key, recipe{}, "claim %s is no longer created; it and its volume stay on the cluster.")
	default:
		c.gone("error", "deleted", identifying, key, recipe{how: keepFirst}, "claim %s is no longer created and not kept: Helm deletes it.")
	}
}

// earlier adds what becomes of the objects of another release, which stay as they are: Helm lets no release have those of
// another, and what has a new name starts beside them.
func (c *comparison) earlier() {
	leave := recipe{how: sameRelease}
	for _, kind := range kinds {
		for _, key := range c.from.keys(kind) {
			if _, wanted := c.to[kind][key]; wanted {
				c.add("E10", "error", "earlier "+kind, identifying, key, fmt.Sprintf("%s %s belongs to release %s of namespace %s: Helm refuses to let release %s of namespace %s have it.",
					kind, key, c.Earlier.Release, c.Earlier.Namespace, c.Release, c.Namespace), leave)
			} else if heir, renamed := c.heir(key); kind == claimKind && renamed {
				if where, why := c.elsewhere(c.from[kind][key], c.to[kind][heir]); where == same {
					c.gone("warning", "earlier, same", identifying, key, leave, "claim %s stays in release %s of namespace %s, beside a new one on the same storage.", c.Earlier.Release, c.Earlier.Namespace)
				} else {
					c.gone("error", "renamed", identifying, key, leave, "claim %s stays in release %s of namespace %s, and its checkpoints with it%s.", c.Earlier.Release, c.Earlier.Namespace, why)
				}
			}
		}
	}
}

// heir returns the new claim that replaces an old one: the one with the same shard number among the added claims.
func (c *comparison) heir(key Key) (Key, bool) {
	fresh := slices.DeleteFunc(c.to.keys(claimKind), func(k Key) bool { _, before := c.from[claimKind][k]; return before })
	// If other claims of the release remain, the old one has no replacement.
	if len(fresh) == 0 || len(fresh) < len(c.to[claimKind]) {
		return Key{}, false
	}
	for _, k := range fresh {
		if number(k.Name) == number(key.Name) {
			return k, true
		}
	}
	return fresh[0], true
}

// number returns the shard number at the end of a name; "" if there is none.
func number(name string) string {
	if i := strings.LastIndex(name, "-"); i >= 0 && strings.Trim(name[i+1:], "0123456789") == "" {
		return name[i+1:]
	}
	return ""
}

func (c *comparison) volumeLeaves(key Key, old unstructured.Unstructured) {
	reserved := reservedFor(old)
	values := []string{"volume.create", "volume.name", "shards", "fullnameOverride", "nameOverride", "namespaceOverride", "provisioning", "keep"}
	owner, ours := c.from[claimKind][reserved]
	next, goesOn := c.to[claimKind][reserved]
	switch {
	case ours && !goesOn && kept(owner) == kept(old):
		// It is treated like its claim, which is reported.
	case goesOn && volumeName(next) != key.Name:
		// Its claim names another volume, which the API server refuses.
	case !kept(old):
		c.gone("error", "volume deleted", values, key, recipe{how: keepFirst}, "volume %s is no longer created and not kept: Helm deletes it while its claim exists.")
	case !ours:
		c.gone("warning", "volume theirs", values, key, recipe{}, "volume %s is no longer created; it stays, and its claim stays bound to it.")
	default:
		c.gone("warning", "volume stays", values, key, recipe{}, "volume %s is no longer created; it stays on the cluster.")
	}
}

func (c *comparison) classLeaves(key Key, old unstructured.Unstructured) {
	if kept(old) {
		return
	}
	values := []string{"storageClass.create", "storageClass.name", "fullnameOverride", "nameOverride", "namespaceOverride", "keep"}
	if len(c.from[claimKind]) == 0 {
		c.gone("warning", "class theirs", values, key, recipe{how: keepFirst}, "class %s is deleted: claims of other releases that name it can no longer be expanded, and new ones stay Pending.")
		return
	}
	for _, k := range c.to.keys(claimKind) {
		if _, before := c.from[claimKind][k]; !before && className(c.to[claimKind][k]) == key.Name {
			c.gone("error", "class deleted, named", values, key, recipe{how: keepFirst}, "class %s is no longer created and not kept: Helm deletes it, and new claims that name it stay Pending.")
			return
		}
	}
	for _, k := range c.from.keys(claimKind) {
		_, stays := c.to[claimKind][k]
		if before := c.from[claimKind][k]; className(before) == key.Name && (stays || kept(before)) {
			c.gone("warning", "class deleted", values, key, recipe{}, "class %s is deleted: the claims of that class can no longer be expanded.")
			return
		}
	}
}

func className(claim unstructured.Unstructured) string {
	name, _ := get(claim, "spec.storageClassName").(string)
	return name
}
