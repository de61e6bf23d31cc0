package repo

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// storage completes a block that shows a few keys and no storage.
const storage = "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export/checkpoints}\n"

// TestDocumentedValues holds that whatever a page gives as values, on their own or for a GitOps tool to hand over, is
// accepted without a finding, save for warnings that the page names. A block that begins with "# clusters/" is an overlay
// of the page's "# base.yaml"; one with the fence `yaml wrong` is refused, with the message that the page shows.
func TestDocumentedValues(t *testing.T) {
	chart, err := check.Open(os.DirFS(charts.Chart()), check.Helm3)
	require.NoError(t, err)
	seen := map[string]int{}
	for _, p := range markdown(t) {
		base := ""
		for _, b := range p.blocks {
			if b.language() != "yaml" {
				continue
			}
			values := valuesOf(t, p.file, b.text)
			if values == "" {
				continue
			}
			file := filepath.Join(t.TempDir(), "values.yaml")
			require.NoError(t, os.WriteFile(file, []byte(values), 0o600))
			files := []string{file}
			if strings.HasPrefix(values, "# base.yaml") {
				base = file
			}
			if strings.HasPrefix(values, "# clusters/") {
				require.NotEmpty(t, base, "%s has an overlay, and no base before it", p.file)
				files = []string{base, file}
			}
			result, err := chart.Check(check.Inputs{Files: files}, check.Release{Name: "checkpoints", Namespace: "train"})
			require.NoError(t, err, values)
			if b.info == "yaml wrong" {
				require.Len(t, result.Findings, 1, "%s\n%s", p.file, values)
				assert.Contains(t, shown(p), result.Findings[0].Message, p.file)
			} else {
				unnamed := slices.DeleteFunc(result.Findings, func(f check.Finding) bool {
					return f.Severity == "warning" && strings.Contains(p.source, f.Rule)
				})
				assert.Empty(t, unnamed, "%s\n%s", p.file, values)
			}
			seen[p.file]++
		}
	}
	for _, b := range backends(t) {
		assert.NotZero(t, seen[filepath.Join("charts/checkpoint-storage/docs/backends", b.Name+".md")], "the page of %s shows no values", b.Name)
	}
	// What the pages show by hand.
	for file, least := range map[string]int{
		"README.md": 4, "charts/checkpoint-storage/README.md": 1, "charts/checkpoint-storage/docs/configuration.md": 5,
		"charts/checkpoint-storage/docs/gitops.md": 3, "charts/checkpoint-storage/docs/security.md": 1,
	} {
		assert.GreaterOrEqual(t, seen[file], least, "%s shows fewer values than it did", file)
	}
}

// shown is all that the blocks of a page say.
func shown(p page) string {
	var out []string
	for _, b := range p.blocks {
		out = append(out, b.text)
	}
	return strings.Join(out, "\n")
}

// notValues are blocks of YAML that are no values of the chart, by what tells them.
var notValues = regexp.MustCompile(`(?m)^(# ckptctl\.yaml$|dependencies:|repos:|jobs:|include:|persistentVolumeClaim:|\{\{-|# yaml-language-server:)`)

// valuesOf finds the chart's values in a block of YAML: the whole of it, or what an Application, a HelmRelease or a
// Kustomization hands over; "" when it is something that a page shows besides. It fails for what is neither.
func valuesOf(t *testing.T, file, text string) string {
	t.Helper()
	if notValues.MatchString(text) {
		return ""
	}
	var document struct {
		Kind string
		// HelmCharts are those of a Kustomization.
		HelmCharts []struct{ ValuesInline map[string]any }
		Spec       struct {
			Values map[string]any
			Source struct {
				Helm struct{ ValuesObject map[string]any }
			}
		}
	}
	first, _, _ := strings.Cut(text, "\n---\n")
	require.NoError(t, yaml.Unmarshal([]byte(first), &document), "%s\n%s", file, text)
	values := document.Spec.Values
	switch document.Kind {
	case "":
		return complete(t, file, text)
	case "Application":
		values = document.Spec.Source.Helm.ValuesObject
	case "Kustomization":
		require.Len(t, document.HelmCharts, 1)
		values = document.HelmCharts[0].ValuesInline
	case "PersistentVolume", "PersistentVolumeClaim", "StorageClass":
		return ""
	}
	require.NotEmpty(t, values, text)
	out, err := yaml.Marshal(values)
	require.NoError(t, err)
	return string(out)
}

// complete adds storage to values that name none, unless they are an overlay.
func complete(t *testing.T, file, text string) string {
	t.Helper()
	var values map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &values), "%s\n%s", file, text)
	keys := slices.Collect(maps.Keys(values))
	if strings.HasPrefix(text, "# clusters/") || slices.Contains(keys, "backend") || slices.Contains(keys, "provisioning") {
		return text
	}
	return storage + text
}
