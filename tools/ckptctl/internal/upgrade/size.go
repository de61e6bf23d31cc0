package upgrade

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// size judges what a claim asks for. That one shrinks is refused; whether one grows is its class's matter, whoever has made
// the volume, as the new values leave it: Helm changes classes before claims.
func (c *comparison) size(key Key, old, fresh unstructured.Unstructured) {
	size, asked := request(old), request(fresh)
	change := fmt.Sprintf("from %s to %s", &size, &asked)
	add := func(severity, about, message string, r recipe) {
		c.add("E11", severity, about, []string{"size", "storageClass.allowVolumeExpansion"}, key, fmt.Sprintf("claim %s %s", key.Name, message), r)
	}
	name := className(old)
	leaveIt := recipe{how: leave, set: "size=" + size.String()}
	phase, has := observed(old)
	seen := seen(key, name)
	switch grows := asked.Cmp(size); {
	case grows == 0:
		return
	case grows < 0 && has != nil && asked.Cmp(*has) > 0:
		add("warning", "given up", "asks for less "+change+", and has "+has.String()+": from Kubernetes 1.32 on that gives up a growth that failed, and before, the API server refuses it.", seen)
		return
	case grows < 0:
		add("error", "shrinks", "cannot shrink "+change+": the API server refuses it, but for one that it was to grow to and could not, from Kubernetes 1.32 on.", leaveIt)
		return
	case volumeName(old) != "" && name == "":
		add("error", "static", "is static and has no class, and Kubernetes refuses to resize it "+change+".", leaveIt)
		return
	}
	if phase != "" && phase != string(corev1.ClaimBound) {
		add("error", "pending", "is "+phase+", and cannot grow "+change+" before it is Bound.", leaveIt)
		return
	}
	class := cmp.Or(name, "its class")
	made, known := c.to[classKind][Key{Name: name}]
	if !known && c.Live != nil {
		made, known = c.Live.classes[classKind][Key{Name: name}]
	}
	before, _ := get(c.from[classKind][Key{Name: name}], "allowVolumeExpansion").(bool)
	switch expands, _ := get(made, "allowVolumeExpansion").(bool); {
	case known && expands && phase != "" && (before || c.to[classKind][Key{Name: name}].Object == nil):
		// It is Bound, and its class lets it.
	case known && expands && !before:
		add("warning", "just now", "grows "+change+" only if it is Bound and the API server has heard of its class "+class+", which the same upgrade changes.", recipe{how: expandFirst})
	case known && expands:
		add("warning", "bound", "grows "+change+" only if it is Bound: the API server refuses it otherwise.", seen)
	case known && c.Expands:
		add("error", "never", "cannot grow "+change+": volumes of this backend do not, and so its class "+class+" does not allow it.", leaveIt)
	case known:
		add("error", "class", "cannot grow "+change+": its class "+class+" does not allow it.", recipe{how: expandFirst})
	default:
		add("warning", "unknown", "grows "+change+" only if it is Bound and "+class+" has allowVolumeExpansion: the API server refuses it otherwise.", seen)
	}
}

// observed are a live claim's phase, and what it has; "" and nil where only values are known.
func observed(claim unstructured.Unstructured) (phase string, has *resource.Quantity) {
	phase, _ = get(claim, "status.phase").(string)
	text, _ := get(claim, "status.capacity.storage").(string)
	if quantity, err := resource.ParseQuantity(text); err == nil {
		has = &quantity
	}
	return phase, has
}

func request(claim unstructured.Unstructured) resource.Quantity {
	text, _ := get(claim, "spec.resources.requests.storage").(string)
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return resource.Quantity{}
	}
	return quantity
}
