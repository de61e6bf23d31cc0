package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/test/sample"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestPart holds that the schema without the conditions that hold finds all that the whole one does: for values of every
// backend, spoilt one key at a time.
func TestPart(t *testing.T) {
	text, err := embedded.FS.ReadFile("values.schema.json")
	require.NoError(t, err)
	s, err := Compile(text)
	require.NoError(t, err)
	library, err := s.library()
	require.NoError(t, err)
	var failed func(e *jsonschema.ValidationError) []string
	failed = func(e *jsonschema.ValidationError) []string {
		if len(e.Causes) == 0 {
			return []string{e.AbsoluteKeywordLocation + " " + e.InstanceLocation}
		}
		var out []string
		for _, cause := range e.Causes {
			out = append(out, failed(cause)...)
		}
		return out
	}
	fixtures, err := fs.Glob(embedded.FS, "templates/backends/*/testdata/_*.values.yaml")
	require.NoError(t, err)
	wrong := []any{nil, true, 1.0, "", "x", []any{1.0}, map[string]any{"x": 1.0}}
	invalid := 0
	for i, fixture := range sample.Of(fixtures) {
		text, err := fs.ReadFile(embedded.FS, fixture)
		require.NoError(t, err)
		spoilt := map[string]any{"size": "1Ti"}
		require.NoError(t, yaml.Unmarshal(text, &spoilt))
		keys := slices.Sorted(maps.Keys(spoilt))
		spoilt[keys[i%len(keys)]] = wrong[i%len(wrong)]
		part := s.part(library, spoilt)
		var all, few *jsonschema.ValidationError
		require.Equal(t, errors.As(library.Validate(spoilt), &all), errors.As(part.Validate(spoilt), &few), "%s %v", fixture, spoilt)
		if all == nil {
			continue
		}
		invalid++
		// The library goes through sections in no order.
		require.ElementsMatch(t, failed(all), failed(few), "%s %v", fixture, spoilt)
		require.Less(t, len(part.AllOf), len(library.AllOf)/10)
	}
	assert.Greater(t, invalid, len(sample.Of(fixtures))/2)
}

// TestReferences holds that a schema which refers to itself without an end, or to another, is refused for that, and that one
// which does so with an end judges.
func TestReferences(t *testing.T) {
	for schema, says := range map[string]string{
		`{"$ref": "#"}`:              "infinite loop",
		`{"allOf": [{"$ref": "#"}]}`: "infinite loop",
		`{"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"not": {"$ref": "#/definitions/a"}}}, "allOf": [{"$ref": "#/definitions/a"}]}`: "infinite loop",
		`{"$ref": "file:///dev/zero"}`:                "file:///dev/zero, and nothing outside of it is read",
		`{"$ref": "https://schemas.test/other.json"}`: "https://schemas.test/other.json, and nothing outside of it is read",
		`{"$ref": "#/definitions/none"}`:              "definitions/none",
	} {
		s, err := Compile([]byte(schema))
		require.NoError(t, err)
		_, err = s.Validate(map[string]any{"a": 1.0}, nil)
		require.Error(t, err, schema)
		assert.Contains(t, err.Error()+fmt.Sprintf("%#v", err), says, schema)
	}
	s, err := Compile([]byte(`{"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}`))
	require.NoError(t, err)
	deep := map[string]any{}
	for range 1000 {
		deep = map[string]any{"a": deep}
	}
	mistakes, err := s.Validate(deep, nil)
	require.NoError(t, err)
	assert.Empty(t, mistakes)
	mistakes, err = s.Validate(map[string]any{"a": map[string]any{"b": 1.0}}, nil)
	require.NoError(t, err)
	require.Len(t, mistakes, 1)
	assert.Equal(t, "a.b", mistakes[0].Path.String())
}

// TestInvalidSchema holds that a schema which is none is refused when values meet what is wrong with it.
func TestInvalidSchema(t *testing.T) {
	broken, err := Compile([]byte(`{"properties": {"a": {"type": "nothing"}}}`))
	require.NoError(t, err)
	_, err = broken.Validate(map[string]any{"a": true}, nil)
	require.Error(t, err)
}
