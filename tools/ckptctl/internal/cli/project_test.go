package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// folder writes files into a folder of the test's own and makes it, or one below, the working directory.
func folder(t *testing.T, below string, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".git"), 0o700), "the end of the search for a project file")
	t.Chdir(filepath.Join(dir, below))
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// fleet are the files of a project of two clusters.
func fleet(more ...string) map[string]string {
	files := map[string]string{
		"ckptctl.yaml": `base: base.yaml
overlays: clusters/*.yaml
kubeVersion: "1.37"
clusters:
- {name: berlin, kubeVersion: "1.29", namespace: ml, context: berlin}
`,
		"base.yaml":            "backend: nfs\nnfs: {server: s}\naccessModes: [ReadWriteMany]\nclaim: {volumeAttributesClassName: fast}\n",
		"clusters/berlin.yaml": "nfs: {path: /berlin}\n",
		"clusters/oslo.yaml":   "nfs: {path: /oslo}\n",
	}
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

// TestProject checks that a check without arguments checks the fleet of the project, each cluster by what it is.
func TestProject(t *testing.T) {
	plain := strings.Replace(fleet()["base.yaml"], "claim: {volumeAttributesClassName: fast}\n", "", 1)
	modern := "backend: csi\ncsi: {driver: d.example.com}\nprovisioning: dynamic\nclaim: {volumeAttributesClassName: fast}\n"
	for title, c := range map[string]struct {
		files map[string]string
		below string
		args  []string
		// want are the findings, as cluster and rule.
		want     []string
		clusters int
	}{
		"nothing wrong":                {files: fleet("base.yaml", plain), clusters: 2},
		"each by its own version":      {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), want: []string{"berlin W08"}, clusters: 2},
		"a flag instead of the file":   {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), args: []string{"--kube-version", "1.35"}, clusters: 2},
		"from a folder below":          {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), below: "clusters", want: []string{"berlin W08"}, clusters: 2},
		"one overlay":                  {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), args: []string{"clusters/oslo.yaml"}, clusters: 1},
		"the other overlay":            {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), args: []string{"./clusters/berlin.yaml"}, want: []string{"berlin W08"}, clusters: 1},
		"what all share":               {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "", "clusters/oslo.yaml", ""), args: []string{"base.yaml", "clusters/oslo.yaml"}, want: []string{"berlin W08"}, clusters: 2},
		"one release, by its settings": {files: fleet("base.yaml", modern, "clusters/berlin.yaml", "size: 20Gi\n"), args: []string{"-f", "base.yaml", "-f", "clusters/berlin.yaml"}, want: []string{" W08"}},
		"one release, by the top":      {files: fleet("base.yaml", modern), args: []string{"-f", "base.yaml"}},
		"two releases in one cluster":  {files: fleet("base.yaml", plain, "ckptctl.yaml", "base: base.yaml\noverlays: clusters/*.yaml\ncontext: one\n"), want: []string{"oslo E08"}, clusters: 2},
		"settings of the file":         {files: fleet("base.yaml", plain, "ckptctl.yaml", "base: base.yaml\noverlays: clusters/*.yaml\nquota: 1Gi\nset: [size=2Gi]\n"), want: []string{"berlin,oslo W07"}, clusters: 2},
		"a folder for each cluster":    {files: fleet("base.yaml", modern, "ckptctl.yaml", "base: base.yaml\noverlays: sites/*/values.yaml\nclusters: [{name: rome, kubeVersion: '1.29'}]\n", "sites/rome/values.yaml", "", "sites/lima/values.yaml", ""), want: []string{"rome W08"}, clusters: 2},
		"a single release":             {files: fleet("base.yaml", modern, "ckptctl.yaml", "base: base.yaml\nkubeVersion: '1.29'\n"), want: []string{" W08"}},
		"null by each cluster's Helm":  {files: fleet("ckptctl.yaml", "overlays: clusters/*.yaml\nclusters: [{name: oslo, helm: 4}]\n", "clusters/berlin.yaml", "provisioning: dynamic\n---\nsize: 10\n", "clusters/oslo.yaml", "provisioning: dynamic\n---\nsize: 10\n"), want: []string{"berlin yaml/several-documents", "oslo schema/type"}, clusters: 2},
	} {
		t.Run(title, func(t *testing.T) {
			folder(t, c.below, c.files)
			code, out, errs := ckptctl(append([]string{"check", "-o", "json"}, c.args...)...)
			var got struct {
				Findings []report.Finding
				Clusters []report.Cluster
			}
			require.NoError(t, json.Unmarshal([]byte(out), &got), out+errs)
			var found []string
			for _, f := range got.Findings {
				found = append(found, strings.Join(f.Clusters, ",")+" "+f.Rule)
			}
			slices.Sort(found)
			assert.Equal(t, c.want, found)
			assert.Len(t, got.Clusters, c.clusters)
			failed := slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Severity == report.Error })
			assert.Equal(t, map[bool]int{true: Found, false: OK}[failed], code)
		})
	}
}

