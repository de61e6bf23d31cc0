package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLongWork checks that the scripts of ci show where a command is that takes more than ten seconds, hand its output and its
// exit status on, and expect of the next run what the last one that succeeded took.
func TestLongWork(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	run := func(command string) (said, shown string, status int) {
		program := exec.Command("bash", "-c", `source ci/lib.sh; long 600 "waiting" sh -c "$1"`, "-", command)
		program.Dir = charts.Root()
		program.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		var out, words strings.Builder
		program.Stdout, program.Stderr = &out, &words
		if err := program.Run(); err != nil {
			require.ErrorAs(t, err, new(*exec.ExitError))
		}
		return out.String(), words.String(), program.ProcessState.ExitCode()
	}

	said, shown, status := run("echo in time")
	assert.Equal(t, "in time\n", said)
	assert.Empty(t, shown)
	assert.Zero(t, status)

	said, shown, status = run("sleep 11; echo late; exit 3")
	assert.Equal(t, "late\n", said)
	assert.Contains(t, shown, "waiting: 10 s of about 10 min")
	assert.Equal(t, 3, status)
	record := filepath.Join(cache, "checkpoint-storage", "durations", "waiting")
	assert.NoFileExists(t, record)

	require.NoError(t, os.MkdirAll(filepath.Dir(record), 0o750))
	require.NoError(t, os.WriteFile(record, []byte("20\n"), 0o600))
	_, shown, status = run("sleep 11")
	assert.Contains(t, shown, "waiting: 10 s of about 20 s")
	assert.Zero(t, status)
	seconds, err := os.ReadFile(record)
	require.NoError(t, err)
	assert.Contains(t, []string{"11\n", "12\n"}, string(seconds))
}
