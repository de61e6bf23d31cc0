package render

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// TestParentReadsFacts holds that a parent's templates read the facts in the dependency's own files, for each of two
// aliases, with both Helms and however the dependency is put in place; and that a context without them is refused.
func TestParentReadsFacts(t *testing.T) {
	t.Parallel()
	for place, put := range map[string]func(*chart.Chart, string) error{
		"packaged": func(c *chart.Chart, into string) error { _, err := chartutil.Save(c, into); return err },
		"unpacked": chartutil.SaveDir,
	} {
		for _, program := range []string{"helm", "helm4"} {
			t.Run(place+" "+program, func(t *testing.T) {
				t.Parallel()
				parent := filepath.Join(t.TempDir(), "umbrella")
				require.NoError(t, os.CopyFS(parent, os.DirFS(filepath.Join(charts.Root(), "test", "charts", "umbrella"))))
				require.NoError(t, put(annotated(t), filepath.Join(parent, "charts")))
				values := filepath.Join(t.TempDir(), "values.yaml")
				require.NoError(t, os.WriteFile(values, []byte("checkpoints: {backend: nfs, accessModes: [ReadWriteMany], nfs: {server: a, path: /b}}\n"), 0o600))
				out, err := exec.CommandContext(t.Context(), program, "template", "run", parent, "--namespace", namespace, "--values", values).CombinedOutput()
				require.NoError(t, err, "%s", out)
				pods := decode(t, string(out)).pods
				require.Len(t, pods, 1)
				assert.Equal(t, map[string]string{"umbrella/stores": "2", "test/nfs": "read", "test/hostPath": "read"}, pods[0].Annotations)

				wrong := []byte(`{{ include "checkpoint-storage.podAnnotations" (merge (dict "Values" .Values.checkpoints) .) }}`)
				require.NoError(t, os.WriteFile(filepath.Join(parent, "templates", "wrong.yaml"), wrong, 0o600))
				said, err := exec.CommandContext(t.Context(), program, "template", "run", parent).CombinedOutput()
				require.Error(t, err)
				assert.Contains(t, string(said), "Fix: pass .Subcharts.<alias>")
			})
		}
	}
}

// annotated is the chart as it is packaged, with facts of an annotation that pods of two backends need.
func annotated(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartPath)
	require.NoError(t, err)
	for _, backend := range []string{"nfs", "hostPath"} {
		for _, file := range c.Files {
			if file.Name == "facts/"+backend+".json" {
				const none = `"pod":{}`
				require.Contains(t, string(file.Data), none)
				file.Data = bytes.ReplaceAll(file.Data, []byte(none), []byte(`"pod": {"annotations": {"test/`+backend+`": "read"}}`))
			}
		}
	}
	return c
}