// TestProjectChart checks that each cluster is judged by its own version of the chart.
func TestProjectChart(t *testing.T) {
	old := edited(t, "values.schema.json", "\n    \"size\": {\"$ref\"", "\n    \"scratch\": {\"type\":\"string\"},\n    \"size\": {\"$ref\"")
	text, err := os.ReadFile(filepath.Join(old, "Chart.yaml"))
	require.NoError(t, err)
	write(t, filepath.Join(old, "Chart.yaml"), strings.Replace(string(text), "version: 0.1.0", "version: 0.0.9", 1))
	const settings = "overlays: clusters/*.yaml\nset: [scratch=a]\nchart: vendor/*.tgz\nchartVersion: 0.0.9\n"
	dir := folder(t, "", map[string]string{"clusters/berlin.yaml": "", "clusters/oslo.yaml": "", "ckptctl.yaml": settings})
	require.NoError(t, os.Mkdir("vendor", 0o700))
	pack(t, old, filepath.Join(dir, "vendor"))
	code, out, errs := ckptctl("check")
	assert.Equal(t, OK, code, out+errs)
	write(t, filepath.Join(dir, "ckptctl.yaml"), settings+"clusters: [{name: oslo, chartVersion: 0.2.0}]\n")
	code, _, errs = ckptctl("check")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "ckptctl.yaml:5:39: clusters[0].chartVersion: there is no chart of version 0.2.0.\n  fix: there is 0.0.9; change chart or chartVersion")
}

// TestProjectMistakes checks that what is wrong with a project is said with its place and what to do.
func TestProjectMistakes(t *testing.T) {
	for title, c := range map[string]struct {
		file string
		want string
	}{
		"an unknown key":       {"overlay: a\n", "error: ckptctl.yaml:1:1: overlay: there is no such key.\n  fix: did you mean overlays?\n"},
		"no overlays":          {"base: base.yaml\noverlays: nowhere/*.yaml\n", "ckptctl.yaml:2:11: overlays: no files match nowhere/*.yaml.\n  fix: write the path from the folder of this file\n"},
		"an unknown cluster":   {"overlays: clusters/*.yaml\nclusters: [{name: Berlni}]\n", "ckptctl.yaml:2:19: clusters[0].name: no overlay is called Berlni.\n  fix: did you mean berlin?\n"},
		"no chart":             {"overlays: clusters/*.yaml\nchart: nowhere\n", "ckptctl.yaml:2:8: chart: nowhere: there is no Chart.yaml in it.\n  fix: write the path of a chart's folder or archive, from the folder of this file\n"},
		"no base":              {"base: nowhere.yaml\noverlays: clusters/*.yaml\n", "nowhere.yaml: there is no such file\n"},
		"another built-in one": {"overlays: clusters/*.yaml\nchartVersion: 0.0.1\n", "ckptctl.yaml:2:15: chartVersion: there is no chart of version 0.0.1.\n  fix: there is 0.1.0; change chart or chartVersion\n"},
	} {
		t.Run(title, func(t *testing.T) {
			folder(t, "", fleet("ckptctl.yaml", c.file))
			code, out, errs := ckptctl("check")
			assert.Equal(t, Unusable, code, out)
			assert.Contains(t, errs, c.want)
		})
	}
}

// TestNothingToCheck checks that outside of a project a check without values says what it needs.
func TestNothingToCheck(t *testing.T) {
	folder(t, "", nil)
	code, out, errs := ckptctl("check")
	assert.Equal(t, Unusable, code)
	assert.Empty(t, out)
	assert.Contains(t, errs, "no values are named")
	assert.Contains(t, errs, "ckptctl.yaml")
}
