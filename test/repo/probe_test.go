package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProbe runs the probe of `helm test` on this machine's disk, where all that it tries works: an operation that it
// denies here is tried the wrong way.
func TestProbe(t *testing.T) {
	here := t.TempDir()
	known, err := catalog.LoadFrameworks(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	operations := ""
	for _, o := range known.Operations {
		operations += o.Name + "|\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(here, "operations"), []byte(operations), 0o600))
	for _, script := range []string{"lib.sh", "probe.sh"} {
		text, err := os.ReadFile(filepath.Join(charts.Chart(), "files", "test", script))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(here, script), text, 0o600))
	}
	main := filepath.Join(here, "main.sh")
	require.NoError(t, os.WriteFile(main, []byte(`. "$here/lib.sh"; . "$here/probe.sh"; mkdir -p "$work" && probe`), 0o600))
	command := exec.CommandContext(t.Context(), "sh", main)
	command.Env = append(os.Environ(), "here="+here, "CHECKPOINT_DIR="+t.TempDir(), "CLAIM=train/checkpoints", "RUN=1")
	out, err := command.Output()
	require.NoError(t, err)
	answers := map[string]string{}
	for line := range strings.Lines(string(out)) {
		operation, answer, _ := strings.Cut(strings.TrimSpace(line), "|")
		answers[operation] = answer
	}
	for _, o := range known.Operations {
		// A temporary directory may be in memory, where older kernels write nothing around a cache.
		if o.Name != "directIO" {
			assert.Contains(t, []string{"yes|", "untested|"}, answers[o.Name], o.Name)
		}
	}
	assert.Equal(t, "yes|", answers["fsync"])
}
