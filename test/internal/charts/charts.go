// Package charts gives tests the charts: the one under test, and parents with it as their dependency.
package charts

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/require"
)

// Root returns the checkout's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Chart returns the folder of the chart under test.
func Chart() string { return filepath.Join(Root(), "charts", "checkpoint-storage") }

// Released returns the package of the last release.
func Released(t *testing.T) string {
	t.Helper()
	packages, err := filepath.Glob(filepath.Join(Root(), "test", "charts", "released", "checkpoint-storage-*.tgz"))
	require.NoError(t, err)
	require.Len(t, packages, 1, "test/charts/released has the package of the last release, and no other")
	return packages[0]
}

// Umbrella is a parent chart that has the chart twice.
func Umbrella(t *testing.T) string {
	return complete(t, filepath.Join(Root(), "test", "charts", "umbrella"))
}

// TrainingJob is the example of a training chart.
func TrainingJob(t *testing.T) string {
	return complete(t, filepath.Join(Root(), "charts", "training-job"))
}

// complete copies a parent chart into a folder of the test's own, with its dependencies in place.
func complete(t *testing.T, chart string) string {
	t.Helper()
	dir := t.TempDir()
	parent := filepath.Join(dir, filepath.Base(chart))
	require.NoError(t, os.CopyFS(parent, os.DirFS(chart)))
	// What was there belongs to the checkout, and may be of another day.
	require.NoError(t, os.RemoveAll(filepath.Join(parent, "charts")))
	require.NoError(t, os.Symlink(Chart(), filepath.Join(dir, "checkpoint-storage")))
	_, err := helm.RunHelmCommandAndGetOutputContextE(t, t.Context(), &helm.Options{Logger: logger.Discard}, "dependency", "update", parent)
	require.NoError(t, err)
	return parent
}

// Operators returns the folder of the module that knows the APIs of training operators.
func Operators() string { return filepath.Join(Root(), "test", "operators") }
