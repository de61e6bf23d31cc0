package repo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPackage holds that the package has the chart and its README, and neither documentation, fixtures nor Go code: all of a
// package is stored in the Secret of every release.
func TestPackage(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "helm", "package", charts.Chart(), "--destination", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	require.NoError(t, err)
	require.Len(t, archives, 1)
	archived, err := os.ReadFile(archives[0])
	require.NoError(t, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(archived))
	require.NoError(t, err)
	var names []string
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, header.Name)
		for _, left := range []string{"/docs/", "/testdata/", ".go", "_schema.yaml", "CHANGELOG.md", "rules.yaml"} {
			assert.NotContains(t, header.Name, left)
		}
	}
	for _, needed := range []string{"README.md", "values.schema.json", "templates/persistent-volume.yaml"} {
		assert.Contains(t, names, "checkpoint-storage/"+needed)
	}
}
