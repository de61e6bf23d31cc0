// Package scaffold proves that a new backend takes one folder, and that the scaffold makes it.
package scaffold

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree copies what a backend's contract needs of the checkout.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, part := range []string{".github", "charts", "ci", "test", "tools"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, part), os.DirFS(filepath.Join(charts.Root(), part))))
	}
	for _, file := range []string{"go.mod", "go.sum", "LICENSE", "Makefile", "README.md"} {
		text, err := os.ReadFile(filepath.Join(charts.Root(), file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, file), text, 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(charts.Root(), ".build"), filepath.Join(root, ".build")))
	return root
}

// golang runs the go command in a tree.
func golang(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir = root
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestNewBackend scaffolds a backend, fills in its marks, and holds it to the whole contract.
func TestNewBackend(t *testing.T) {
	const name = "acmeFiles"
	root := tree(t)
	out, err := golang(t, root, "run", "./tools/scaffold", name)
	require.NoError(t, err, out)

	out, err = golang(t, root, "test", "./test/repo", "-run", "TestBackendFolders")
	require.Error(t, err, "the contract holds before anything is filled in")
	assert.Contains(t, out, "FILL IN")

	folder := filepath.Join(root, "charts", "checkpoint-storage", "templates", "backends", name)
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		filled := strings.NewReplacer("family: FILL IN", "family: NFS and SMB", "FILL IN", "an Acme share", "FILL-IN", "acme").Replace(string(text))
		return os.WriteFile(path, []byte(filled), 0o600)
	}))
	for _, step := range [][]string{
		{"run", "./tools/generate"},
		{"test", "./test/render", "-run", "TestGolden", "-update"},
		// The backend's page shows the golden file.
		{"run", "./tools/generate"},
		{"run", "./tools/generate", "-check"},
		// Where the tool meets people has nothing to do with backends, and takes links of it.
		{"test", "./test/repo", "-skip", "TestHelmPlugin|TestPreCommitHook"},
		{"test", "./test/render", "-run", "TestAccepted/" + name + "|TestRejected/" + name},
		{"run", "./tools/ckptctl", "explain", name},
	} {
		out, err := golang(t, root, step...)
		require.NoError(t, err, "go %s\n%s", strings.Join(step, " "), out)
	}
}

func TestNamesThatAreNone(t *testing.T) {
	for name, want := range map[string]string{
		"":           "is no name of a backend",
		"Acme":       "is no name of a backend",
		"acme-files": "is no name of a backend",
		"glusterfs":  "is the name of a volume type that",
		"nfs":        "already",
	} {
		out, err := golang(t, charts.Root(), "run", "./tools/scaffold", name)
		require.Error(t, err, name)
		assert.Contains(t, out, want, name)
	}
}
