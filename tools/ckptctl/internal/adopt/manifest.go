// Package adopt finds the values with which the chart renders volumes, claims and classes that are there already.
package adopt

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// Object is a Kubernetes object as it is written.
type Object map[string]any

// Store is a volume, the claim on it and their class; each may be missing.
type Store struct {
	Volume, Claim, Class Object
}

// maxFile limits a file of manifests, in bytes.
const maxFile = 16 << 20

// Parse reads the volumes, claims and classes of a stream of YAML documents, or of JSON, and passes over other objects. Lists
// are read item by item.
func Parse(name string, from io.Reader) ([]Object, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: it is larger than %d MiB; give the manifests of the store alone", name, maxFile>>20)
	}
	var out []Object
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for line := 1; ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var object Object
		if err := sigsyaml.Unmarshal(document, &object); err != nil {
			return nil, fmt.Errorf("%s: the document from line %d on: %w", name, line, err)
		}
		line += bytes.Count(document, []byte("\n")) + 1
		out = append(out, storage(object)...)
	}
}

// storage returns the object, or the items of a list, that are of the kinds.
func storage(object Object) []Object {
	if items, is := object["items"].([]any); is {
		var out []Object
		for _, item := range items {
			if each, is := item.(map[string]any); is {
				out = append(out, storage(each)...)
			}
		}
		return out
	}
	switch object["kind"] {
	case "PersistentVolume", "PersistentVolumeClaim", "StorageClass":
		return []Object{object}
	}
	return nil
}

// Stores puts together which volume, claim and class are one store, in the order of the claims, volumes and classes.
func Stores(objects []Object) []Store {
	var volumes, claims, classes []Object
	for _, o := range objects {
		switch o["kind"] {
		case "PersistentVolume":
			volumes = append(volumes, o)
		case "PersistentVolumeClaim":
			claims = append(claims, o)
		case "StorageClass":
			classes = append(classes, o)
		}
	}
	var out []Store
	volumeTaken, classTaken := map[int]bool{}, map[int]bool{}
	classOf := func(name string) Object {
		at := slices.IndexFunc(classes, func(c Object) bool { return name != "" && c.name() == name })
		if at < 0 {
			return nil
		}
		classTaken[at] = true
		return classes[at]
	}
	for _, claim := range claims {
		store := Store{Claim: claim}
		// What names the other side comes before what merely suits.
		for _, fits := range []func(volume, claim Object) bool{named, selected, alike} {
			if at := slices.IndexFunc(volumes, func(v Object) bool { return fits(v, claim) }); at >= 0 && !volumeTaken[at] {
				volumeTaken[at] = true
				store.Volume = volumes[at]
				break
			}
		}
		// Where the two name different classes, both are in vain, and the class is one of the store's.
		store.Class = classOf(cmp.Or(class(claim), class(store.Volume)))
		out = append(out, store)
	}
	for i, volume := range volumes {
		if !volumeTaken[i] {
			out = append(out, Store{Volume: volume, Class: classOf(class(volume))})
		}
	}
	for i, c := range classes {
		if !classTaken[i] {
			out = append(out, Store{Class: c})
		}
	}
	return out
}

// named says that one of the two names the other.
func named(volume, claim Object) bool {
	if name := text(claim, "spec", "volumeName"); name != "" {
		return name == volume.name()
	}
	reserved := text(volume, "spec", "claimRef", "name")
	namespace := text(volume, "spec", "claimRef", "namespace")
	return reserved != "" && reserved == claim.name() && (claim.namespace() == "" || namespace == "" || namespace == claim.namespace())
}

