package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestUpgrades checks the verdict on each of the upgrades; test/install proves the same verdicts on a cluster.
func TestUpgrades(t *testing.T) {
	text, err := os.ReadFile("testdata/upgrades.yaml")
	require.NoError(t, err)
	var upgrades []struct {
		Title, Verdict, Rule, Path, Says, Unproven string
		From, To                                   map[string]any
		Pod, Unbound, Alone                        bool
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &upgrades))
	require.Greater(t, len(upgrades), 35)
	for _, u := range upgrades {
		t.Run(u.Title, func(t *testing.T) {
			t.Parallel()
			write := func(name string, values map[string]any) string {
				text, err := yaml.Marshal(values)
				require.NoError(t, err)
				return file(t, name, string(text))
			}
			from, to := write("from.yaml", u.From), write("to.yaml", u.To)
			args := []string{"diff", "-o", "json", "-n", "training", "--from", from, "--to", to}
			if !u.Alone {
				args = append(args[:len(args)-2], "--to", from, "--to", to)
			}
			code, out, errs := ckptctl(args...)
			var got struct{ Findings []report.Finding }
			require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
			assert.Equal(t, map[bool]int{true: OK, false: Found}[u.Verdict == "safe"], code, got.Findings)
			if u.Rule == "" {
				assert.Empty(t, got.Findings)
				return
			}
			require.NotEmpty(t, got.Findings)
			said := false
			for _, f := range got.Findings {
				said = said || f.Rule == u.Rule && strings.Contains(f.Message, u.Says) && (u.Path == "" || f.Path == u.Path)
				assert.NotContains(t, f.Hint, "{claim}")
				assert.NotContains(t, f.Hint, "{volume}")
			}
			assert.True(t, said, "%v", got.Findings)
		})
	}
}

// TestDiffInputs checks that values that are wrong by themselves are reported as such, and that what cannot be read says so.
func TestDiffInputs(t *testing.T) {
	good, bad := file(t, "good.yaml", "hostPath: {path: /mnt, sharedMount: true}\n"), file(t, "bad.yaml", "size: 10\n")
	code, out, _ := ckptctl("diff", "--from", good, "--to", bad)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "schema/type")
	code, out, _ = ckptctl("diff", "--from", bad, "--to", good)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "bad.yaml")
	code, out, _ = ckptctl("diff", "--from", good, "--to", good)
	assert.Equal(t, OK, code)
	assert.Equal(t, "ok: checkpoints: the upgrade goes through, and the data stays where it is\n", out)
	code, out, _ = ckptctl("diff", "-n", "training", "--release", "train", "--from", good, "--to", good, "--set", "size=20Gi")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "--set size=20Gi: error E11: size: claim train is static and has no class, and Kubernetes refuses to expand it from 10Gi to 20Gi.")
	assert.Contains(t, out, "fix: leave size=10Gi")
	code, _, errs := ckptctl("diff", "--to", good, "--kubeconfig", file(t, "kubeconfig", "nothing"))
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "error: ")
}

// edited copies the chart, with a text of one of its files as it was in another version, and returns the copy's folder.
func edited(t *testing.T, name, now, then string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.CopyFS(dir, os.DirFS(chartFolder)))
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), now)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), now, then, 1)), 0o600))
	return dir
}

// TestFromChart checks that what a new version of the chart changes is judged as what new values change.
func TestFromChart(t *testing.T) {
	t.Parallel()
	const (
		given = "hostPath: {path: /mnt/data, sharedMount: true}\n"
		ok    = "ok: rel: the upgrade goes through, and the data stays where it is\n"
	)
	for title, c := range map[string]struct {
		// values are those of both sides, further the new side's besides. Where file says now, the old chart says then.
		values, further, file, now, then string
		code                             int
		says                             []string
	}{
		"another default": {given, "", "values.yaml", "\nsize: 10Gi\n", "\nsize: 5Gi\n", Found, []string{
			"error E11: size: claim rel is static and has no class, and Kubernetes refuses to expand it from 5Gi to 10Gi.", "--set size=5Gi",
		}},
		"another default that decides nothing": {given + "size: 20Gi\n", "", "values.yaml", "\nsize: 10Gi\n", "\nsize: 5Gi\n", OK, []string{ok}},
		"another template": {"keep: true\n", "", "templates/backends/hostPath/_backend.tpl", "/var/lib/checkpoint-storage/", "/srv/", Found, []string{
			"error E10: hostPath: spec.source of PersistentVolume storage.rel cannot change", `"path":"/srv/storage.rel"`,
		}},
		"another name": {given, "", "templates/_names.tpl", `printf "%s.%s"`, `printf "%s-%s"`, Found, []string{
			"spec.volumeName of PersistentVolumeClaim rel cannot change from storage-rel to storage.rel",
		}},
		"another label": {given, "", "Chart.yaml", "version: 0.1.0", "version: 0.0.9", OK, []string{ok}},
		// An upgrade that changes nothing else is one with the chart that the release has.
		"what is to be kept first": {given + "claim: {create: false}\n", "volume: {name: other}\n", "values.yaml", "\nkeep: true\n", "\nkeep: false\n", Found, []string{
			"is no longer created and not kept", "helm upgrade rel OLD --namespace storage --reuse-values --set keep=true\n",
			"helm upgrade rel ./charts/checkpoint-storage --namespace storage --values FROM --values TO\n",
		}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			from, to := file(t, "from.yaml", c.values), file(t, "to.yaml", c.further)
			old := edited(t, c.file, c.now, c.then)
			args := []string{"diff", "--release", "rel", "-n", "storage", "--from", from, "--to", from, "--to", to}
			code, out, errs := ckptctl(append(args, "--from-chart", old)...)
			assert.Equal(t, c.code, code, out+errs)
			out = strings.NewReplacer(old, "OLD", from, "FROM", to, "TO").Replace(out)
			for _, says := range c.says {
				assert.Contains(t, out, says)
			}
			if c.further == "" {
				// Without --from-chart the old side has the new side's chart.
				code, out, errs = ckptctl(append(args, "--chart", old)...)
				assert.Equal(t, OK, code, out+errs)
			}
		})
	}
}

