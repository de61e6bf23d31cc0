// Package engine renders the chart in the process of a test: some thousand values documents in the time that the program
// takes for some dozen.
package engine

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helm "helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

// Chart is the chart under test.
type Chart struct {
	chart  *chart.Chart
	schema *jsonschema.Schema
	// keys are the schemas of the keys of the top level.
	keys map[string]*jsonschema.Schema
}

// Load reads the chart and compiles its schema, once for all tests: Helm does both for each set of values.
func Load(t *testing.T) Chart {
	t.Helper()
	c, err := load()
	require.NoError(t, err)
	return c
}

// location is where Helm says that the schema lies.
const location = "file:///values.schema.json"

var load = sync.OnceValues(func() (Chart, error) {
	read, err := loader.LoadDir(charts.Chart())
	if err != nil {
		return Chart{}, err
	}
	// Notes are no object, and take a sixth of the time.
	read.Templates = slices.DeleteFunc(read.Templates, func(f *chart.File) bool { return strings.HasSuffix(f.Name, "NOTES.txt") })
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read.Schema))
	if err != nil {
		return Chart{}, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(location, document); err != nil {
		return Chart{}, err
	}
	schema, err := compiler.Compile(location)
	if err != nil {
		return Chart{}, err
	}
	keys := map[string]*jsonschema.Schema{}
	for key := range schema.Properties {
		if keys[key], err = compiler.Compile(location + "#/properties/" + key); err != nil {
			return Chart{}, err
		}
	}
	return Chart{read, schema, keys}, nil
})

// rendered returns what each template becomes, or why the schema or the templates refuse the values.
func (c Chart) rendered(values map[string]any, release, namespace string) (map[string]string, error) {
	merged, err := chartutil.CoalesceValues(c.chart, values)
	if err != nil {
		return nil, err
	}
	if c.schema != nil {
		if err := c.schema.Validate(map[string]any(merged)); err != nil {
			return nil, err
		}
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(c.chart, values, options, chartutil.DefaultCapabilities, true)
	if err != nil {
		return nil, err
	}
	return helm.Engine{}.Render(c.chart, top)
}

// Render returns the objects that values become, in the order of their templates, or why the schema or the templates
// refuse them.
func (c Chart) Render(values map[string]any, release, namespace string) ([]map[string]any, error) {
	rendered, err := c.rendered(values, release, namespace)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, file := range slices.Sorted(maps.Keys(rendered)) {
		for _, document := range strings.Split("\n"+rendered[file], "\n---") {
			object := map[string]any{}
			if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
				return nil, err
			}
			if len(object) > 0 {
				out = append(out, object)
			}
		}
	}
	return out, nil
}

// Takes says whether a key may have the value, whatever the other keys and the templates say.
func (c Chart) Takes(key string, value any) bool {
	return c.keys[key].Validate(value) == nil
}

// Unchecked renders values as if nothing refused them: without the schema, and without the chart's own checks.
func Unchecked(values map[string]any, release, namespace string) ([]map[string]any, error) {
	c, err := unchecked()
	if err != nil {
		return nil, err
	}
	return c.Render(values, release, namespace)
}

// checks is the template that refuses values.
const checks = "templates/checks/before/checks.yaml"

var unchecked = sync.OnceValues(func() (Chart, error) {
	read, err := loader.LoadDir(charts.Chart())
	if err != nil {
		return Chart{}, err
	}
	read.Schema = nil
	read.Templates = slices.DeleteFunc(read.Templates, func(f *chart.File) bool { return f.Name == checks || strings.HasSuffix(f.Name, "NOTES.txt") })
	return Chart{chart: read}, nil
})
