package main

import (
	"os"
	"testing"

	"checkpoint-storage/test/internal/calls"
	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVerdicts checks that what a driver has judged is what the chart renders today, and that no driver refuses what the
// chart accepts.
func TestVerdicts(t *testing.T) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	judged := 0
	for _, b := range backends {
		verdict := b.Verdict
		if verdict == nil {
			continue
		}
		judged++
		t.Run(b.Name, func(t *testing.T) {
			fixtures, err := calls.Of(b)
			require.NoError(t, err)
			digest, err := calls.Digest(fixtures)
			require.NoError(t, err)
			assert.Equal(t, verdict.Digest, digest, "the chart renders what %s has not judged: go run ./test/judge -backend %s", verdict.Driver, b.Name)
			for _, f := range fixtures {
				if !f.Accepted {
					continue
				}
				assert.NotEmpty(t, verdict.Fixtures[f.Name], "%s has no answer", f.Name)
				for _, a := range verdict.Fixtures[f.Name] {
					assert.NotContains(t, []string{"InvalidArgument", "OutOfRange", "Unimplemented", "FailedPrecondition"}, a.Code, "%s: %s: %s", f.Name, a.Call, a.Message)
				}
			}
		})
	}
	require.NotZero(t, judged)
}
