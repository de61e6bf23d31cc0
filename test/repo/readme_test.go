package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestReadmeValues holds that whatever the README gives as values, on their own or for a GitOps tool to hand over, is taken
// without a word.
func TestReadmeValues(t *testing.T) {
	chart, err := check.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(charts.Root(), "README.md"))
	require.NoError(t, err)
	seen := 0
	var files []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		values := valuesOf(t, block[1])
		if values == "" {
			continue
		}
		// An overlay stands below the base that it is laid over.
		if !strings.HasPrefix(values, "# clusters/") {
			files = nil
		}
		files = append(files, filepath.Join(t.TempDir(), "values.yaml"))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(values), 0o600))
		result, err := chart.Check(check.Inputs{Files: files}, check.Release{Name: "checkpoints", Namespace: "train"})
		require.NoError(t, err, values)
		assert.Empty(t, result.Findings, values)
		seen++
	}
	assert.GreaterOrEqual(t, seen, 5, "the README shows fewer values than it did")
}

// valuesOf finds the chart's values in a block of YAML: the whole of it, or what an Application, a HelmRelease or a Kustomization hands over;
// "" when it is something else.
func valuesOf(t *testing.T, block string) string {
	t.Helper()
	var document struct {
		Backend string
		Kind    string
		// HelmCharts are those of a Kustomization.
		HelmCharts []struct{ ValuesInline map[string]any }
		Spec       struct {
			Values map[string]any
			Source struct {
				Helm struct{ ValuesObject map[string]any }
			}
		}
	}
	if yaml.Unmarshal([]byte(block), &document) != nil {
		return ""
	}
	values := document.Spec.Values
	switch document.Kind {
	case "":
		if document.Backend == "" {
			return ""
		}
		return block
	case "Application":
		values = document.Spec.Source.Helm.ValuesObject
	case "Kustomization":
		require.Len(t, document.HelmCharts, 1)
		values = document.HelmCharts[0].ValuesInline
	}
	require.NotEmpty(t, values, block)
	text, err := yaml.Marshal(values)
	require.NoError(t, err)
	return string(text)
}
