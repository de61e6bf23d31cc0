package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// committed makes a folder with files that are committed, and makes it the working directory.
func committed(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	t.Chdir(dir)
	git(t, "init", "-q", "-b", "main")
	commitAll(t)
	return dir
}

func git(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func commitAll(t *testing.T) {
	t.Helper()
	git(t, "add", "-A")
	git(t, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", "t")
}

// many500 is a fleet of clusters in a project.
func many500(n int) map[string]string {
	files := map[string]string{
		"ckptctl.yaml": "base: base.yaml\noverlays: clusters/*.yaml\nnamespace: training\n",
		"base.yaml":    "backend: nfs\nnfs: {server: s}\naccessModes: [ReadWriteMany]\n",
	}
	for i := range n {
		files[fmt.Sprintf("clusters/c%03d.yaml", i)] = fmt.Sprintf("nfs:\n  path: /c%03d\nsize: 20Gi\n", i)
	}
	return files
}

type fleetReport struct {
	Findings []report.Finding
	Clusters []report.Cluster
}

// diffed runs diff with JSON output.
func diffed(t *testing.T, args ...string) (int, fleetReport, map[string]report.Cluster) {
	t.Helper()
	code, out, errs := ckptctl(append([]string{"diff", "-o", "json"}, args...)...)
	var got fleetReport
	require.NoError(t, json.Unmarshal([]byte(out), &got), out+errs)
	clusters := map[string]report.Cluster{}
	for _, c := range got.Clusters {
		if c.Change != "" || c.Errors+c.Warnings > 0 || c.Unreadable != "" || c.Note != "" {
			clusters[c.Name] = c
		}
	}
	return code, got, clusters
}

// TestAgainst checks that of 500 clusters those are named which a change does something to, once for each kind.
func TestAgainst(t *testing.T) {
	files := many500(500)
	files["ckptctl.yaml"] += "clusters: [{name: c007, context: seven}]\n"
	dir := committed(t, files)
	code, out, errs := ckptctl("diff", "--against", "git:main")
	assert.Equal(t, OK, code, errs)
	assert.Equal(t, "ok: 500 clusters since git:main: none changed; every upgrade goes through, and the data stays where it is\n", out)

	write(t, "clusters/c007.yaml", "nfs:\n  path: /c007\nsize: 10Gi\n")
	write(t, "clusters/c123.yaml", "nfs:\n  path: /c123\nsize: 5Gi\n")
	write(t, "clusters/c400.yaml", "nfs:\n  path: /elsewhere\nsize: 20Gi\nclaim: {name: other}\n")
	write(t, "clusters/c401.yaml", "nfs:\n  path: /c401\nsize: 20Gi\n# a comment\n")
	write(t, "clusters/new.yaml", "nfs:\n  path: /new\n")
	require.NoError(t, os.Remove("clusters/c499.yaml"))
	code, got, clusters := diffed(t, "--against", "git:main")
	assert.Equal(t, Found, code)
	assert.Len(t, got.Clusters, 501)
	effects := map[string]string{}
	for name, c := range clusters {
		effects[name] = c.Change + " " + strings.Join(c.Effects, ",")
	}
	assert.Equal(t, map[string]string{
		"c007": "changed refused", "c123": "changed refused", "c400": "changed refused,renamed", "new": "new ", "c499": "gone ",
	}, effects)

	code, out, _ = ckptctl("diff", "--against", "git:main")
	assert.Equal(t, Found, code)
	assert.Equal(t, 1, strings.Count(out, "cannot shrink"), "one kind of finding is said once: %s", out)
	for _, says := range []string{
		"clusters/c007.yaml:3:7: error E11: size: claim checkpoints cannot shrink from 20Gi to 10Gi",
		"  in: c007, c123\n  also: clusters/c123.yaml:3:7\n",
		"helm --kube-context seven upgrade checkpoints ./charts/checkpoint-storage --namespace training --values base.yaml --values clusters/c007.yaml --set size=20Gi",
		"git:main:clusters/c499.yaml: warning E10: the overlay is gone: claim checkpoints is no longer created; it and its volume stay on the cluster.",
		"501 clusters since git:main: 3 changed, 1 new, 1 gone; 3 refused, 1 renamed away from their data",
	} {
		assert.Contains(t, out, says)
	}
	code, out, _ = ckptctl("diff", "--against", "git:main", "clusters/c401.yaml", "clusters/c002.yaml")
	assert.Equal(t, OK, code)
	assert.Contains(t, out, "ok: 2 clusters since git:main: none changed;")
	t.Chdir(filepath.Join(dir, "clusters"))
	code, out, errs = ckptctl("diff", "--against", "git:main", "c007.yaml")
	assert.Equal(t, Found, code, errs)
	assert.Contains(t, out, "c007.yaml:3:7: error E11")
	assert.Contains(t, out, "--values ../base.yaml --values c007.yaml")
}

// TestAgainstBase checks that what a base file or the project file changes is said once for all clusters.
func TestAgainstBase(t *testing.T) {
	committed(t, many500(6))
	write(t, "base.yaml", "backend: nfs\nnfs: {server: other}\naccessModes: [ReadWriteMany]\n")
	code, got, clusters := diffed(t, "--against", "git:main")
	assert.Equal(t, Found, code)
	require.Len(t, got.Findings, 1)
	assert.Len(t, got.Findings[0].Clusters, 6)
	assert.Equal(t, []any{"base.yaml", 2, "nfs.server"}, []any{got.Findings[0].File, got.Findings[0].Line, got.Findings[0].Path})
	assert.Len(t, clusters, 6)
	assert.Contains(t, got.Findings[0].Hint, "for c000: recreate claim and volume")
	git(t, "checkout", "-q", "base.yaml")
	write(t, "ckptctl.yaml", "base: base.yaml\noverlays: clusters/*.yaml\nnamespace: other\n")
	code, got, _ = diffed(t, "--against", "git:main")
	assert.Equal(t, OK, code)
	require.NotEmpty(t, got.Findings)
	assert.Contains(t, got.Findings[0].Message, "stays in release checkpoints of namespace training, beside a new one on the same storage")
}

// TestAgainstRelease checks that another release has none of the objects, and that a recipe is for the release that has them.
func TestAgainstRelease(t *testing.T) {
	files := many500(3)
	files["clusters/c001.yaml"] = "backend: csi\ncsi: {driver: d.example.com}\nprovisioning: dynamic\nstorageClassName: fast\nkeep: false\n"
	files["clusters/c002.yaml"] += "fullnameOverride: fixed\n"
	committed(t, files)
	write(t, "ckptctl.yaml", files["ckptctl.yaml"]+"release: other\nsetString: commonLabels.tier=1\n")
	code, got, clusters := diffed(t, "--against", "git:main")
	assert.Equal(t, Found, code)
	assert.Empty(t, clusters["c000"].Effects)
	assert.Equal(t, []string{"renamed"}, clusters["c001"].Effects)
	assert.Equal(t, []string{"refused"}, clusters["c002"].Effects)
	said := map[string]string{}
	for _, f := range got.Findings {
		said[f.Clusters[0]] += f.Message
		assert.Contains(t, f.Hint, "helm upgrade checkpoints ./charts/checkpoint-storage --namespace training --values base.yaml --values clusters/"+f.Clusters[0]+".yaml --set-string commonLabels.tier=1")
	}
	assert.Contains(t, said["c000"], "claim checkpoints stays in release checkpoints of namespace training, beside a new one on the same storage.")
	assert.Contains(t, said["c001"], "claim checkpoints stays in release checkpoints of namespace training, and its checkpoints with it.")
	assert.Contains(t, said["c002"], "PersistentVolumeClaim training/fixed belongs to release checkpoints of namespace training: Helm refuses to let release other of namespace training have it.")
}

// TestAgainstGone checks what becomes of the store of an overlay that is gone, kept and not.
func TestAgainstGone(t *testing.T) {
	files := many500(3)
	files["clusters/c001.yaml"] += "keep: false\n"
	committed(t, files)
	require.NoError(t, os.Remove("clusters/c001.yaml"))
	require.NoError(t, os.Remove("clusters/c002.yaml"))
	code, got, clusters := diffed(t, "--against", "git:main")
	assert.Equal(t, Found, code)
	assert.Equal(t, []string{"lost"}, clusters["c001"].Effects)
	assert.Empty(t, clusters["c002"].Effects)
	require.Len(t, got.Findings, 2)
	assert.Equal(t, "have Helm keep it before the release goes:\n  helm upgrade checkpoints ./charts/checkpoint-storage --namespace training --reuse-values --set keep=true", got.Findings[0].Hint)
	// A file that moves is the same cluster.
	git(t, "checkout", "-q", ".")
	write(t, "ckptctl.yaml", "base: base.yaml\noverlays: [clusters/*.yaml, old/*.yaml]\nnamespace: training\n")
	require.NoError(t, os.Mkdir("old", 0o700))
	require.NoError(t, os.Rename("clusters/c001.yaml", "old/c001.yaml"))
	code, _, clusters = diffed(t, "--against", "git:main")
	assert.Equal(t, OK, code)
	assert.Empty(t, clusters)
}

// TestAgainstChart checks that the chart of the revision renders the old side.
func TestAgainstChart(t *testing.T) {
	names, err := filepath.Abs(filepath.Join(chartFolder, "templates"))
	require.NoError(t, err)
	old := edited(t, "templates/_names.tpl", `printf "%s.%s"`, `printf "%s-%s"`)
	files := many500(4)
	files["ckptctl.yaml"] += "chart: vendor/chart\n"
	committed(t, files)
	require.NoError(t, os.CopyFS("vendor/chart", os.DirFS(old)))
	commitAll(t)
	_, _, clusters := diffed(t, "--against", "git:main")
	assert.Empty(t, clusters)
	text, err := os.ReadFile(filepath.Join(names, "_names.tpl"))
	require.NoError(t, err)
	write(t, "vendor/chart/templates/_names.tpl", string(text))
	code, got, clusters := diffed(t, "--against", "git:main")
	assert.Equal(t, Found, code)
	assert.Len(t, clusters, 4)
	assert.Contains(t, got.Findings[0].Message, "spec.volumeName of PersistentVolumeClaim checkpoints cannot change from training-checkpoints to training.checkpoints")
	// Flags take its place on either side.
	code, _, clusters = diffed(t, "--against", "git:main", "--chart", old)
	assert.Equal(t, OK, code)
	assert.Empty(t, clusters)
	code, _, clusters = diffed(t, "--against", "git:main", "--from-chart", "vendor/chart")
	assert.Equal(t, OK, code)
	assert.Empty(t, clusters)
}

// TestAgainstWrong checks what is said where a side cannot be compared.
func TestAgainstWrong(t *testing.T) {
	files := many500(4)
	files["clusters/c001.yaml"] = "size: 10\nnfs: {path: /a}\n"
	files["clusters/c002.yaml"] = "\tx"
	committed(t, files)
	write(t, "clusters/c001.yaml", "nfs: {path: /a}\n")
	write(t, "clusters/c002.yaml", "nfs: {path: /b}\n")
	code, out, errs := ckptctl("diff", "--against", "git:main")
	assert.Equal(t, OK, code, errs)
	assert.Contains(t, out, "c001  not compared: the values of git:main are refused: git:main:clusters/c001.yaml:1:7: size: must be a string")
	assert.Contains(t, out, "c002  not compared: git:main:clusters/c002.yaml:1: not YAML")
	write(t, "clusters/c003.yaml", "size: 10\n")
	write(t, "clusters/c000.yaml", "\tx")
	code, out, _ = ckptctl("diff", "--against", "git:main")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, out, "clusters/c003.yaml:1:7: error schema/type")
	assert.Contains(t, out, "c000  cannot be read: clusters/c000.yaml:1")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--against", "main"}, "--against main: write git: and a revision, such as git:main"},
		{[]string{"--against", "git:nowhere"}, `has no revision "nowhere"`},
		{[]string{"--against", "git:origin/main"}, "fetch it: git fetch origin main:refs/remotes/origin/main"},
		{[]string{"--against", "git:main", "--from", "base.yaml"}, "--from: with --against"},
		{[]string{"clusters/c000.yaml"}, "add --against git:main"},
	} {
		code, _, errs := ckptctl(append([]string{"diff"}, c.args...)...)
		assert.Equal(t, Unusable, code)
		assert.Contains(t, errs, c.want)
	}
}

