package adopt

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Difference is one between an object as it is and as the chart renders it.
type Difference struct {
	Object, Path string
	// Is and Rendered are the two values, nil where there is none.
	Is, Rendered any
	// Why says why the difference does no harm; empty where it does.
	Why string
}

func (d Difference) String() string {
	what := ""
	switch {
	case d.Rendered == nil:
		what = fmt.Sprintf("%s is not rendered", show(d.Is))
	case d.Is == nil:
		what = fmt.Sprintf("%s is rendered, and is not there", show(d.Rendered))
	default:
		what = fmt.Sprintf("%s becomes %s", show(d.Is), show(d.Rendered))
	}
	if d.Why != "" {
		what += ": " + d.Why
	}
	return fmt.Sprintf("%s: %s: %s", d.Object, d.Path, what)
}

// Harmless are the differences that do no harm, those of an object for one reason in one text.
func (a Adoption) Harmless() []string {
	var out, about []string
	paths := map[string][]string{}
	for _, d := range a.Differences {
		key := d.Object + ": %s: " + d.Why
		if d.Why == "" {
			continue
		}
		if paths[key] == nil {
			about = append(about, key)
		}
		paths[key] = append(paths[key], d.Path)
	}
	for _, key := range about {
		out = append(out, strings.Replace(key, "%s", strings.Join(paths[key], ", "), 1))
	}
	return out
}

