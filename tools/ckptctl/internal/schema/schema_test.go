package schema

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
