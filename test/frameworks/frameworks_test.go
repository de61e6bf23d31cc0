package main

import (
	"os"
	"slices"
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

// TestPredictions compares what the backends' file systems are said to do for each framework with what became of its program
// on a mount of the same client.
func TestPredictions(t *testing.T) {
	t.Parallel()
	chart := os.DirFS(charts.Chart())
	known, err := catalog.WrittenFrameworks(chart)
	require.NoError(t, err)
	backends, err := catalog.Load(chart)
	require.NoError(t, err)
	compared := 0
	for name := range known.Frameworks {
		outcomes, err := catalog.Mounts(chart, name)
		require.NoError(t, err)
		for _, b := range backends {
			s := b.Capabilities.Semantics
			if s.Measured == nil {
				continue
			}
			outcome, tried := outcomes[s.Measured.Client]
			require.True(t, tried, "%s was not tried on %s, which %s has as measured", name, s.Measured.Client, b.Name)
			compared++
			answer, missing := known.Serves(b, name)
			// What a crash may tear works where nothing crashes.
			missing = slices.DeleteFunc(missing, func(o catalog.Operation) bool { return slices.Contains(s.Torn, o.Name) })
			if answer == catalog.No && len(missing) > 0 {
				assert.NotEqual(t, catalog.Survives, outcome.Is, "%s on %s: %v is said to be missing", name, b.Name, missing)
			} else {
				assert.Equal(t, catalog.Survives, outcome.Is, "%s on %s is said to work: %s", name, b.Name, outcome.Says)
			}
		}
	}
	assert.NotZero(t, compared)
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

// TestWhole checks that patterns are those of find, whose * goes beyond directories.
func TestWhole(t *testing.T) {
	t.Parallel()
	published := []string{"*/_CHECKPOINT_METADATA", "!*.orbax-checkpoint-tmp*"}
	assert.True(t, whole(published, "/a/b/3/_CHECKPOINT_METADATA"))
	assert.False(t, whole(published, "/a/b/3.orbax-checkpoint-tmp-1/_CHECKPOINT_METADATA"))
	assert.False(t, whole(published, "/a/b/3/_CHECKPOINT_METADATA.part"))
	assert.False(t, whole([]string{"*/.metadata"}, "/a/xmetadata"))
}
