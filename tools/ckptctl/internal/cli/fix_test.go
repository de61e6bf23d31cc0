package cli

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// builtIn is the chart that ckptctl is built with, opened once for many values.
var builtIn = sync.OnceValues(func() (*check.Chart, error) {
	files, err := worktree{}.chart("")
	if err != nil {
		return nil, err
	}
	return target("", files, check.Helm3)
})

// fixed is what --fix makes of values, or "" where it leaves them as they are. It makes the same of what it has made.
func fixed(t *testing.T, text string) string {
	t.Helper()
	got, before := mend(t, text)
	again, after := mend(t, got)
	assert.Equal(t, got, again)
	if got == text {
		return ""
	}
	assert.NotEqual(t, before, after)
	return got
}

// mend returns what --fix makes of values, and what was found before.
func mend(t *testing.T, text string) (string, []check.Finding) {
	t.Helper()
	chart, err := builtIn()
	require.NoError(t, err)
	path := values.Canonical("values.yaml")
	in, release := check.Inputs{Files: []string{path}, Texts: map[string][]byte{path: []byte(text)}}, check.Release{Name: "checkpoints", Namespace: "default"}
	result, err := chart.Check(in, release)
	require.NoError(t, err)
	fixer, err := chart.NewFixer(in, nil, release)
	require.NoError(t, err)
	changes, err := fixer.Mend(result.Findings)
	require.NoError(t, err)
	for _, c := range changes {
		assert.Equal(t, text, string(c.Before))
		text = string(c.After)
	}
	return text, result.Findings
}

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestFixSays holds that --fix prints each change with its place, and that the exit code is that of the check after it.
func TestFixSays(t *testing.T) {
	path := file(t, "values.yaml", "# mine\nbackend: nfs\nnfs:\n  sever: a # it\n  path: /b\nacessModes:\n- ReadWriteMany\n")
	code, out, errs := ckptctl("check", "-f", path, "--fix")
	assert.Equal(t, OK, code)
	assert.Equal(t, "ok: checkpoints: backend nfs, static, 10Gi, ReadWriteMany\n", out)
	assert.Equal(t, strings.ReplaceAll(`F:4: fixed schema/unknown-key: nfs.sever: there is no such key in nfs.
  -   sever: a # it
  +   server: a # it
F:6: fixed schema/unknown-key: acessModes: there is no such key.
  - acessModes:
  + accessModes:
`, "F", path), errs)
	assert.Equal(t, "# mine\nbackend: nfs\nnfs:\n  server: a # it\n  path: /b\naccessModes:\n- ReadWriteMany\n", textOf(t, path))

	path = file(t, "values.yaml", "sze: 1Ti\nbackend: floppy\n")
	code, out, _ = ckptctl("check", "-f", path, "--fix", "-o", "json")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "floppy")
	assert.NotContains(t, out, "sze")
}

// TestFixOnlyNamedFiles holds that what does not come from a named file itself stays, and its finding too.
func TestFixOnlyNamedFiles(t *testing.T) {
	for title, c := range map[string]struct {
		text string
		args []string
	}{
		"an option":           {"keep: true\n", []string{"--set", "sze=1Ti"}},
		"the standard input":  {"keep: true\n", []string{"-f", "-"}},
		"an alias":            {"x-a: &a {sever: a, path: /b}\nbackend: nfs\nnfs: *a\n", nil},
		"a merge key":         {"x-a: &a {sever: a}\nbackend: nfs\nnfs:\n  <<: *a\n  path: /b\n", nil},
		"an option over it":   {"nfs: {sever: a}\n", []string{"--set", "nfs.sever=b,nfs.path=/c,backend=nfs"}},
		"two for one name":    {"claim: {nam: a, nme: b}\n", nil},
		"what another reads":  {"x-a: &a 0755\nclaim: {annotations: {mode: *a}}\n", nil},
		"a global of others'": {"global: {mode: 0755}\n", nil},
	} {
		t.Run(title, func(t *testing.T) {
			path := file(t, "values.yaml", c.text)
			ckptctlIn("sze: 1\n", append([]string{"check", "--fix", "-f", path}, c.args...)...)
			assert.Equal(t, c.text, textOf(t, path))
			_, found := findings(t, append([]string{"-f", path}, c.args...)...)
			assert.NotEmpty(t, found)
		})
	}
}

