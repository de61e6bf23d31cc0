package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestQuick holds the quick answer to the library's, for every keyword that it knows.
func TestQuick(t *testing.T) {
	var instances []any
	require.NoError(t, json.Unmarshal([]byte(`[null, true, false, 0, 1, -1, 1.5, 1e300, "", "a", "ab", "äöü", "10Gi", [], [1], [1, 1], [1, 1.0, "a"], ["a", "b", "c"],
		[{"a": 1}, {"a": 1}], {}, {"a": 1}, {"a": "x"}, {"a": null}, {"b": true}, {"a": "x", "b": 2}, {"a": {"a": {"a": 1}}}, {"kind": "x"}, {"kind": "x", "x": {}},
		{"kind": "y"}, {"kind": "y", "x": {"a": 1}}]`), &instances))
	for _, schema := range []string{
		`{}`, `true`, `false`, `{"type": "integer"}`, `{"type": ["string", "null"]}`, `{"type": "number", "minimum": 0, "maximum": 1}`, `{"enum": [1, "a", null, {"a": 1}]}`,
		`{"const": 1}`, `{"const": {"a": 1}}`, `{"minLength": 2}`, `{"maxLength": 2}`, `{"pattern": "^a"}`, `{"minItems": 1, "maxItems": 2}`, `{"uniqueItems": true}`,
		`{"items": {"type": "integer"}}`, `{"required": ["a"]}`, `{"properties": {"a": {"type": "integer"}}}`, `{"properties": {"a": true}, "additionalProperties": false}`,
		`{"patternProperties": {"^a": {"type": "integer"}, "b$": true}, "additionalProperties": false}`, `{"patternProperties": {"^[ak]": {"type": "string"}}}`,
		`{"properties": {"a": {"type": "integer"}}, "patternProperties": {"^a": {"minimum": 1}, "^b": false}, "additionalProperties": {"type": "object"}}`,
		`{"additionalProperties": {"type": "string"}}`, `{"allOf": [{"required": ["a"]}, {"required": ["b"]}]}`, `{"anyOf": [{"type": "string"}, {"minimum": 1}]}`,
		`{"propertyNames": {"pattern": "^[ab]$"}}`, `{"propertyNames": {"maxLength": 1}, "additionalProperties": {"type": "integer"}}`,
		`{"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}`, `{"not": {"type": "object"}}`,
		`{"if": {"properties": {"kind": {"const": "x"}}, "required": ["kind"]}, "then": {"required": ["x"]}, "else": {"maxProperties": 9}}`,
		`{"if": {"properties": {"kind": {"const": "x"}}, "required": ["kind"]}, "then": {"required": ["x"]}}`,
		`{"definitions": {"n": {"type": "object", "properties": {"a": {"$ref": "#/definitions/n"}}}}, "$ref": "#/definitions/n"}`,
		`{"definitions": {"s": {"type": "string"}}, "properties": {"a": {"$ref": "#/definitions/s", "description": "beside"}}}`,
	} {
		s, err := Compile([]byte(schema))
		if schema == "true" || schema == "false" {
			require.Error(t, err, "a values schema is a map")
			continue
		}
		require.NoError(t, err, schema)
		judge, err := s.judge()
		require.NoError(t, err)
		for _, instance := range instances {
			if is := s.quick.valid(instance); !s.quick.by.beyond.Load() {
				assert.Equal(t, judge.Validate(instance) == nil, is, "%s %v", schema, instance)
			}
		}
	}
	// Were the chart's own schema beyond it, every file would be judged the slow way, in silence.
	own, err := embedded.FS.ReadFile("values.schema.json")
	require.NoError(t, err)
	chart, err := Compile(own)
	require.NoError(t, err)
	compileAll(chart.quick, map[*quick]bool{})
	assert.False(t, chart.quick.by.beyond.Load(), "the chart's schema has a keyword that the quick check does not know")
	beyond, err := Compile([]byte(`{"maxProperties": 1}`))
	require.NoError(t, err)
	assert.True(t, beyond.quick.by.beyond.Load(), "what it does not know is the library's to judge")
	broken, err := Compile([]byte(`{"properties": {"a": {"type": "nothing"}}}`))
	require.NoError(t, err)
	_, err = broken.Validate(map[string]any{"a": true}, nil)
	require.Error(t, err)
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

// compileAll compiles what else only values would.
func compileAll(k *quick, seen map[*quick]bool) {
	if k == nil || seen[k] {
		return
	}
	seen[k] = true
	k.once.Do(k.compile)
	for _, each := range k.patterned {
		compileAll(each.schema, seen)
	}
	for _, each := range slices.Concat(slices.Collect(maps.Values(k.properties)), k.all, k.any, k.one, []*quick{k.additional, k.keys, k.items, k.not, k.when, k.then, k.or}) {
		compileAll(each, seen)
	}
}
