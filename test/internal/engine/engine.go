// Package engine renders the chart in the process of a test: some thousand values documents in the time that the program
// takes for some dozen.
package engine

import (
	"bytes"
	"maps"
	"slices"
	"strings"
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

// Load reads the chart and compiles its schema, which Helm does anew for each set of values.
func Load(t *testing.T) Chart {
	t.Helper()
	read, err := loader.LoadDir(charts.Chart())
	require.NoError(t, err)
	compiler, schema, err := compile(read.Schema)
	require.NoError(t, err)
	keys := map[string]*jsonschema.Schema{}
	for key := range schema.Properties {
		keys[key], err = compiler.Compile(location + "#/properties/" + key)
		require.NoError(t, err)
	}
	return Chart{read, schema, keys}
}

// location is where Helm says that the schema lies.
const location = "file:///values.schema.json"

func compile(text []byte) (*jsonschema.Compiler, *jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(location, document); err != nil {
		return nil, nil, err
	}
	schema, err := compiler.Compile(location)
	return compiler, schema, err
}

// Render returns the objects that values become, in the order of their templates, or why the schema or the templates
// refuse them.
func (c Chart) Render(values map[string]any, release, namespace string) ([]map[string]any, error) {
	merged, err := chartutil.CoalesceValues(c.chart, values)
	if err != nil {
		return nil, err
	}
	if err := c.schema.Validate(map[string]any(merged)); err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(c.chart, values, options, chartutil.DefaultCapabilities, true)
	if err != nil {
		return nil, err
	}
	rendered, err := helm.Engine{}.Render(c.chart, top)
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for _, file := range slices.Sorted(maps.Keys(rendered)) {
		if strings.HasSuffix(file, "NOTES.txt") {
			continue
		}
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
