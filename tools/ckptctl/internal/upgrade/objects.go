// Package upgrade says what Kubernetes and Helm do with a store whose values change, before they do it.
package upgrade

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The kinds that hold data, or lead to it.
const (
	classKind     = "StorageClass"
	volumeKind    = "PersistentVolume"
	claimKind     = "PersistentVolumeClaim"
	configMapKind = "ConfigMap"
)

// kinds are in the order in which Helm makes them.
var kinds = []string{configMapKind, classKind, volumeKind, claimKind}

// Key tells an object from others of its kind; what the cluster has as a whole has no namespace.
type Key struct{ Namespace, Name string }

func (k Key) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

// Objects are the storage objects of a release, by kind.
type Objects map[string]map[Key]unstructured.Unstructured

// keys are those of a kind, in order; shards by their number.
func (o Objects) keys(kind string) []Key {
	return slices.SortedFunc(maps.Keys(o[kind]), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// maxObject and maxStorage are how large one storage object may be, and all of a manifest's, in bytes: a thousand shards are
// 3 MiB. While it is parsed, a text takes a hundred times its size of memory, and a stored manifest may be anybody's.
const maxObject, maxStorage = 256 << 10, 4 << 20

// storage is a document that may be one of the kinds: what else a parent chart makes is not parsed. Of the ConfigMaps it is
// the one that tells pods of the store.
var storage = regexp.MustCompile(`(?m)^kind:\s*["']?(?:StorageClass|PersistentVolume|PersistentVolumeClaim)\b|^  CHECKPOINT_CLAIMS:`)

// Parse reads the storage objects of a manifest, as Helm writes it. What says no namespace is in the release's. Hooks are
// no part of what an upgrade changes.
func Parse(manifest, namespace string) (Objects, error) {
	out := Objects{}
	for _, kind := range kinds {
		out[kind] = map[Key]unstructured.Unstructured{}
	}
	size := 0
	for _, document := range separator.Split(manifest, -1) {
		if !storage.MatchString(document) {
			continue
		}
		if size += len(document); len(document) > maxObject || size > maxStorage {
			return nil, fmt.Errorf("the manifest of the release has a storage object of more than %d KiB, or more than %d MiB of them, and no release has", maxObject>>10, maxStorage>>20)
		}
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return nil, fmt.Errorf("a manifest of the release: %w", err)
		}
		known := out[object.GetKind()]
		if known == nil || object.GetAnnotations()[hook] != "" {
			continue
		}
		key := Key{Name: object.GetName()}
		if object.GetKind() == claimKind || object.GetKind() == configMapKind {
			key.Namespace = cmp.Or(object.GetNamespace(), namespace)
		}
		known[key] = object
	}
	return out, nil
}

// hook is the annotation of what is no part of the release.
const hook = "helm.sh/hook"

// separator ends a document.
var separator = regexp.MustCompile(`(?m)^---(?:\s.*)?$`)

// Templates are those of a chart, to be rendered.
type Templates struct{ chart *chart.Chart }

// Load reads a chart's folder.
func Load(from fs.FS) (*Templates, error) {
	var files []*loader.BufferedFile
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		files = append(files, &loader.BufferedFile{Name: name, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := loader.LoadFiles(files)
	return &Templates{c}, err
}

// Render returns the storage objects that the templates make of the values that a user gives.
func (t *Templates) Render(given map[string]any, release, namespace string) (Objects, error) {
	top, err := chartutil.ToRenderValues(t.chart, given, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(t.chart, top)
	if err != nil {
		return nil, err
	}
	var manifest strings.Builder
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			manifest.WriteString("\n---\n" + text)
		}
	}
	return Parse(manifest.String(), namespace)
}