// TestFromChartValues checks that each side's values are read and judged by that side's chart.
func TestFromChartValues(t *testing.T) {
	t.Parallel()
	old := edited(t, "values.schema.json", "\n    \"size\": {\"$ref\"", "\n    \"scratch\": {\"type\":\"string\"},\n    \"size\": {\"$ref\"")
	with, without := file(t, "with.yaml", "scratch: /mnt\n"), file(t, "without.yaml", "size: 10Gi\n")
	code, out, errs := ckptctl("diff", "--from", with, "--to", without, "--from-chart", old)
	assert.Equal(t, OK, code, out+errs)
	code, out, _ = ckptctl("diff", "--from", with, "--to", with, "--from-chart", old)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, with+":1:1: error schema/unknown-key: scratch: ")
	assert.NotContains(t, out, "the chart of the old side")
	// Where both sides have the file, it is said which of the two charts refuses it.
	code, out, _ = ckptctl("diff", "--from", with, "--to", with, "--from-chart", chartFolder, "--chart", old)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, with+":1:1: error schema/unknown-key: scratch: ")
	assert.Contains(t, out, "So says the chart of the old side, "+chartFolder+".")
}

// TestFromChartInputs checks that an invalid chart is reported with its option, and that a live release needs no chart.
func TestFromChartInputs(t *testing.T) {
	t.Parallel()
	good, empty := file(t, "good.yaml", "keep: true\n"), t.TempDir()
	torn := filepath.Join(t.TempDir(), "torn")
	require.NoError(t, os.CopyFS(torn, os.DirFS(chartFolder)))
	require.NoError(t, os.Remove(filepath.Join(torn, "values.schema.json")))
	broken := edited(t, "templates/persistent-volume.yaml", "{{- end }}", "")
	for title, c := range map[string]struct {
		args []string
		want string
	}{
		"nowhere":        {[]string{"--from", good, "--from-chart", "nowhere"}, "--from-chart nowhere: there is no Chart.yaml in it"},
		"no chart":       {[]string{"--from", good, "--from-chart", empty}, "--from-chart " + empty + ": there is no Chart.yaml in it"},
		"no archive":     {[]string{"--from", good, "--from-chart", good}, "--from-chart " + good + ": it is neither a chart's folder nor its archive"},
		"a parent chart": {[]string{"--from", good, "--from-chart", chartFolder + "/../training-job"}, "--from-chart " + chartFolder + "/../training-job: diff compares the values of checkpoint-storage itself"},
		"half a chart":   {[]string{"--from", good, "--from-chart", torn}, torn + ": the chart cannot be read"},
		"a broken chart": {[]string{"--from", good, "--from-chart", broken}, broken + ": parse error"},
		"a live release": {[]string{"--from-chart", chartFolder}, "--from-chart " + chartFolder + ": without --from the old side is the manifest that Helm has stored"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			code, out, errs := ckptctl(append([]string{"diff", "--to", good}, c.args...)...)
			assert.Equal(t, Unusable, code, out)
			assert.Contains(t, errs, "error: "+c.want)
		})
	}
}

// TestFromChartArchive checks that an archive of another version makes what that version makes, however its files are called.
func TestFromChartArchive(t *testing.T) {
	t.Parallel()
	old := edited(t, "templates/backends/hostPath/_backend.tpl", "/var/lib/checkpoint-storage/", "/srv/")
	hooks := filepath.Join(old, "templates", "backends", "hostPath")
	require.NoError(t, os.Rename(filepath.Join(hooks, "_backend.tpl"), filepath.Join(hooks, "_source.tpl")))
	archive, values := pack(t, old, t.TempDir()), file(t, "values.yaml", "keep: true\n")
	code, out, errs := ckptctl("diff", "--from", values, "--from-chart", archive, "--to", values)
	assert.Equal(t, Found, code, out+errs)
	assert.Contains(t, out, `"path":"/srv/default.checkpoints"`)
}
