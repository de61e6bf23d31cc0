package render

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/tools/catalog"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden shows, as whole manifests, what the defaults and each backend's documented example render.
func TestGolden(t *testing.T) {
	t.Parallel()
	backends, err := catalog.Load(os.DirFS(chartPath))
	require.NoError(t, err)
	golden(t, "testdata/defaults.golden.yaml", "")
	for _, b := range backends {
		values := b.ExampleDocument()
		values["test"] = map[string]any{"enabled": false}
		text, err := yaml.Marshal(values)
		require.NoError(t, err)
		golden(t, filepath.Join(chartPath, catalog.Root, b.Name, "testdata", "_example.golden.yaml"), string(text))
	}
}

// TestGoldenClasses shows every StorageClass that a fixture has the chart make: what a driver is asked for, in the
// driver's own words, is for people to compare with its documentation.
func TestGoldenClasses(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t, "accept") {
		text, err := os.ReadFile(f.file)
		require.NoError(t, err)
		var values struct{ StorageClass struct{ Create bool } }
		require.NoError(t, yaml.Unmarshal(text, &values), f.file)
		if values.StorageClass.Create {
			golden(t, strings.TrimSuffix(f.file, ".values.yaml")+".golden.yaml", string(text), "templates/storage-class.yaml")
		}
	}
}

// golden compares what values render with a file: everything, or what comes from the templates that are named.
func golden(t *testing.T, file, values string, templates ...string) {
	t.Helper()
	valuesFile := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(valuesFile, []byte(values), 0o600))
	got, err := render(t, &helm.Options{ValuesFiles: []string{valuesFile}}, templates...)
	require.NoError(t, err, file)
	// The scripts of helm test are files of the chart, to be read there.
	documents := slices.DeleteFunc(strings.SplitAfter(got, "\n---\n"), func(document string) bool {
		return strings.Contains(document, "/templates/tests/config-map.yaml\n")
	})
	got = strings.Join(documents, "")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got+"\n"), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got+"\n", "%s differs; if the change is meant: go test ./test/render -update", file)
}
