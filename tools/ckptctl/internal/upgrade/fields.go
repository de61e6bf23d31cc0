package upgrade

import (
	_ "embed"
	"fmt"
	"reflect"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

//go:embed fields.yaml
var tableText []byte

// claimRef is the field that reserves a volume.
const claimRef = "spec.claimRef"

// field is an immutable field of fields.yaml.
type field struct {
	Path    string   `json:"path"`
	Values  []string `json:"values"`
	Change  string   `json:"change"`
	Default any      `json:"default"`
}

// fields compares the immutable fields of two versions of an object.
func (c *comparison) fields(kind string, key Key, old, fresh unstructured.Unstructured) error {
	for _, f := range c.table[kind] {
		before, after, err := f.sides(old, fresh)
		if err != nil {
			return err
		}
		if f.same(before, after) {
			continue
		}
		severity, says := "error", fmt.Sprintf("%s of %s %s cannot change from %s to %s.", f.Path, kind, key.Name, show(before), show(after))
		r := c.repair(kind, key, old, fresh, f.Path)
		switch f.Change {
		case "taken":
			says = fmt.Sprintf("%s of %s %s changes from %s to %s: claim %s loses its volume.", f.Path, kind, key.Name, show(before), show(after), show(before))
		case "once":
			if before == nil {
				continue
			}
		case "restored":
			if after == nil && local(before) {
				continue
			}
		case "bound":
			if _, made := c.to[volumeKind][Key{Name: volumeName(fresh)}]; before == nil && !made {
				severity, r = "warning", seen(key, "")
				says = fmt.Sprintf("%s of %s %s can become %s only if that is the volume that the cluster has bound it to: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after))
			}
		case "set":
			if after != nil {
				c.modified(f, kind, key, old, after)
				continue
			}
			says = fmt.Sprintf("%s of %s %s cannot be removed once it is in effect, from Kubernetes 1.34 on.", f.Path, kind, key.Name)
			r = recipe{how: leave, set: fmt.Sprintf("%s=%v", f.Values[0], before)}
		case "default":
			if before == nil {
				severity, r = "warning", seen(key, "")
				says = fmt.Sprintf("%s of %s %s can become %s only if that is the class that the cluster has assigned: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after))
			}
			if name, named := before.(string); named && after == nil {
				r.set = "storageClassName=" + name
			}
		}
		c.add("E10", severity, kind+f.Path, f.Values, key, says, r)
	}
	return nil
}

// modified adds an attributes class of a claim that changes: unlike a volume's, it can change only if the claim is Bound.
func (c *comparison) modified(f field, kind string, key Key, old unstructured.Unstructured, after any) {
	phase, _ := observed(old)
	if kind != claimKind || phase == string(corev1.ClaimBound) {
		return
	}
	severity := "error"
	if phase == "" {
		severity = "warning"
	}
	c.add("E10", severity, "pending"+f.Path, f.Values, key,
		fmt.Sprintf("%s of %s %s can become %s only if it is Bound: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after)), seen(key, ""))
}

// local reports whether a dataSourceRef has no namespace: the API server also stores it in dataSource, and restores it from
// there.
func local(source any) bool {
	fields, _ := source.(map[string]any)
	return fields["namespace"] == nil
}

// sides returns a field's values before and after, with the API server's defaults.
func (f field) sides(old, fresh unstructured.Unstructured) (before, after any, err error) {
	for object, side := range map[*unstructured.Unstructured]*any{&old: &before, &fresh: &after} {
		if *side, err = f.at(*object); err != nil {
			return nil, nil, err
		}
		if *side == nil {
			*side = f.Default
		}
	}
	return before, after, nil
}

// at returns the value at the field's path. spec.source is a volume's source of any kind, and spec.claimRef only the name and
// namespace: the cluster adds the rest.
func (f field) at(object unstructured.Unstructured) (any, error) {
	switch f.Path {
	case "spec.source":
		v, err := volumeOf(object)
		return v.Spec.PersistentVolumeSource, err
	case "spec.nodeAffinity":
		v, err := volumeOf(object)
		if v.Spec.NodeAffinity == nil {
			return nil, err
		}
		return v.Spec.NodeAffinity, err
	case claimRef:
		return reservedFor(object).String(), nil
	}
	return get(object, f.Path), nil
}

func (f field) same(before, after any) bool {
	switch before := before.(type) {
	case corev1.PersistentVolumeSource:
		after, _ := after.(corev1.PersistentVolumeSource)
		return sameSource(before, after)
	case *corev1.VolumeNodeAffinity:
		after, _ := after.(*corev1.VolumeNodeAffinity)
		return renewed.DeepEqual(after, before)
	}
	return reflect.DeepEqual(before, after)
}

// sameSource compares two sources as the API server does: with its defaults, and allowing a new controllerExpandSecretRef.
func sameSource(before, after corev1.PersistentVolumeSource) bool {
	before, after = *before.DeepCopy(), *after.DeepCopy()
	for _, s := range []*corev1.PersistentVolumeSource{&before, &after} {
		if s.HostPath != nil && s.HostPath.Type == nil {
			unset := corev1.HostPathUnset
			s.HostPath.Type = &unset
		}
		if s.ISCSI != nil && s.ISCSI.ISCSIInterface == "" {
			s.ISCSI.ISCSIInterface = "default"
		}
	}
	if before.CSI != nil && after.CSI != nil && before.CSI.ControllerExpandSecretRef == nil {
		after.CSI.ControllerExpandSecretRef = nil
	}
	return equality.Semantic.DeepEqual(before, after)
}

// renewed compares node affinities (after, before), and allows a beta label to change to its current name.
var renewed = func() (e equalities) {
	e = equality.Semantic.Copy()
	if err := e.AddFunc(func(after, before corev1.NodeSelectorRequirement) bool {
		if now, ok := labelsNow[before.Key]; ok && after.Key == now {
			before.Key = now
		}
		return equality.Semantic.DeepEqual(after, before)
	}); err != nil {
		panic(err) // the function's own form
	}
	return e
}()

type equalities = interface {
	AddFunc(eqFunc any) error
	DeepEqual(a, b any) bool
}

// labelsNow maps beta labels of nodes to their current names.
var labelsNow = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
}

func volumeOf(object unstructured.Unstructured) (v corev1.PersistentVolume, err error) {
	if err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &v); err != nil {
		err = fmt.Errorf("PersistentVolume %s of the release: %w", object.GetName(), err)
	}
	return v, err
}

// reservedFor returns the claim in a volume's claimRef.
func reservedFor(volume unstructured.Unstructured) Key {
	namespace, _ := get(volume, "spec.claimRef.namespace").(string)
	name, _ := get(volume, "spec.claimRef.name").(string)
	return Key{namespace, name}
}

// volumeName returns the volume that a claim names; "" if one is provisioned.
func volumeName(claim unstructured.Unstructured) string {
	name, _ := get(claim, "spec.volumeName").(string)
	return name
}

func get(object unstructured.Unstructured, path string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	return value
}

func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case string:
		if value != "" {
			return value
		}
	}
	return paste.JSON(value)
}