// TestFixParent holds that values for a parent chart are mended in the file that has them, and the parent's own are not.
func TestFixParent(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		put(t, dir, name, text)
	}
	chart, err := filepath.Abs(chartFolder)
	require.NoError(t, err)
	write("Chart.yaml", "apiVersion: v2\nname: job\nversion: 0.1.0\ndependencies:\n- name: checkpoint-storage\n  alias: store\n  version: '*'\n  repository: file://"+chart+"\n")
	own := "store:\n  sze: 1Ti\n"
	write("values.yaml", own)
	path := file(t, "values.yaml", "# mine\nstore:\n  claim:\n    lables: {a: b} # l\n  volumeMode: FileSystem\nreplicas: 3\n")
	code, out, errs := ckptctl("check", "--chart", dir, "-f", path, "--fix")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "store.sze")
	assert.NotContains(t, out, "lables", errs)
	assert.Equal(t, "# mine\nstore:\n  claim:\n    labels: {a: b} # l\n  volumeMode: Filesystem\nreplicas: 3\n", textOf(t, path))
	assert.Equal(t, own, textOf(t, filepath.Join(dir, "values.yaml")))
}

// TestFixEach holds that a fleet's base and each overlay are edited once, with what is wrong in both mended in both.
func TestFixEach(t *testing.T) {
	dir, err := os.MkdirTemp("", "ckptctl-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	base := put(t, dir, "base.yaml", "backend: nfs\nnfs: {path: /b, sever: x}\nacessModes: [ReadWriteMany]\n")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "clusters"), 0o700))
	a := put(t, dir, "clusters/a.yaml", "nfs:\n  sever: a\n")
	b := put(t, dir, "clusters/b.yaml", "nfs:\n  server: b\nsize: 10GB\n# ckptctl:accept W03 not needed\n")
	code, out, errs := ckptctl("check", "-f", base, "--each", filepath.Join(dir, "clusters/*.yaml"), "--fix")
	assert.Equal(t, "nfs:\n  server: a\n", textOf(t, a), errs)
	assert.Equal(t, "nfs:\n  server: b\nsize: 10G\n", textOf(t, b))
	assert.Equal(t, "backend: nfs\nnfs: {path: /b, server: x}\naccessModes: [ReadWriteMany]\n", textOf(t, base))
	assert.Equal(t, OK, code, out)
	assert.Equal(t, 1, strings.Count(errs, base+":2: fixed"), errs)
}

// TestFixFiles holds that a link stays one, that a file which may not be written is an error, and that a file given by two
// names is edited once.
func TestFixFiles(t *testing.T) {
	path := file(t, "values.yaml", "sze: 1Ti\n")
	link := filepath.Join(filepath.Dir(path), "link.yaml")
	require.NoError(t, os.Symlink("values.yaml", link))
	code, out, errs := ckptctl("check", "-f", link, "-f", path, "--fix")
	assert.Equal(t, OK, code, out+errs)
	assert.Equal(t, "size: 1Ti\n", textOf(t, path))
	_, err := os.Readlink(link)
	require.NoError(t, err)
}

// TestFixKeepsComments holds that a comment which accepts something here, or may elsewhere, stays.
func TestFixKeepsComments(t *testing.T) {
	for title, c := range map[string]struct{ text, want string }{
		"nothing accepted":         {"hostPath: {path: /mnt, sharedMount: true}\n# ckptctl:accept W03 why\n", "hostPath: {path: /mnt, sharedMount: true}\n"},
		"something accepted":       {"hostPath: {path: /tmp/data, sharedMount: true}\n# ckptctl:accept W03 why\n", ""},
		"judged beside others":     {"hostPath: {path: /mnt, sharedMount: true}\n# ckptctl:accept W11 why\n", ""},
		"judged with options":      {"hostPath: {path: /mnt, sharedMount: true}\n# ckptctl:accept W08 why\n", ""},
		"the rules not looked at":  {"hostPath: {path: /tmp/data, sharedMount: true}\nfoo: 1\n# ckptctl:accept W03 why\n", ""},
		"a comment behind a value": {"hostPath: {path: /mnt, sharedMount: true} # mine # ckptctl:accept W03 why\n", "hostPath: {path: /mnt, sharedMount: true} # mine\n"},
	} {
		t.Run(title, func(t *testing.T) { assert.Equal(t, c.want, fixed(t, c.text)) })
	}
	base, over := file(t, "base.yaml", "# ckptctl:accept W03 why\nkeep: true\n"), file(t, "over.yaml", "hostPath: {path: /mnt, sharedMount: true}\n")
	ckptctl("check", "-f", base, "-f", over, "--fix")
	assert.Contains(t, textOf(t, base), "accept", "other files may be laid over it")
}
