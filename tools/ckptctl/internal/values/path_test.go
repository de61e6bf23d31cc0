package values

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestOther checks that where two values differ is found, down to the one key that does.
func TestOther(t *testing.T) {
	was := map[string]any{"nfs": map[string]any{"server": "a", "path": "/p"}, "size": "1Gi", "list": []any{"a"}}
	for name, c := range map[string]struct {
		is   map[string]any
		path string
		want string
	}{
		"the same":       {was, "nfs", ""},
		"one key":        {map[string]any{"nfs": map[string]any{"server": "b", "path": "/p"}}, "nfs", "nfs.server"},
		"two keys":       {map[string]any{"nfs": map[string]any{"server": "b", "path": "/q"}}, "nfs", "nfs"},
		"a key more":     {map[string]any{"nfs": map[string]any{"server": "a", "path": "/p", "readOnly": true}}, "nfs", "nfs.readOnly"},
		"a key less":     {map[string]any{"nfs": map[string]any{"server": "a"}}, "nfs", "nfs.path"},
		"no section":     {map[string]any{}, "nfs", "nfs"},
		"a value":        {map[string]any{"size": "2Gi"}, "size", "size"},
		"a list":         {map[string]any{"list": []any{"b"}}, "list", "list"},
		"neither has it": {map[string]any{}, "claim.name", ""},
	} {
		assert.Equal(t, c.want, Other(was, c.is, ParsePath(c.path)).String(), name)
	}
}
