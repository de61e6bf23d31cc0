//go:build unix

package atomic

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFullDisk holds that what cannot be written leaves the old text, and an error that names the file.
func TestFullDisk(t *testing.T) {
	target := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(target, []byte("old"), 0o600))
	limited(t, 4096)
	err := Write(target, make([]byte, 1<<20))
	require.ErrorContains(t, err, target)
	text, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "old", string(text))
	entries, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// limited has the system refuse files beyond a size, as a full disk would.
func limited(t *testing.T, size uint64) {
	t.Helper()
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	signal.Ignore(syscall.SIGXFSZ)
	limit := before
	limit.Cur = size
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	t.Cleanup(func() {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		signal.Reset(syscall.SIGXFSZ)
	})
}
