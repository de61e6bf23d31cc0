package upgrade

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// foreign adds what the values say that others have made, and what the release would make from now on: a claim that a volume
// is reserved for, the volume and the class that a claim names, and the claims of provisioning: existing.
func (c *comparison) foreign() {
	theirs := map[named]string{}
	for _, key := range published(c.from) {
		theirs[named{claimKind, key}] = "claim.existing"
	}
	for _, volume := range c.from[volumeKind] {
		theirs[named{claimKind, reservedFor(volume)}] = "claim.create"
	}
	for _, claim := range c.from[claimKind] {
		theirs[named{volumeKind, Key{Name: volumeName(claim)}}] = "volume.create"
		// The class of a static volume need not exist.
		if volumeName(claim) == "" {
			theirs[named{classKind, Key{Name: className(claim)}}] = "storageClass.create"
		}
	}
	for _, kind := range kinds {
		for _, key := range c.to.keys(kind) {
			cause, used := theirs[named{kind, key}]
			if _, ours := c.from[kind][key]; ours || !used {
				continue
			}
			c.add("E10", "error", "theirs "+kind, []string{cause}, key,
				fmt.Sprintf("%s %s exists already, and the current values do not create it: Helm refuses to take it over, unless an earlier revision of this release has created it.", kind, key),
				recipe{how: look, lines: []paste.Line{whole(named{kind, key})}})
		}
	}
}

// published returns the claims that the ConfigMap of a release names, and the release does not create.
func published(objects Objects) (out []Key) {
	for _, m := range objects.keys(configMapKind) {
		names, _ := get(objects[configMapKind][m], "data.CHECKPOINT_CLAIMS").(string)
		for _, name := range strings.Fields(names) {
			key := Key{m.Namespace, name}
			if _, ours := objects[claimKind][key]; !ours {
				out = append(out, key)
			}
		}
	}
	return out
}

// existing adds the claims of provisioning: existing that the new values no longer name.
func (c *comparison) existing() {
	next := slices.Concat(published(c.to), c.to.keys(claimKind))
	for _, key := range published(c.from) {
		if len(next) > 0 && !slices.Contains(next, key) {
			c.add("E10", "warning", "existing", []string{"claim.existing", "provisioning", "shards", "namespaceOverride"}, key,
				fmt.Sprintf("claim %s is no longer the store's, and its checkpoints stay on it: pods have %s from now on.", key.Name, next[0].Name), recipe{})
		}
	}
}

// whole returns the command that shows an object of the cluster.
func whole(n named) paste.Line {
	if n.key.Namespace == "" {
		return paste.Command("kubectl get %s %s --output yaml", n.kind, n.key.Name)
	}
	return paste.Command("kubectl --namespace %s get %s %s --output yaml", n.key.Namespace, n.kind, n.key.Name)
}
