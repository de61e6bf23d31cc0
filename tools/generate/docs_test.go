package main

import (
	"os"
	"path/filepath"
	"testing"

	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOrphans holds that the page of a removed backend is found, and no other.
func TestOrphans(t *testing.T) {
	d := documentation{chart: t.TempDir(), backends: []catalog.Backend{{Name: "nfs"}}}
	require.NoError(t, os.MkdirAll(d.folder(), 0o700))
	for _, page := range []string{"nfs.md", "removed.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(d.folder(), page), nil, 0o600))
	}
	orphans, err := d.orphans()
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(d.folder(), "removed.md")}, orphans)
}
