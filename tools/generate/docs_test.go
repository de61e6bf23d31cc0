package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOrphans holds that the file of a removed backend is found, and no other.
func TestOrphans(t *testing.T) {
	folder := t.TempDir()
	for _, page := range []string{"nfs.md", "removed.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, page), nil, 0o600))
	}
	found, err := orphans([]output{{file: filepath.Join(folder, "nfs.md")}}, folder)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(folder, "removed.md")}, found)
}
