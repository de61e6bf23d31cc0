package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

const (
	platform = "apiVersion: v2\nname: platform\nversion: 0.1.0\ndependencies:\n  - {name: trainer, alias: teamA, version: 0.1.0, repository: file://../trainer, condition: teamA.enabled}\n"
	trainer  = "apiVersion: v2\nname: trainer\nversion: 0.1.0\ndependencies:\n  - {name: checkpoint-storage, alias: checkpoints, version: \">=0.0.0-0\", repository: REPOSITORY, condition: checkpoints.enabled, tags: [storage]}\n"
	nested   = "teamA:\n  checkpoints:\n    backend: nfs\n    accessModes: [ReadWriteMany]\n    nfs: {server: 10.0.0.5, path: /export}\n"
)

// around writes an umbrella over a training chart over the chart, and returns the umbrella's folder.
func around(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"platform/Chart.yaml": platform, "platform/values.yaml": nested, "trainer/Chart.yaml": trainer}
	for name, text := range files {
		all[name] = text
	}
	chart, err := filepath.Abs(chartFolder)
	require.NoError(t, err)
	for name, text := range all {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "REPOSITORY", "file://"+chart)), 0o600))
	}
	return filepath.Join(dir, "platform")
}

// built puts the dependencies in place as `helm dependency build` does, packed or not.
func built(t *testing.T, platform string, packed bool) {
	t.Helper()
	chart, err := filepath.Abs(chartFolder)
	require.NoError(t, err)
	trainer := filepath.Join(filepath.Dir(platform), "trainer")
	require.NoError(t, os.MkdirAll(filepath.Join(trainer, "charts"), 0o750))
	require.NoError(t, os.MkdirAll(filepath.Join(platform, "charts"), 0o750))
	if !packed {
		require.NoError(t, os.Symlink(chart, filepath.Join(trainer, "charts", "checkpoint-storage")))
		require.NoError(t, os.Rename(trainer, filepath.Join(platform, "charts", "trainer")))
		return
	}
	pack(t, chart, filepath.Join(trainer, "charts"))
	pack(t, trainer, filepath.Join(platform, "charts"))
}

func pack(t *testing.T, from, into string) string {
	t.Helper()
	c, err := loader.LoadDir(from)
	require.NoError(t, err)
	file, err := chartutil.Save(c, into)
	require.NoError(t, err)
	return file
}

// TestNested checks that a store is found and judged at any depth of parents, however their charts are put in place.
func TestNested(t *testing.T) {
	typo := map[string]string{"platform/values.yaml": strings.ReplaceAll(nested, "server", "sever")}
	for name, open := range map[string]func(t *testing.T, files map[string]string) string{
		"by path": around,
		"unpacked": func(t *testing.T, files map[string]string) string {
			dir := around(t, files)
			built(t, dir, false)
			return dir
		},
		"packed": func(t *testing.T, files map[string]string) string {
			dir := around(t, files)
			built(t, dir, true)
			return dir
		},
		"an archive": func(t *testing.T, files map[string]string) string {
			dir := around(t, files)
			built(t, dir, true)
			return pack(t, dir, t.TempDir())
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, helm := range []string{"3", "4"} {
				chart := open(t, nil)
				code, out, errs := ckptctl("check", "--chart", chart, "--helm", helm)
				assert.Equal(t, OK, code, out+errs)
				assert.Contains(t, out, "ok: checkpoints/teamA.checkpoints: backend nfs")

				chart = open(t, typo)
				_, got := findings(t, "--chart", chart, "--helm", helm)
				require.Len(t, got, 1)
				assert.Equal(t, []any{"teamA.checkpoints.nfs.sever", filepath.Join(chart, "values.yaml"), 5, "checkpoints/teamA.checkpoints"},
					[]any{got[0].Path, got[0].File, got[0].Line, got[0].Release})
				assert.Equal(t, "did you mean server?", got[0].Hint)

				for _, off := range []string{"teamA.enabled=false", "teamA.checkpoints.enabled=false", "tags.storage=false"} {
					_, out, _ = ckptctl("check", "--chart", chart, "--helm", helm, "--set", off)
					assert.Contains(t, out, "ok: checkpoints/teamA.checkpoints: turned off by its parent chart", off)
				}
			}
		})
	}
}

