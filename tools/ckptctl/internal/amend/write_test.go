package amend

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWrite holds that what was written to a file meanwhile is not lost, and that a file which is gone is not made.
func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(name, []byte("theirs"), 0o600))
	require.ErrorContains(t, Write(name, []byte("old"), []byte("new")), "was changed meanwhile")
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "theirs", string(text))

	require.NoError(t, Write(name, []byte("theirs"), []byte("new")))
	text, err = os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "new", string(text))

	require.NoError(t, os.Remove(name))
	require.Error(t, Write(name, []byte("new"), []byte("newer")))
	assert.NoFileExists(t, name)
}
