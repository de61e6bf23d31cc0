// Package scaffold proves that a new backend or framework takes one folder, and a new rule one file, and that the scaffold
// makes the backend's.
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

// succeeds runs the go command in a tree, and fails the test where it fails.
func succeeds(t *testing.T, root string, args ...string) {
	t.Helper()
	out, err := golang(t, root, args...)
	require.NoError(t, err, "go %s\n%s", strings.Join(args, " "), out)
}

// TestTasks does in a copy of the checkout, one after the other, what CONTRIBUTING.md says of a new backend, rule and
// framework, and then holds the copy to the whole contract: each takes one folder or one file, and `make generate`.
func TestTasks(t *testing.T) {
	root := tree(t)
	t.Run("backend", func(t *testing.T) { newBackend(t, root) })
	t.Run("rule", func(t *testing.T) { newRule(t, root) })
	t.Run("framework", func(t *testing.T) { newFramework(t, root) })
	for _, step := range [][]string{
		{"run", "./tools/generate", "-check"},
		{"test", "./test/agree", "-run", "TestExamples/E99"},
		// Where the tool meets people has nothing to do with them, and takes links of it.
		{"test", "./test/repo", "-skip", "TestHelmPlugin|TestPreCommitHook"},
	} {
		succeeds(t, root, step...)
	}
}

// newBackend scaffolds a backend, and fills in its marks.
func newBackend(t *testing.T, root string) {
	const name = "acmeFiles"
	succeeds(t, root, "run", "./tools/scaffold", name)
	out, err := golang(t, root, "test", "./test/repo", "-run", "TestBackendFolders")
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
		{"test", "./test/render", "-run", "TestAccepted/" + name + "|TestRejected/" + name},
		{"run", "./tools/ckptctl", "explain", name},
	} {
		succeeds(t, root, step...)
	}
}

// newRule adds a rule to rules.yaml. What breaks it is refused by the tool and by Helm in the same words.
func newRule(t *testing.T, root string) {
	chart := filepath.Join(root, "charts", "checkpoint-storage")
	file, err := os.OpenFile(filepath.Join(chart, "rules.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`E99:
  title: A cluster of Acme has no class in the cellar
  why: It has one in the attic.
  source: https://kubernetes.io/docs/concepts/storage/storage-classes/
  wrong: |
    provisioning: dynamic
    storageClassName: cellar
  right: |
    provisioning: dynamic
    storageClassName: attic
  cases:
    cellar:
      path: storageClassName
      when: {storageClassName: cellar}
      message: "{storageClassName} is no class of Acme."
      fix: "set storageClassName: attic"
`)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	succeeds(t, root, "run", "./tools/generate")
	const words = "storageClassName: cellar is no class of Acme."
	values := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(values, []byte("provisioning: dynamic\nstorageClassName: cellar\n"), 0o600))
	out, err := golang(t, root, "run", "./tools/ckptctl", "check", "--chart", chart, "-f", values)
	require.Error(t, err)
	assert.Contains(t, out, "E99")
	assert.Contains(t, out, words)
	refusal, err := exec.CommandContext(t.Context(), "helm", "template", chart, "-f", values).CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(refusal), words)
	assert.Contains(t, string(refusal), "Rule: E99")
}

// newFramework adds the folder of a framework that cannot be run here. The values take its name.
func newFramework(t *testing.T, root string) {
	chart := filepath.Join(root, "charts", "checkpoint-storage")
	folder := filepath.Join(chart, "frameworks", "acmeSaver")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "framework.yaml"), []byte(`title: Acme Saver
published: ['*/DONE']
needs:
  renameFile: DONE.part becomes DONE, which publishes the checkpoint
alternative: have Acme Saver write DONE in place
source: https://acme.example/saver
unmeasured: it is sold with Acme's own machines
`), 0o600))
	succeeds(t, root, "run", "./tools/generate")
	values := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(values, []byte("backend: nfs\nnfs: {server: attic.acme.example, path: /export}\nframeworks: [acmeSaver]\n"), 0o600))
	succeeds(t, root, "run", "./tools/ckptctl", "check", "--chart", chart, "-f", values)
	out, err := exec.CommandContext(t.Context(), "helm", "template", chart, "-f", values).CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "acmeSaver")
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
