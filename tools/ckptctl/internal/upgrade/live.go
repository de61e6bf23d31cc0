package upgrade

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// Live holds the cluster's versions of the objects before and after an upgrade.
type Live struct {
	objects Objects
	// gone are objects of the release that the cluster does not have; foreign are existing objects of others.
	gone, foreign []named
	// unread are objects that may not be read; the release's manifest is used for them.
	unread []named
	// classes are the classes of the claims, whoever created them.
	classes Objects
}

type named struct {
	kind string
	key  Key
}

// Read reads the objects that an upgrade of a release finds on the cluster.
func Read(ctx context.Context, client kubernetes.Interface, from, to Objects, release, namespace string) (*Live, error) {
	l := &Live{objects: Objects{}, classes: Objects{classKind: map[Key]unstructured.Unstructured{}}}
	for _, kind := range kinds {
		l.objects[kind] = map[Key]unstructured.Unstructured{}
		keys := maps.Clone(from[kind])
		maps.Copy(keys, to[kind])
		for _, key := range (Objects{kind: keys}).keys(kind) {
			_, ours := from[kind][key]
			found, err := fetch(ctx, client, kind, key)
			switch {
			case apierrors.IsNotFound(err) && ours:
				l.gone = append(l.gone, named{kind, key})
			case apierrors.IsNotFound(err):
			case apierrors.IsForbidden(err):
				l.unread = append(l.unread, named{kind, key})
			case err != nil:
				return nil, fmt.Errorf("%s %s cannot be read: %w", kind, key, err)
			case !ours && !belongs(found, release, namespace):
				l.foreign = append(l.foreign, named{kind, key})
			default:
				l.objects[kind][key] = found
			}
		}
	}
	for _, claim := range l.objects[claimKind] {
		key := Key{Name: className(claim)}
		// A class that cannot be read is reported as unknown.
		if found, err := fetch(ctx, client, classKind, key); key.Name != "" && err == nil {
			l.classes[classKind][key] = found
		}
	}
	return l, nil
}

func fetch(ctx context.Context, client kubernetes.Interface, kind string, key Key) (out unstructured.Unstructured, err error) {
	var object any
	switch kind {
	case configMapKind:
		object, err = client.CoreV1().ConfigMaps(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	case classKind:
		object, err = client.StorageV1().StorageClasses().Get(ctx, key.Name, metav1.GetOptions{})
	case volumeKind:
		object, err = client.CoreV1().PersistentVolumes().Get(ctx, key.Name, metav1.GetOptions{})
	case claimKind:
		object, err = client.CoreV1().PersistentVolumeClaims(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	}
	if err == nil {
		out.Object, err = runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	}
	return out, err
}

// belongs reports whether an object has the label and annotations by which Helm recognizes a release's objects.
func belongs(object unstructured.Unstructured, release, namespace string) bool {
	marks := object.GetAnnotations()
	return object.GetLabels()["app.kubernetes.io/managed-by"] == "Helm" &&
		marks["meta.helm.sh/release-name"] == release && marks["meta.helm.sh/release-namespace"] == namespace
}

// over returns the live objects before and after the upgrade: Helm sets the fields of the new manifest, removes those that
// only the old one has, and keeps those of neither.
func (l *Live) over(from, to Objects) (before, after Objects) {
	before, after = Objects{}, Objects{}
	for _, kind := range kinds {
		before[kind], after[kind] = map[Key]unstructured.Unstructured{}, map[Key]unstructured.Unstructured{}
		for key, object := range from[kind] {
			switch is := (named{kind, key}); {
			case slices.Contains(l.unread, is):
				before[kind][key] = object
			case !slices.Contains(l.gone, is):
				before[kind][key] = l.objects[kind][key]
			}
		}
		for key, object := range to[kind] {
			if is, there := l.objects[kind][key]; there {
				object.Object, _ = patched(from[kind][key].Object, object.Object, is.Object).(map[string]any)
				before[kind][key] = is
			}
			after[kind][key] = object
		}
	}
	return before, after
}

// patched returns the result of a three-way merge. Lists are replaced: those of these kinds have no merge keys.
func patched(old, fresh, is any) any {
	set, isMap := fresh.(map[string]any)
	there, wasMap := is.(map[string]any)
	if !isMap || !wasMap {
		return fresh
	}
	said, _ := old.(map[string]any)
	out := maps.Clone(there)
	for key := range said {
		if _, still := set[key]; !still {
			delete(out, key)
		}
	}
	for key, value := range set {
		out[key] = patched(said[key], value, there[key])
	}
	return out
}
