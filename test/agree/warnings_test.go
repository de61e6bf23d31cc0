package agree

import (
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/getter"
	"sigs.k8s.io/yaml"
)

var warning = regexp.MustCompile(`(?m)^WARNING (\S+): (.*)\n  Fix: (.*)$`)

// TestWarnings compares what the chart's notes warn of with the warnings of ckptctl, on values that both accept.
func TestWarnings(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(charts.Chart(), "templates", "backends", "*", "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	files = sample.Of(files)
	table, err := os.ReadFile(filepath.Join(charts.Root(), "tools", "ckptctl", "internal", "cli", "testdata", "mistakes.yaml"))
	require.NoError(t, err)
	var mistakes []struct {
		Title, Values string
		Want          struct{ Rule string }
	}
	require.NoError(t, yaml.Unmarshal(table, &mistakes))
	for _, m := range mistakes {
		if m.Want.Rule[0] == 'W' {
			file := filepath.Join(t.TempDir(), "values.yaml")
			require.NoError(t, os.WriteFile(file, []byte(m.Values), 0o600))
			files = append(files, file)
		}
	}
	h := load(t, charts.Chart())
	c, err := check.Open(os.DirFS(charts.Chart()), check.Helm3)
	require.NoError(t, err)
	// What only the tool knows is in no notes.
	rules, err := catalog.LoadRules(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, file := range files {
		result, err := c.Check(check.Inputs{Files: []string{file}}, check.Release{Name: release, Namespace: namespace})
		require.NoError(t, err)
		var tool []string
		for _, f := range result.Findings {
			alone := false
			for _, c := range rules.Rules[f.Rule].Cases {
				alone = alone || c.By == "ckptctl"
			}
			if !alone {
				tool = append(tool, f.Rule+": "+f.Path+": "+f.Message+" Fix: "+f.Hint)
				seen[f.Rule] = true
			}
		}
		var notes []string
		for _, found := range warning.FindAllStringSubmatch(h.notes(t, file), -1) {
			notes = append(notes, found[1]+": "+found[2]+" Fix: "+found[3])
		}
		sort.Strings(tool)
		sort.Strings(notes)
		assert.Equal(t, tool, notes, file)
	}
	assert.Greater(t, len(seen), 5, "too few rules warn of anything")
}

// notes are what Helm prints after an install.
func (h helms) notes(t *testing.T, file string) string {
	t.Helper()
	merge := helmvalues.Options{ValueFiles: []string{file}}
	given, err := merge.MergeValues(getter.Providers{})
	require.NoError(t, err)
	top, err := chartutil.ToRenderValues(h.three, given, chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}, chartutil.DefaultCapabilities)
	require.NoError(t, err)
	out, err := (engine.Engine{}).Render(h.three, top)
	require.NoError(t, err, file)
	return out[h.three.Name()+"/templates/NOTES.txt"]
}
