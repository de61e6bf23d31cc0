package cli

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExplainedKeys holds that every key of the chart has a description, of whole sentences, and that explain shows it.
func TestExplainedKeys(t *testing.T) {
	l, err := load("")
	require.NoError(t, err)
	count := 0
	var visit func(path string, schema map[string]any)
	visit = func(path string, schema map[string]any) {
		keys, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(keys)) {
			here := name
			if path != "" {
				here = path + "." + name
			}
			key, ok := l.Key(here)
			require.True(t, ok, here)
			text, described := key.Schema["description"].(string)
			assert.True(t, described || path != "", here)
			if described {
				count++
				assert.Regexp(t, `[.)]$`, text, here)
			}
			for keyword, is := range key.Schema {
				assert.NotNil(t, is, "%s: %s is no keyword", here, keyword)
			}
			if items, ok := key.Schema["items"].(map[string]any); ok {
				for keyword, is := range items {
					assert.NotNil(t, is, "%s: %s is no keyword", here, keyword)
				}
			}
			visit(here, key.Schema)
		}
	}
	visit("", l.Schema)
	assert.Greater(t, count, 500)

	code, out, _ := ckptctl("explain", "nfs.server")
	assert.Equal(t, OK, code)
	assert.Equal(t, "nfs.server: Host name or address of the server. Nodes must resolve it, not pods.\n\ntype     string\nexample  \"10.0.0.5\"\nneeded   required\n", out)
	code, out, _ = ckptctl("explain", "storageClass.volumeBindingMode")
	assert.Equal(t, OK, code)
	assert.Contains(t, out, "WaitForFirstConsumer")
	assert.Contains(t, out, "rule ")
	code, out, _ = ckptctl("explain", "podSecurityContext.fsGroup")
	assert.Equal(t, OK, code)
	assert.Contains(t, out, "podSecurityContext.fsGroup: a key of podSecurityContext: ")
	_, _, errs := ckptctl("explain", "nfs.sever")
	assert.Contains(t, errs, "no backend, key")
}
