package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestHelmPlugin installs ckptctl as a plugin of both Helms and checks values with it.
func TestHelmPlugin(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte("hostPath: {path: /mnt, sharedMount: true}\n"), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("size: 10\n"), 0o600))
	for _, helm := range []string{"helm", "helm4"} {
		run := func(args ...string) (string, error) {
			command := exec.CommandContext(t.Context(), helm, args...)
			command.Env = append(os.Environ(), "HELM_DATA_HOME="+filepath.Join(dir, helm), "HELM_CACHE_HOME="+filepath.Join(dir, helm))
			out, err := command.CombinedOutput()
			return string(out), err
		}
		out, err := run("plugin", "install", filepath.Join(charts.Root(), "tools", "ckptctl"))
		require.NoError(t, err, out)
		out, err = run("checkpoints", "check", "-f", good, "-n", "training")
		require.NoError(t, err, out)
		assert.Contains(t, out, "ok: checkpoints: backend hostPath")
		out, err = run("checkpoints", "check", "-f", bad)
		require.Error(t, err, "%s: bad values pass", helm)
		assert.Contains(t, out, bad+":1:7: error schema/type")
		// Helm takes -n for its own, and hands it on in the environment.
		out, err = run("checkpoints", "diff", "-n", "training", "--from", good, "--to", good, "--set", "keep=false")
		require.NoError(t, err, out)
		out, err = run("checkpoints", "diff", "-n", "training", "--from", good, "--to", good, "--set", "size=1Ti,volume.name=x")
		require.Error(t, err, out)
		assert.Contains(t, out, "kubectl --namespace training delete pvc checkpoints")
	}
}

// TestPreCommitHook checks that the hook's command takes what pre-commit hands to it.
func TestPreCommitHook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(charts.Root(), ".pre-commit-hooks.yaml"))
	require.NoError(t, err)
	var hooks []struct{ ID, Entry, Language string }
	require.NoError(t, yaml.Unmarshal(text, &hooks))
	require.Len(t, hooks, 2)
	for _, hook := range hooks {
		assert.Equal(t, "golang", hook.Language)
	}
	dir := t.TempDir()
	base, overlay := filepath.Join(dir, "base.yaml"), filepath.Join(dir, "berlin.yaml")
	require.NoError(t, os.WriteFile(base, []byte("backend: nfs\nnfs: {server: a, path: /b}\naccessModes: [ReadWriteMany]\n"), 0o600))
	require.NoError(t, os.WriteFile(overlay, []byte("nfs: {pth: /c}\n"), 0o600))
	command := exec.CommandContext(t.Context(), "sh", "-c", hooks[0].Entry+` "$@"`, "sh", "-f", base, overlay)
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(ckptctl(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), overlay+":1:7: error schema/unknown-key: nfs.pth")
}

// TestPreCommitHookDiff checks that the other hook finds what the files of a commit would do to a cluster.
func TestPreCommitHookDiff(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(charts.Root(), ".pre-commit-hooks.yaml"))
	require.NoError(t, err)
	var hooks []struct{ ID, Entry string }
	require.NoError(t, yaml.Unmarshal(text, &hooks))
	require.Equal(t, "ckptctl-diff", hooks[1].ID)
	dir := fleetRepository(t)
	command := exec.CommandContext(t.Context(), "sh", "-c", hooks[1].Entry)
	command.Dir = dir
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(ckptctl(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	require.Error(t, err, string(out))
	assert.Contains(t, string(out), "4 clusters since git:HEAD: 2 changed; 2 refused")
}
