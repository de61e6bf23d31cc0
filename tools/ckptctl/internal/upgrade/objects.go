// Package upgrade says what Kubernetes and Helm do with a store whose values change, before they do it.
package upgrade

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The kinds that hold data, or refer to it.
const (
	classKind     = "StorageClass"
	volumeKind    = "PersistentVolume"
	claimKind     = "PersistentVolumeClaim"
	configMapKind = "ConfigMap"
)

// kinds are in the order in which Helm creates them.
var kinds = []string{configMapKind, classKind, volumeKind, claimKind}

// Key identifies an object of a kind; cluster-scoped objects have no namespace.
type Key struct{ Namespace, Name string }

func (k Key) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

// Objects are the storage objects of a release, by kind.
type Objects map[string]map[Key]unstructured.Unstructured

// Data are the objects that lead to data: volumes and claims.
func (o Objects) Data() Objects {
	return Objects{volumeKind: o[volumeKind], claimKind: o[claimKind]}
}

// keys returns the keys of a kind in order, shards by their number.
func (o Objects) keys(kind string) []Key {
	return slices.SortedFunc(maps.Keys(o[kind]), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
}

// Aside are the values that neither name the storage objects nor decide one of their fields that are compared. Whatever else
// differs has the objects rendered.
var Aside = []string{
	"commonLabels", "commonAnnotations", "claim.labels", "claim.annotations", "volume.labels", "volume.annotations",
	"storageClass.labels", "storageClass.annotations", "mountPath", "retention", "test", "benchmark", "prepare",
}

// SameObjects says that two sets of values differ, if at all, in what is aside: for one chart they make objects between which
// Compare finds nothing.
func SameObjects(was, is map[string]any) bool { return sameBelow("", was, is) }

func sameBelow(above string, was, is map[string]any) bool {
	for _, side := range []map[string]any{was, is} {
		for key := range side {
			path := above + key
			if slices.Contains(Aside, path) || reflect.DeepEqual(was[key], is[key]) && has(was, key) == has(is, key) {
				continue
			}
			// What is no map yet may become one.
			before, wasMap := was[key].(map[string]any)
			after, isMap := is[key].(map[string]any)
			if !wasMap && has(was, key) || !isMap && has(is, key) || !slices.ContainsFunc(Aside, func(each string) bool { return strings.HasPrefix(each, path+".") }) {
				return false
			}
			if !sameBelow(path+".", before, after) {
				return false
			}
		}
	}
	return true
}

func has(values map[string]any, key string) bool {
	_, there := values[key]
	return there
}

// maxObject and maxStorage limit the size of one storage object and of all of a manifest, in bytes: a thousand shards are
// 3 MiB. Parsing takes a hundred times the memory of the text, and a stored manifest is untrusted.
const maxObject, maxStorage = 256 << 10, 4 << 20

// storage matches documents that may be of the kinds, so that other objects of a parent chart are not parsed. Of the
// ConfigMaps it matches the one that publishes the store.
var storage = regexp.MustCompile(`(?m)^kind:\s*["']?(?:StorageClass|PersistentVolume|PersistentVolumeClaim)\b|^  CHECKPOINT_CLAIMS:`)

// Parse reads the storage objects of a manifest that Helm has written. Objects without a namespace are in the release's.
// Hooks are skipped.
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

// hook is the annotation of hooks, which are not part of the release.
const hook = "helm.sh/hook"

// separator matches the line between documents.
var separator = regexp.MustCompile(`(?m)^---(?:\s.*)?$`)

// Templates are those of a chart, to be rendered.
type Templates struct {
	chart *chart.Chart
	mutex sync.Mutex
	// backends are the chart with what the stores of a backend need.
	backends map[string]*chart.Chart
}

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
	return &Templates{chart: c, backends: map[string]*chart.Chart{}}, err
}

// Version is the chart's.
func (t *Templates) Version() string { return t.chart.Metadata.Version }

// folder matches a template in the folder of a backend, and aside what makes no storage objects: the checks that come before,
// notes and tests.
var (
	folder = regexp.MustCompile(`^templates/backends/([^/]+)/`)
	aside  = regexp.MustCompile(`^templates/(checks/before/|NOTES\.txt$|tests/)`)
)

// of is the chart without what other backends need, which Helm's engine would parse each time, and without its checks.
func (t *Templates) of(backend string) *chart.Chart {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if known := t.backends[backend]; known != nil {
		return known
	}
	own := *t.chart
	own.Templates = slices.DeleteFunc(slices.Clone(t.chart.Templates), func(f *chart.File) bool {
		in := folder.FindStringSubmatch(f.Name)
		return in != nil && in[1] != backend || aside.MatchString(f.Name)
	})
	t.backends[backend] = &own
	return &own
}

// Render returns the storage objects that the chart renders from the user's values.
func (t *Templates) Render(given map[string]any, release, namespace string) (Objects, error) {
	return render(t.chart, given, release, namespace, false)
}

// RenderChecked returns those of values of a backend that are known to be valid: to ask the chart's schema again, and to read
// what is for other backends, takes most of the time.
func (t *Templates) RenderChecked(backend string, given map[string]any, release, namespace string) (Objects, error) {
	return render(t.of(backend), given, release, namespace, true)
}

func render(of *chart.Chart, given map[string]any, release, namespace string, checked bool) (Objects, error) {
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(of, given, options, chartutil.DefaultCapabilities, checked)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(of, top)
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
