package revision

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository makes a repository with one commit, and with changes that are not committed.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, text := range map[string]string{"base.yaml": "a: 1\n", "site/clusters/b.yaml": "b: 2", "site/clusters/a.yaml": "", "site/empty": "", "chart/Chart.yaml": "name: x\n", "chart/templates/a.tpl": "t"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Symlink("../base.yaml", filepath.Join(dir, "site", "link.yaml")))
	require.NoError(t, os.Symlink("loop.yaml", filepath.Join(dir, "loop.yaml")))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "t"}} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "base.yaml"), []byte("a: other\n"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(dir, "site", "clusters", "b.yaml")))
	return dir
}

// TestRevision checks that files are those of the revision, named from the folder.
func TestRevision(t *testing.T) {
	dir := repository(t)
	r, err := Open(t.Context(), filepath.Join(dir, "site"), "HEAD")
	require.NoError(t, err)
	for name, want := range map[string]string{
		"../base.yaml": "a: 1\n", "clusters/b.yaml": "b: 2", "./clusters/../clusters/a.yaml": "", "link.yaml": "a: 1\n",
		filepath.Join(dir, "base.yaml"): "a: 1\n",
	} {
		text, err := r.Read(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, string(text), name)
	}
	for _, name := range []string{"base.yaml", "../../x", "/etc/passwd", "clusters", "../loop.yaml"} {
		_, err := r.Read(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	found, err := r.Glob("clusters/*.yaml")
	require.NoError(t, err)
	assert.Equal(t, []string{"clusters/a.yaml", "clusters/b.yaml"}, found)
	found, err = r.Glob("../*.yaml")
	require.NoError(t, err)
	assert.Equal(t, []string{"../base.yaml", "../loop.yaml"}, found)
	assert.Equal(t, "git:HEAD:base.yaml", r.Shown("../base.yaml"))
	chart, err := r.Folder("../chart")
	require.NoError(t, err)
	text, err := fs.ReadFile(chart, "templates/a.tpl")
	require.NoError(t, err)
	assert.Equal(t, "t", string(text))
	none, err := r.Folder("../nowhere")
	require.NoError(t, err)
	assert.Nil(t, none)
	require.NoError(t, r.Close())
	r, err = Open(t.Context(), dir, "HEAD...")
	require.NoError(t, err)
	require.NoError(t, r.Close())
	state := exec.CommandContext(t.Context(), "git", "status", "--short")
	state.Dir = dir
	out, err := state.Output()
	require.NoError(t, err)
	assert.Equal(t, " M base.yaml\n D site/clusters/b.yaml\n", string(out), "the work tree is left alone")
}

// TestNoRevision checks that what is no revision is said with what to do.
func TestNoRevision(t *testing.T) {
	dir := repository(t)
	for name, want := range map[string]string{
		"nowhere":     `has no revision "nowhere"`,
		"origin/main": "fix: fetch it: git fetch origin main:refs/remotes/origin/main;",
		"--all":       `has no revision "--all"`,
		"":            `has no revision ""`,
	} {
		_, err := Open(t.Context(), dir, name)
		assert.ErrorContains(t, err, want)
	}
	_, err := Open(t.Context(), t.TempDir(), "main")
	assert.ErrorContains(t, err, "not a git repository")
}

// TestFetch runs the command for a revision that a checkout does not have, as it is printed, in one that has a single branch's
// last commit alone, as that of a CI may: then there is the revision.
func TestFetch(t *testing.T) {
	dir := repository(t)
	do := func(script string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "sh", "-ec", script)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s: %s", script, out)
	}
	do("git branch -m main; git branch change; git clone -q --bare . ../origin.git; git clone -q --depth 1 --single-branch --branch change file://$PWD/../origin.git ../job")
	dir = filepath.Join(filepath.Dir(dir), "job")
	_, err := Open(t.Context(), dir, "origin/main")
	require.Error(t, err)
	printed := regexp.MustCompile(`fetch it: ([^;]+);`).FindStringSubmatch(err.Error())
	require.NotNil(t, printed, err)
	do(printed[1])
	r, err := Open(t.Context(), dir, "origin/main")
	require.NoError(t, err)
	text, err := r.Read("base.yaml")
	require.NoError(t, err)
	assert.Equal(t, "a: 1\n", string(text))
	require.NoError(t, r.Close())
}
