// Package upgrade says what Kubernetes and Helm do with a store whose values change, before they do it.
package upgrade

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// Objects are the storage objects of a release, by kind and name.
type Objects map[string]map[string]unstructured.Unstructured

// kinds are those that hold data, or lead to it.
var kinds = []string{"StorageClass", "PersistentVolume", "PersistentVolumeClaim"}

// Parse reads the objects of a manifest.
func Parse(manifest string) (Objects, error) {
	out := Objects{}
	for _, kind := range kinds {
		out[kind] = map[string]unstructured.Unstructured{}
	}
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		var object unstructured.Unstructured
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("a manifest of the release: %w", err)
		}
		if known := out[object.GetKind()]; known != nil {
			known[object.GetName()] = object
		}
	}
}

// Chart renders the chart.
type Chart struct{ chart *chart.Chart }

// Load reads a chart's folder.
func Load(from fs.FS) (*Chart, error) {
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
	return &Chart{c}, err
}

// Render returns the storage objects that the chart makes of the values that a user gives.
func (c *Chart) Render(given map[string]any, release, namespace string) (Objects, error) {
	top, err := chartutil.ToRenderValues(c.chart, given, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c.chart, top)
	if err != nil {
		return nil, err
	}
	var manifest strings.Builder
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			manifest.WriteString("\n---\n" + text)
		}
	}
	return Parse(manifest.String())
}