// selected says that the claim's selector matches the volume's labels.
func selected(volume, claim Object) bool {
	wanted := dig(claim, "spec", "selector", "matchLabels")
	labels := dig(volume, "metadata", "labels")
	if len(wanted) == 0 || text(claim, "spec", "volumeName") != "" {
		return false
	}
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// alike says that Kubernetes may bind the two: neither names another, and they have the same class.
func alike(volume, claim Object) bool {
	return text(claim, "spec", "volumeName") == "" && text(volume, "spec", "claimRef", "name") == "" &&
		dig(claim, "spec", "selector") == nil && class(volume) == class(claim)
}

// class is the class that a volume or a claim names, in the field or in the annotation that came before it.
func class(object Object) string {
	if name := text(object, "spec", "storageClassName"); name != "" {
		return name
	}
	return text(object, "metadata", "annotations", betaClass)
}

// betaClass is the annotation that named the class before there was a field.
const betaClass = "volume.beta.kubernetes.io/storage-class"

// writtenBySystem says that Kubernetes writes an annotation itself.
func writtenBySystem(key string) bool {
	return strings.HasPrefix(key, "pv.kubernetes.io/") || strings.HasPrefix(key, "volume.kubernetes.io/") || key == "volume.beta.kubernetes.io/storage-provisioner"
}

// writtenOnBinding says that an annotation of an object, which may have been copied from a cluster without its uid, is what
// Kubernetes writes when it binds the two. By hand, people write by whom a volume was made, and a node for a claim that is
// not bound.
func writtenOnBinding(object Object, key string) bool {
	switch key {
	case "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner":
		return true
	case "volume.kubernetes.io/selected-node":
		return text(object, "spec", "volumeName") != ""
	}
	return strings.HasPrefix(key, "volume.kubernetes.io/provisioner-deletion-secret-")
}

func (o Object) name() string      { return text(o, "metadata", "name") }
func (o Object) namespace() string { return text(o, "metadata", "namespace") }

// dig returns the map at a path, nil where there is none.
func dig(object map[string]any, path ...string) map[string]any {
	for _, key := range path {
		object, _ = object[key].(map[string]any)
	}
	return object
}

// text returns the string at a path, "" where there is none.
func text(object map[string]any, path ...string) string {
	out, _ := dig(object, path[:len(path)-1]...)[path[len(path)-1]].(string)
	return out
}

// Name is how a store of several in one input is asked for: by its claim, or else by its volume or class.
func (s Store) Name() string {
	for _, object := range []Object{s.Claim, s.Volume, s.Class} {
		if object != nil {
			return object.name()
		}
	}
	return ""
}

// Namespace is the claim's, "" where nothing says it.
func (s Store) Namespace() string {
	if s.Claim != nil && s.Claim.namespace() != "" {
		return s.Claim.namespace()
	}
	return text(s.Volume, "spec", "claimRef", "namespace")
}

// live says that an object was read from a cluster.
func live(object Object) bool { return text(object, "metadata", "uid") != "" }

// Provisioned says that a provisioner made the volume for its claim, which then stays its own.
func (s Store) Provisioned() bool {
	return s.Claim != nil && s.Volume != nil && live(s.Volume) && text(s.Volume, "metadata", "annotations", "pv.kubernetes.io/provisioned-by") != ""
}

// own returns a copy of an object without what the cluster writes into it.
func own(object Object) Object {
	if object == nil {
		return nil
	}
	out := Object(copied(object).(map[string]any))
	delete(out, "status")
	metadata := dig(out, "metadata")
	was := live(object)
	for _, key := range []string{"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generation", "managedFields", "resourceVersion", "selfLink", "uid", "generateName"} {
		delete(metadata, key)
	}
	annotations := dig(metadata, "annotations")
	if was && annotations["volume.kubernetes.io/storage-provisioner"] != nil {
		// The provisioner's volume has a name that the cluster wrote.
		delete(dig(out, "spec"), "volumeName")
	}
	for key := range annotations {
		if key == "kubectl.kubernetes.io/last-applied-configuration" || was && writtenBySystem(key) {
			delete(annotations, key)
		}
	}
	disown(metadata)
	if ref := dig(out, "spec", "claimRef"); ref != nil {
		delete(ref, "uid")
		delete(ref, "resourceVersion")
	}
	return out
}

// disown removes what the chart and Helm have written on an object of an earlier release, and write again for the next: kept in
// the values, an upgrade would leave the version of the chart as it was.
func disown(metadata map[string]any) {
	labels, annotations := dig(metadata, "labels"), dig(metadata, "annotations")
	if labels["app.kubernetes.io/component"] == "checkpoint-storage" {
		for _, key := range []string{"component", "instance", "managed-by", "name"} {
			delete(labels, "app.kubernetes.io/"+key)
		}
		delete(labels, "helm.sh/chart")
	}
	delete(annotations, "meta.helm.sh/release-name")
	delete(annotations, "meta.helm.sh/release-namespace")
}

// copied is a deep copy without nulls, which the API server takes for nothing.
func copied(value any) any {
	switch value := value.(type) {
	case Object:
		return copied(map[string]any(value))
	case map[string]any:
		out := map[string]any{}
		for key, each := range maps.All(value) {
			if each != nil {
				out[key] = copied(each)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(value))
		for _, each := range value {
			out = append(out, copied(each))
		}
		return out
	}
	return value
}
