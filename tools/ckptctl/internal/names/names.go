// Package names computes the names of the objects that a release makes, as templates/_names.tpl of the chart does.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/huandu/xstrings"
)

// Whole is the shard of a store that has none.
const Whole = -1

// most is the longest name: labels and volume handles of drivers have no room for more.
const most = 63

// Names are those of one store.
type Names struct {
	// Fullname is what the names begin with, and Namespace the claim's.
	Fullname, Namespace string

	provisioning, claim, existing, volume, class, configMap string
	ownClass                                                bool
	shards                                                  bool
}

// Of computes the names that merged values give to the store of a release. The alias is the name by which the nearest parent
// chart knows the store, "" for the chart itself.
func Of(values map[string]any, release, namespace, alias string) Names {
	n := Names{
		Fullname:     fullname(values, release, alias),
		Namespace:    first(text(values, "namespaceOverride"), namespace),
		provisioning: text(values, "provisioning"),
		claim:        text(values, "claim", "name"),
		existing:     text(values, "claim", "existing"),
		volume:       text(values, "volume", "name"),
		class:        text(values, "storageClass", "name"),
		configMap:    text(values, "configMap", "name"),
	}
	class, _ := values["storageClass"].(map[string]any)
	n.ownClass = class["create"] == true
	switch shards := values["shards"].(type) {
	case float64:
		n.shards = shards > 0
	case int64:
		n.shards = shards > 0
	}
	return n
}

// fullname is the release for the chart itself, <release>-<alias> for a dependency.
func fullname(values map[string]any, release, alias string) string {
	if own := text(values, "fullnameOverride"); own != "" {
		return own
	}
	name := first(text(values, "nameOverride"), alias)
	if name == "" {
		return release
	}
	return release + "-" + label(name)
}

// label makes a DNS label of a chart's name or alias: fastTier becomes fast-tier.
func label(name string) string {
	name = strings.ToLower(xstrings.ToKebabCase(name))
	return strings.TrimSuffix(name[:min(len(name), most)], "-")
}

// Claim is the name of the claim that pods mount, or of a shard's.
func (n Names) Claim(shard int) string {
	if n.provisioning == "existing" {
		return n.existing + suffix(shard)
	}
	return cut(first(n.claim, n.Fullname), suffix(shard))
}

// OwnClaim is the name that claim.existing would have if it were the release's own: without a shard's number.
func (n Names) OwnClaim() string {
	end := ""
	if n.shards {
		end = suffix(0)
	}
	return strings.TrimSuffix(cut(first(n.claim, n.Fullname), end), end)
}

// Volume is the name of the PersistentVolume, or of a shard's; "" when only the cluster knows it.
func (n Names) Volume(shard int) string {
	if n.volume == "" && n.provisioning != "static" {
		return ""
	}
	return n.inCluster(n.volume, suffix(shard))
}

// Class is the name of the StorageClass that the release makes; "" when it makes none.
func (n Names) Class() string {
	if !n.ownClass {
		return ""
	}
	return n.inCluster(n.class, "")
}

// ConfigMap is the name of the ConfigMap that publishes the store.
func (n Names) ConfigMap() string { return first(n.configMap, cut(n.Fullname, "-store")) }

// inCluster names an object that has no namespace. A namespace has no dot, so the first dot parts it from the rest, and no
// two stores share a name; nor does one that is cut, which has none.
func (n Names) inCluster(own, suffix string) string {
	return cut(first(own, n.Namespace+"."+n.Fullname), suffix)
}

// cut shortens a name that is too long; it then ends in a hash of the whole. Room for a shard's number is kept from the
// first, so that shard 9 and shard 10 share one base.
func cut(name, suffix string) string {
	room := most
	if suffix != "" {
		room = 57
	}
	if len(name) <= room {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	short := strings.TrimSuffix(strings.ReplaceAll(name[:room-17], ".", "-"), "-")
	return short + "-" + hex.EncodeToString(sum[:8]) + suffix
}

func suffix(shard int) string {
	if shard < 0 {
		return ""
	}
	return "-" + strconv.Itoa(shard)
}

func first(own, otherwise string) string {
	if own != "" {
		return own
	}
	return otherwise
}

// text is the string at a path of the values, "" where there is none.
func text(values map[string]any, path ...string) string {
	var value any = values
	for _, step := range path {
		section, _ := value.(map[string]any)
		value = section[step]
	}
	out, _ := value.(string)
	return out
}
