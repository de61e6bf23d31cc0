package agree

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// TestFactsOfTheChart holds that a store below a parent is judged by the facts of the chart that the parent brings along:
// by both Helms and by ckptctl alike, and not by those of the chart that ckptctl was built with.
func TestFactsOfTheChart(t *testing.T) {
	for place, put := range map[string]func(*chart.Chart, string) error{
		"packaged": func(c *chart.Chart, into string) error { _, err := chartutil.Save(c, into); return err },
		"unpacked": chartutil.SaveDir,
	} {
		for name, c := range map[string]struct {
			modes   string
			refused bool
		}{
			"unchanged":      {`["ReadWriteMany","ReadWriteOnce","ReadOnlyMany"]`, false},
			"without a mode": {`["ReadWriteOnce","ReadOnlyMany"]`, true},
		} {
			t.Run(place+" "+name, func(t *testing.T) {
				t.Parallel()
				parent := filepath.Join(t.TempDir(), "umbrella")
				require.NoError(t, os.CopyFS(parent, os.DirFS(filepath.Join(charts.Root(), "test", "charts", "umbrella"))))
				require.NoError(t, put(withModes(t, c.modes), filepath.Join(parent, "charts")))
				values := filepath.Join(parent, "values.yaml")
				text := "checkpoints: {backend: nfs, accessModes: [ReadWriteMany], nfs: {server: a, path: /b}}\nfastTier: {size: 1Gi}\nimage: busybox\n"
				require.NoError(t, os.WriteFile(values, []byte(text), 0o600))

				for program, helm := range map[string]check.Helm{"helm": check.Helm3, "helm4": check.Helm4} {
					result, err := check.OpenParent(parent, helm).Check(check.Inputs{}, check.Release{Name: "run", Namespace: "default"})
					require.NoError(t, err)
					var refusals []string
					for _, f := range result.Findings {
						if f.Severity == "error" {
							refusals = append(refusals, f.Message)
						}
					}
					out, err := exec.CommandContext(t.Context(), program, "template", "run", parent).CombinedOutput()
					if !c.refused {
						assert.NoError(t, err, "%s: %s", program, out)
						assert.Empty(t, refusals, program)
						continue
					}
					require.Error(t, err, program)
					require.Len(t, refusals, 1, program)
					assert.Contains(t, string(out), refusals[0], program)
				}
			})
		}
	}
}

// withModes is the chart as it is packaged, with other access modes for a file system of the backend nfs.
func withModes(t *testing.T, modes string) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(charts.Chart())
	require.NoError(t, err)
	for _, file := range c.Files {
		if file.Name == "facts/nfs.json" {
			const known = `["ReadWriteMany","ReadWriteOnce","ReadOnlyMany"]`
			require.Contains(t, string(file.Data), known)
			file.Data = bytes.ReplaceAll(file.Data, []byte(known), []byte(modes))
		}
	}
	return c
}
