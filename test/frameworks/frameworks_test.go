package main

import (
	"os"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFresh checks that each framework was measured with the program and the packages that its folder has.
func TestFresh(t *testing.T) {
	t.Parallel()
	chart := os.DirFS(charts.Chart())
	known, err := catalog.WrittenFrameworks(chart)
	require.NoError(t, err)
	for name, framework := range known.Frameworks {
		if framework.Measured == nil {
			assert.NotEmpty(t, framework.Unmeasured, name)
			continue
		}
		digest, err := catalog.Digest(chart, name)
		require.NoError(t, err)
		assert.Equal(t, digest, framework.Measured.Digest, "the program or the packages of %[1]s have changed: make frameworks NAMES=%[1]s", name)
		for operation := range framework.Measured.Uses {
			assert.Len(t, framework.Measured.Refused[operation], len(answers(operation)), "%s: %s", name, operation)
		}
	}
}

// TestLastError finds the line that says why a program ended.
func TestLastError(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"saving 1\nTraceback (most recent call last):\nOSError: [Errno 38] Function not implemented: '/mnt/checkpoints/tmpab12cd_x'\nwarning: leaked": "OSError: [Errno 38] Function not implemented: '/mnt/checkpoints/…'",
		"saving 1\ncheckpoint 2 came back\n": "checkpoint 2 came back",
		"jax.errors.SimpleError: a\nb":       "jax.errors.SimpleError: a",
		"":                                   "",
	} {
		assert.Equal(t, want, lastError(said))
	}
}