func show(value any) string {
	if text, is := value.(string); is {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}

// compare returns what differs between an object and the rendered one, apart from what the API server fills in on both.
func compare(is, rendered Object) []Difference {
	kind := fmt.Sprint(is["kind"])
	name := kind + " " + is.name()
	before, after := map[string]any{}, map[string]any{}
	flatten("", defaulted(is), before)
	flatten("", defaulted(rendered), after)
	var out []Difference
	paths := map[string]bool{}
	for _, m := range []map[string]any{before, after} {
		for path := range m {
			paths[path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		b, a := before[path], after[path]
		if same(b, a) || strings.HasSuffix(path, ".storage") && sameQuantity(b, a) {
			continue
		}
		d := Difference{Object: name, Path: path, Is: b, Rendered: a}
		d.Why = harmless(kind, d, is)
		out = append(out, d)
	}
	return out
}

// harmless says why the chart's rendering of a field may differ; empty where it may not.
func harmless(kind string, d Difference, object Object) string {
	path, before := d.Path, d.Is
	switch {
	case d.Rendered == nil && path == "metadata.namespace":
		return "an object of its kind has no namespace"
	case path == "spec.mountOptions" && readOnly(object) && added(before, d.Rendered) == "ro":
		return "pods only read the volume"
	case strings.HasSuffix(path, "mountOptions") && sameOptions(before, d.Rendered):
		return "the same options, one by one"
	case kind == "PersistentVolume" && before == nil && strings.HasPrefix(path, "spec.csi.controllerExpandSecretRef."):
		return "the secret by which the volume can grow, which Kubernetes lets one add"
	case kind != "StorageClass" && path == "metadata.annotations.["+betaClass+"]":
		return "the field storageClassName came after it, and says the same"
	case d.Rendered == nil && strings.HasPrefix(path, "metadata.annotations.") && writtenOnBinding(object, strings.Trim(strings.TrimPrefix(path, "metadata.annotations."), "[]")):
		return "Kubernetes writes it itself"
	case before == nil && (strings.HasPrefix(path, "metadata.labels.") || strings.HasPrefix(path, "metadata.annotations.")):
		return "the chart adds it"
	case before == nil && path == "metadata.namespace":
		return "the namespace of the release"
	case kind == "PersistentVolume" && before == nil && strings.HasPrefix(path, "spec.claimRef."):
		return "the volume is reserved for its claim"
	case kind == "PersistentVolumeClaim" && before == nil && path == "spec.volumeName":
		return "the claim names its volume"
	case kind == "PersistentVolumeClaim" && strings.HasPrefix(path, "spec.selector") && dig(object, "spec", "selector") != nil:
		return "the claim names its volume instead"
	case kind == "StorageClass" && path == "allowVolumeExpansion" && before == true:
		return "the driver makes no volume larger, and a claim that asks for more would wait forever"
	case kind == "PersistentVolumeClaim" && before == nil && path == "spec.storageClassName":
		return "without it, admission would write the cluster's default class into the claim alone, and the two would not bind"
	}
	return ""
}

// readOnly says that a volume or its claim is only read.
func readOnly(object Object) bool {
	modes, _ := dig(object, "spec")["accessModes"].([]any)
	return len(modes) == 1 && modes[0] == "ReadOnlyMany"
}

// sameOptions says that two lists of mount options are the same once each option stands by itself, wherever ro stands.
func sameOptions(a, b any) bool {
	read := func(of any) []string {
		list, _ := of.([]any)
		var out []string
		for _, item := range list {
			for _, each := range strings.Split(fmt.Sprint(item), ",") {
				if each = strings.TrimSpace(each); each != "" && each != "ro" && !slices.Contains(out, each) {
					out = append(out, each)
				}
			}
		}
		return out
	}
	ro := func(of any) bool { list, _ := of.([]any); return slices.Contains(list, any("ro")) }
	return slices.Equal(read(a), read(b)) && ro(a) == ro(b)
}

// added is what a list has at its end that another has not; empty where that is no single text.
func added(before, after any) string {
	short, _ := before.([]any)
	long, _ := after.([]any)
	if len(long) != len(short)+1 || !reflect.DeepEqual(short, long[:len(short)]) && len(short) > 0 {
		return ""
	}
	text, _ := long[len(short)].(string)
	return text
}

// defaulted is an object's metadata and spec with what the API server fills in.
func defaulted(o Object) map[string]any {
	out := copied(o).(map[string]any)
	delete(out, "apiVersion")
	delete(out, "kind")
	spec := dig(out, "spec")
	set := func(key string, value any) {
		if spec != nil && spec[key] == nil {
			spec[key] = value
		}
	}
	if name := text(o, "metadata", "annotations", betaClass); name != "" {
		set("storageClassName", name)
	}
	switch o["kind"] {
	case "PersistentVolume":
		set("volumeMode", "Filesystem")
		set("persistentVolumeReclaimPolicy", "Retain")
		set("storageClassName", "")
		for _, key := range []string{"apiVersion", "kind"} {
			delete(dig(spec, "claimRef"), key)
		}
		// The source, which alone has these.
		for _, value := range spec {
			if source, is := value.(map[string]any); is {
				for key, unset := range map[string]any{"readOnly": false, "type": "", "fsType": ""} {
					if source[key] == unset {
						delete(source, key)
					}
				}
			}
		}
	case "PersistentVolumeClaim":
		set("volumeMode", "Filesystem")
		// The field that came before dataSourceRef.
		if source := dig(spec, "dataSource"); source != nil && spec["dataSourceRef"] == nil {
			spec["dataSourceRef"] = source
		}
		delete(spec, "dataSource")
	case "StorageClass":
		for key, value := range map[string]any{"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate", "allowVolumeExpansion": false} {
			if out[key] == nil {
				out[key] = value
			}
		}
	}
	return out
}

// flatten lays maps out by path. A list is one value: its order counts.
func flatten(path string, value any, into map[string]any) {
	object, is := value.(map[string]any)
	if !is {
		if list, is := value.([]any); is && len(list) == 0 {
			return
		}
		into[path] = value
		return
	}
	for key, each := range object {
		if strings.ContainsAny(key, "./") {
			key = "[" + key + "]"
		}
		flatten(strings.TrimPrefix(path+"."+key, "."), each, into)
	}
}

func same(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.DeepEqual(a, b) || fmt.Sprint(a) == fmt.Sprint(b)
}

// sameQuantity says that two quantities are the same, however they are written.
func sameQuantity(a, b any) bool {
	first, err := resource.ParseQuantity(fmt.Sprint(a))
	if err != nil {
		return false
	}
	second, err := resource.ParseQuantity(fmt.Sprint(b))
	return err == nil && first.Cmp(second) == 0
}
