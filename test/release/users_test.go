package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestChecksOfUsers runs the steps of the GitHub action and of the GitLab job on a release that is served here: they take
// the binary that its checksums name, point at the mistake, and refuse a binary or checksums that were changed.
func TestChecksOfUsers(t *testing.T) {
	dir := release(t)
	served := files(t, dir)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := served[filepath.Base(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(served["SHA256SUMS"])
	pinned := hex.EncodeToString(sum[:])

	work := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(work, "clusters"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(work, "base.yaml"), []byte("backend: nfs\nnfs: {server: a, path: /b}\naccessModes: [ReadWriteMany]\n"), 0o600))
	berlin := filepath.Join(work, "clusters", "berlin.yaml")
	values := func(text string) { require.NoError(t, os.WriteFile(berlin, []byte(text), 0o600)) }

	for name, script := range map[string]func(*testing.T) string{"GitHub": actionSteps, "GitLab": jobScript} {
		t.Run(name, func(t *testing.T) {
			run := func(sha256 string) (string, error) {
				command := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", script(t))
				command.Dir = work
				command.Env = append(os.Environ(), "RUNNER_TEMP="+t.TempDir(), "GITHUB_ACTION_PATH="+filepath.Join(charts.Root(), ".github", "actions", "ckptctl-check"),
					"CKPTCTL_VERSION="+version(t), "CKPTCTL_FROM="+server.URL, "CKPTCTL_SHA256="+sha256, "CKPTCTL_ARGS=-f base.yaml --each clusters/*.yaml")
				out, err := command.CombinedOutput()
				report, _ := os.ReadFile(filepath.Join(work, "ckptctl.xml"))
				return string(out) + string(report), err
			}
			values("nfs: {path: /c}\n")
			out, err := run(pinned)
			require.NoError(t, err, out)
			out, err = run("")
			require.NoError(t, err, out)

			values("nfs: {pth: /c}\n")
			out, err = run(pinned)
			require.Error(t, err)
			assert.Contains(t, out, "berlin.yaml")
			assert.Contains(t, out, "nfs.pth")
			values("nfs: {path: /c}\n")

			out, err = run(strings.Repeat("0", 64))
			require.Error(t, err, "other checksums than those that were pinned\n%s", out)
			archive := "ckptctl-" + version(t) + "-" + here + ".tar.gz"
			good := served[archive]
			served[archive] = bytes.Clone(good)
			served[archive][len(good)/2] ^= 1
			out, err = run(pinned)
			require.Error(t, err, "another binary than the checksums name\n%s", out)
			served[archive] = good
		})
	}
}

// actionSteps are the steps of the composite action, which GitHub runs with bash.
func actionSteps(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(charts.Root(), ".github", "actions", "ckptctl-check", "action.yml"))
	require.NoError(t, err)
	var action struct {
		Runs struct {
			Steps []struct{ Shell, Run string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &action))
	require.NotEmpty(t, action.Runs.Steps)
	var out []string
	for _, step := range action.Runs.Steps {
		require.Equal(t, "bash", step.Shell)
		out = append(out, step.Run)
	}
	return strings.Join(out, "\n")
}

// jobScript is what the job of the second document has GitLab run.
func jobScript(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(charts.Root(), ".gitlab", "ckptctl-check.yml"))
	require.NoError(t, err)
	_, job, found := strings.Cut(string(text), "\n---\n")
	require.True(t, found)
	var jobs map[string]struct {
		BeforeScript []string `json:"before_script"`
		Script       []string
	}
	require.NoError(t, yaml.Unmarshal([]byte(job), &jobs))
	require.Len(t, jobs, 1)
	return strings.Join(append(jobs["ckptctl-check"].BeforeScript, jobs["ckptctl-check"].Script...), "\n")
}