// TestNestedFiles checks where a mistake is said to be that stands in the values of a chart between.
func TestNestedFiles(t *testing.T) {
	dir := around(t, map[string]string{
		"trainer/values.yaml":  "checkpoints:\n  backend: nfs\n  accessModes: [ReadWriteMany]\n  size: 0755\n  nfs: {sever: 10.0.0.5, path: /export}\n",
		"platform/values.yaml": "teamA:\n  checkpoints: {size: 1Ti}\n",
	})
	_, got := findings(t, "--chart", dir)
	require.Len(t, got, 2)
	between := filepath.Join(dir, "charts", "teamA", "values.yaml")
	assert.Equal(t, []any{"yaml/octal-number", "teamA.checkpoints.size", between, 4}, []any{got[0].Rule, got[0].Path, got[0].File, got[0].Line})
	assert.Equal(t, []any{"teamA.checkpoints.nfs.sever", between, 5}, []any{got[1].Path, got[1].File, got[1].Line})

	// Values that a chart takes from below go up, and change nothing below.
	dir = around(t, map[string]string{
		"trainer/Chart.yaml":   strings.ReplaceAll(trainer, "tags: [storage]", "import-values: [{child: commonLabels, parent: labels}]"),
		"platform/values.yaml": nested + "    commonLabels: {team: a}\n",
	})
	code, out, errs := ckptctl("check", "--chart", dir)
	assert.Equal(t, OK, code, out+errs)
}

// TestNestedMissing checks that a chart which does not bring the store along is no chart without one.
func TestNestedMissing(t *testing.T) {
	dir := around(t, map[string]string{"trainer/Chart.yaml": strings.ReplaceAll(trainer, "REPOSITORY", `""`)})
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "charts"), 0o750))
	require.NoError(t, os.Rename(filepath.Join(filepath.Dir(dir), "trainer"), filepath.Join(dir, "charts", "trainer")))
	code, _, errs := ckptctl("check", "--chart", dir)
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "its dependency trainer needs checkpoint-storage")
	assert.Contains(t, errs, "helm dependency build "+filepath.Join(dir, "charts", "trainer"))

	// A chart that names itself has no end.
	self := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(self, "Chart.yaml"), []byte("apiVersion: v2\nname: self\nversion: 0.1.0\ndependencies: [{name: self, version: 0.1.0, repository: file://.}]\n"), 0o600))
	code, _, errs = ckptctl("check", "--chart", self)
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "charts deep")
}

// TestArchive checks that a packaged chart is read as its folder is.
func TestArchive(t *testing.T) {
	chart, err := filepath.Abs(chartFolder)
	require.NoError(t, err)
	archive := pack(t, chart, t.TempDir())
	values := file(t, "v.yaml", "backend: nfs\nnfs: {sever: a, path: /b}\n")
	_, want := findings(t, "--chart", chart, "-f", values)
	_, got := findings(t, "--chart", archive, "-f", values)
	assert.Equal(t, want, got)
	code, out, errs := ckptctl("explain", "nfs", "--chart", archive)
	assert.Equal(t, OK, code, out+errs)

	for name, text := range map[string]string{"chart.tgz": "no archive", "values.yaml": "backend: nfs\n"} {
		code, _, errs := ckptctl("check", "--chart", file(t, name, text))
		assert.Equal(t, Unusable, code)
		assert.Contains(t, errs, "neither a chart's folder nor its archive")
	}
}

// TestLost holds that what Helm makes under another name than its alias is an error: values under the alias reach nothing.
func TestLost(t *testing.T) {
	const twice = "  - {name: trainer, alias: teamB, version: 0.1.0, repository: file://../trainer, condition: teamB.enabled}\n"
	second := nested + strings.ReplaceAll(strings.ReplaceAll(nested, "teamA", "teamB"), "/export", "/other")
	dir := around(t, map[string]string{"platform/Chart.yaml": platform + twice, "platform/values.yaml": second})
	code, out, errs := ckptctl("check", "--chart", dir)
	assert.Equal(t, 2, code, out+errs)
	assert.Contains(t, errs, "Helm 3 makes a store teamB.checkpoint-storage with the chart's defaults")
	assert.Contains(t, errs, "use Helm 4 and --helm 4")
	// Helm 4 makes both, and they have one claim.
	_, got := findings(t, "--chart", dir, "--helm", "4")
	require.NotEmpty(t, got)
	assert.Contains(t, []string{"checkpoints/teamA.checkpoints", "checkpoints/teamB.checkpoints"}, got[0].Release)
	off := around(t, map[string]string{"platform/Chart.yaml": platform + twice, "platform/values.yaml": nested + "teamB: {enabled: false}\n"})
	code, out, errs = ckptctl("check", "--chart", off)
	assert.Equal(t, OK, code, out+errs)
	assert.Contains(t, out, "teamB.checkpoints: turned off by its parent chart")

	dir = around(t, map[string]string{"trainer/Chart.yaml": strings.ReplaceAll(trainer, ">=0.0.0-0", ">=9.0.0")})
	built(t, dir, true)
	code, out, errs = ckptctl("check", "--chart", dir)
	assert.Equal(t, 2, code, out+errs)
	assert.Contains(t, errs, "checkpoint-storage is to be of version >=9.0.0")
	assert.Contains(t, errs, "helm dependency update")
}