// TestAgainstFiles checks --against without a project file: for overlays that the command line names, and for one release.
func TestAgainstFiles(t *testing.T) {
	files := many500(3)
	delete(files, "ckptctl.yaml")
	committed(t, files)
	write(t, "clusters/c001.yaml", "nfs:\n  path: /c001\nsize: 10Gi\n")
	code, got, _ := diffed(t, "--against", "git:main", "--to", "base.yaml", "--each", "clusters/*.yaml")
	assert.Equal(t, Found, code)
	require.Len(t, got.Findings, 1)
	assert.Equal(t, []string{"c001"}, got.Findings[0].Clusters)
	code, got, _ = diffed(t, "--against", "git:main", "--to", "base.yaml", "--to", "clusters/c001.yaml", "--release", "r")
	assert.Equal(t, Found, code)
	require.Len(t, got.Findings, 1)
	code, _, errs := ckptctl("diff", "--against", "git:main")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "no values are named")
	// A project file that is new does not make all clusters new.
	write(t, "ckptctl.yaml", "base: base.yaml\noverlays: clusters/*.yaml\n")
	_, got, clusters := diffed(t, "--against", "git:main")
	require.Len(t, got.Findings, 1)
	assert.Len(t, clusters, 1)
	_, _, clusters = diffed(t, "--against", "git:main", "--set", "size=20Gi")
	assert.Len(t, clusters, 0)
}
