package fastpath

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestValid holds the verdicts to the library's, for every keyword that is compiled.
func TestValid(t *testing.T) {
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
		fast, err := Compile([]byte(schema))
		if schema == "true" || schema == "false" {
			require.Error(t, err, "a values schema is a map")
			continue
		}
		require.NoError(t, err, schema)
		library, err := compileLibrary(schema)
		require.NoError(t, err)
		for _, instance := range instances {
			if valid := fast.valid(instance); !fast.compiler.unsupported.Load() {
				assert.Equal(t, library.Validate(instance) == nil, valid, "%s %v", schema, instance)
			}
		}
	}
}

// TestSupported holds that the chart's own schema is supported: otherwise every file would take the slow way, in silence.
func TestSupported(t *testing.T) {
	text, err := embedded.FS.ReadFile("values.schema.json")
	require.NoError(t, err)
	chart, err := Compile(text)
	require.NoError(t, err)
	compileAll(chart, map[*Validator]bool{})
	assert.False(t, chart.compiler.unsupported.Load(), "the chart's schema has a keyword that is not compiled")
	for _, schema := range []string{
		`{"maxProperties": 1}`, `{"type": "nothing"}`, `{"$ref": "#"}`, `{"$ref": "#a"}`, `{"$ref": "#/definitions/none"}`, `{"$ref": "other.json"}`,
		`{"definitions": {"a b": true}, "$ref": "#/definitions/a%20b"}`,
	} {
		unsupported, err := Compile([]byte(schema))
		require.NoError(t, err)
		assert.False(t, unsupported.Valid(map[string]any{}), "%s is for the library", schema)
	}
}

// compileAll compiles what else only values would.
func compileAll(v *Validator, seen map[*Validator]bool) {
	if v == nil || seen[v] {
		return
	}
	seen[v] = true
	v.once.Do(v.compile)
	for _, each := range v.patterned {
		compileAll(each.schema, seen)
	}
	for _, each := range slices.Concat(slices.Collect(maps.Values(v.properties)), v.all, v.any, v.one, []*Validator{v.additional, v.keys, v.items, v.not, v.when, v.then, v.or}) {
		compileAll(each, seen)
	}
}

func compileLibrary(schema string) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft7
	if err := compiler.AddResource("values.schema.json", strings.NewReader(schema)); err != nil {
		return nil, err
	}
	return compiler.Compile("values.schema.json")
}

// BenchmarkValid compares the fast path with the library, on the chart's schema and its defaults with an NFS share over them:
// for the first file of a process, the schema being compiled, and for each further one.
func BenchmarkValid(b *testing.B) {
	schema, err := embedded.FS.ReadFile("values.schema.json")
	require.NoError(b, err)
	values := map[string]any{}
	text, err := embedded.FS.ReadFile("values.yaml")
	require.NoError(b, err)
	for _, text := range []string{string(text), "backend: nfs\nsize: 2Ti\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export/checkpoints}\n"} {
		require.NoError(b, yaml.Unmarshal([]byte(text), &values))
	}
	for name, compile := range map[string]func() func() bool{
		"fastpath": func() func() bool {
			fast, err := Compile(schema)
			require.NoError(b, err)
			return func() bool { return fast.Valid(values) }
		},
		"library": func() func() bool {
			library, err := compileLibrary(string(schema))
			require.NoError(b, err)
			return func() bool { return library.Validate(values) == nil }
		},
	} {
		b.Run("first/"+name, func(b *testing.B) {
			for b.Loop() {
				require.True(b, compile()())
			}
		})
		b.Run("next/"+name, func(b *testing.B) {
			valid := compile()
			for b.Loop() {
				require.True(b, valid())
			}
		})
	}
}
