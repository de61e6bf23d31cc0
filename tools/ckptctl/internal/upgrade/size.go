package upgrade

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// size compares the requests of a claim. Shrinking is refused; expansion depends on the claim's class after the upgrade, also
// for a static volume: Helm changes classes before claims.
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
		add("warning", "given up", "requests less "+change+", and has "+has.String()+": from Kubernetes 1.32 on, this cancels a failed expansion; before, the API server refuses it.", seen)
		return
	case grows < 0:
		add("error", "shrinks", "cannot shrink "+change+": the API server refuses it, except, from Kubernetes 1.32 on, to cancel a failed expansion.", leaveIt)
		return
	case volumeName(old) != "" && name == "":
		add("error", "static", "is static and has no class, and Kubernetes refuses to expand it "+change+".", leaveIt)
		return
	}
	if phase != "" && phase != string(corev1.ClaimBound) {
		add("error", "pending", "is "+phase+", and cannot be expanded "+change+" before it is Bound.", leaveIt)
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
		// It is Bound, and its class allows expansion.
	case known && expands && !before:
		add("warning", "just now", "can be expanded "+change+" only if it is Bound and the API server has already seen its class "+class+" change, in the same upgrade.", recipe{how: expandFirst})
	case known && expands:
		add("warning", "bound", "can be expanded "+change+" only if it is Bound: the API server refuses it otherwise.", seen)
	case known && c.Expands:
		add("error", "never", "cannot be expanded "+change+": the backend does not support it, so its class "+class+" does not allow it.", leaveIt)
	case known:
		add("error", "class", "cannot be expanded "+change+": its class "+class+" does not allow it.", recipe{how: expandFirst})
	default:
		add("warning", "unknown", "can be expanded "+change+" only if it is Bound and "+class+" has allowVolumeExpansion: the API server refuses it otherwise.", seen)
	}
}

// observed returns a live claim's phase and capacity; "" and nil if only values are compared.
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
