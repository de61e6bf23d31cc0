package agree

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// TestUpgradeOfRelease checks that values of every backend which the last release takes are taken by this chart too, and that
// neither Kubernetes nor Helm refuses the upgrade of what it has rendered.
func TestUpgradeOfRelease(t *testing.T) {
	released := charts.Released(t)
	archive, err := os.Open(released)
	require.NoError(t, err)
	defer func() { _ = archive.Close() }()
	packed, err := loader.LoadArchiveFiles(archive)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, file := range packed {
		files[file.Name] = file.Data
	}
	backends, err := filepath.Glob(filepath.Join(charts.Chart(), "templates", "backends", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, backends)
	const helm = check.Helm(3)
	release := check.Release{Name: "release", Namespace: "default"}
	taken := 0
	for _, backend := range sample.Of(backends) {
		accepted, err := filepath.Glob(filepath.Join(backend, "testdata", "_accept-*.values.yaml"))
		require.NoError(t, err)
		for _, file := range accepted {
			in := check.Inputs{Files: []string{file}}
			old, err := check.Open(check.Files(files), helm)
			require.NoError(t, err)
			then, err := old.Check(in, release)
			require.NoError(t, err, file)
			if slices.ContainsFunc(then.Findings, isError) {
				continue // It is newer than the release.
			}
			found, err := check.Diff(t.Context(), helm, check.Side{Inputs: in, Chart: check.Files(files), Place: released}, check.Side{Inputs: in, Chart: os.DirFS(charts.Chart()), Place: charts.Chart()}, release, check.Connection{})
			require.NoError(t, err, file)
			assert.False(t, slices.ContainsFunc(found, isError), "%s: %v", file, found)
			taken++
			break
		}
	}
	assert.Greater(t, taken, len(sample.Of(backends))/2, "the release takes hardly any of the values")
}

func isError(f check.Finding) bool { return f.Severity == "error" }
