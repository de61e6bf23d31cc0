package main

import (
	"os"
	"strings"
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
			assert.Equal(t, verdict.Digest, digest, "the chart renders what %s has not judged: go run ./test/judge -backend %s -driver VERSION -- PLUGIN", verdict.Driver, b.Name)
			for _, f := range fixtures {
				if !f.Accepted {
					continue
				}
				assert.NotEmpty(t, verdict.Fixtures[f.Name], "%s has no answer", f.Name)
				for _, a := range verdict.Fixtures[f.Name] {
					assert.True(t, taken(a), "%s: %s: %s: %s", f.Name, a.Call, a.Code, a.Message)
				}
			}
		})
	}
	require.NotZero(t, judged)
}

// taken says that a driver did what it was asked to, or got as far as to ask a cloud that is not there. Drivers refuse with
// codes of all kinds, so none but these will do.
func taken(a catalog.Answer) bool {
	cloud := a.Call == "CreateVolume" || a.Call == "ControllerPublishVolume"
	return a.Code == "OK" || cloud && (a.Code == catalog.Unanswered || strings.Contains(a.Message, "connection refused"))
}

// TestTaken checks what counts as a refusal.
func TestTaken(t *testing.T) {
	for name, c := range map[string]struct {
		answer catalog.Answer
		taken  bool
	}{
		"done":                      {catalog.Answer{Call: "NodePublishVolume", Code: "OK"}, true},
		"a cloud that is not there": {catalog.Answer{Call: "CreateVolume", Code: "Unknown", Message: "dial tcp: connect: connection refused"}, true},
		"a cloud that is silent":    {catalog.Answer{Call: "CreateVolume", Code: catalog.Unanswered}, true},
		"a mount that never comes":  {catalog.Answer{Call: "NodeStageVolume", Code: catalog.Unanswered}, false},
		"a bad argument":            {catalog.Answer{Call: "CreateVolume", Code: "InvalidArgument", Message: "server is a required parameter"}, false},
		"under another code":        {catalog.Answer{Call: "CreateVolume", Code: "Internal", Message: "SubnetId is required"}, false},
	} {
		assert.Equal(t, c.taken, taken(c.answer), name)
	}
}
