package upgrade

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestParse checks that storage objects are found among others, however large those are, and that no manifest takes the
// memory of a machine.
func TestParse(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "---\n# Source: x\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c-%d}\nspec: {volumeName: %s}\n", i, strings.Repeat("v", 3000))
	}
	others := "---\nkind: ConfigMap\ndata: {a: " + strings.Repeat("x", 5<<20) + "}\n--- # the last\nkind: \"StorageClass\"\nmetadata: {name: s}\n"
	objects, err := Parse(many.String()+others, "training")
	require.NoError(t, err)
	assert.Len(t, objects["PersistentVolumeClaim"], 1000)
	assert.Len(t, objects["StorageClass"], 1)
	assert.Empty(t, objects["PersistentVolume"])

	for name, manifest := range map[string]string{
		"one object":   "kind: PersistentVolume\na: [" + strings.Repeat("1,", maxObject/2) + "1]",
		"many objects": strings.Repeat(many.String(), 2),
	} {
		_, err := Parse(manifest, "training")
		assert.ErrorContains(t, err, "and no release has", name)
	}
	_, err = Parse("kind: PersistentVolume\n  a: b: c", "training")
	assert.ErrorContains(t, err, "a manifest of the release")
}
