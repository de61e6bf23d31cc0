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
		if verdict.Unjudged != "" {
			assert.Equal(t, catalog.Verdict{Unjudged: verdict.Unjudged}, *verdict, "%s: either a driver was asked or it was not", b.Name)
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
					assert.NotEqual(t, catalog.Refused, verdict.Run.Judge(a), "%s: %s: %s: %s", f.Name, a.Call, a.Code, a.Message)
				}
			}
		})
	}
	require.NotZero(t, judged)
}

// TestEveryDriver checks that every CSI driver of a backend has judged it, or mounts in the tests, or that its folder says why
// not.
func TestEveryDriver(t *testing.T) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range backends {
		// Provisioners that are no CSI drivers have names with a slash.
		driver := b.Capabilities.Driver
		if driver == "" || strings.Contains(driver, "/") || len(b.Mounted) > 0 {
			continue
		}
		assert.NotNil(t, b.Verdict, "no verdict of %s: go run ./test/judge -backend %s, or write unjudged: REASON into its %s", driver, b.Name, catalog.VerdictFile)
	}
}

// TestPins checks that each pinned driver is the one that judged, and that none is pinned for nothing.
func TestPins(t *testing.T) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	used := map[string]bool{}
	for _, b := range backends {
		if b.Verdict == nil || b.Verdict.Run.Program == "" {
			continue
		}
		node, controller, err := readPins(b.Verdict.Run)
		require.NoError(t, err, b.Name)
		for _, p := range []pin{node, controller} {
			used[p.module] = true
			assert.Equal(t, p.version, b.Verdict.Driver, "%s was judged by another version than is pinned: make judge NAMES=%s", b.Name, b.Name)
		}
	}
	folders, err := os.ReadDir(drivers())
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		assert.True(t, used[folder.Name()], "no verdict is of ci/modules/drivers/%s", folder.Name())
	}
}

// TestOnlyPinnedDrivers checks that what is named and cannot be built is said, and nothing else is judged instead.
func TestOnlyPinnedDrivers(t *testing.T) {
	assert.EqualError(t, judgePinned([]string{"hostPath", "acme"}, ""), "no driver of hostPath is pinned: see .github/CONTRIBUTING.md\nthere is no backend \"acme\"")
}

// TestKeepOrder checks that a verdict changes for another option, and not for another order.
func TestKeepOrder(t *testing.T) {
	last := []catalog.Answer{{Commands: []string{"mount -o hard,ro a b", "mount -o hard,ro a b"}}}
	now := []catalog.Answer{{Commands: []string{"mount -o ro,hard a b", "mount -o ro,soft a b", "umount b"}}, {Commands: []string{"mount a b"}}}
	keepOrder(now, last)
	assert.Equal(t, []catalog.Answer{{Commands: []string{"mount -o hard,ro a b", "mount -o ro,soft a b", "umount b"}}, {Commands: []string{"mount a b"}}}, now)
}

// TestJudge checks what counts as a refusal.
func TestJudge(t *testing.T) {
	run := catalog.Run{Unreached: []string{"could not find credentials"}}
	for name, c := range map[string]struct {
		answer catalog.Answer
		want   string
	}{
		"done":                      {catalog.Answer{Call: "NodePublishVolume", Code: "OK"}, catalog.Done},
		"a cloud that is not there": {catalog.Answer{Call: "CreateVolume", Code: "Unknown", Message: "dial tcp: connect: connection refused"}, catalog.Missed},
		"a cloud that is silent":    {catalog.Answer{Call: "CreateVolume", Code: catalog.Unanswered}, catalog.Missed},
		"the driver's own words":    {catalog.Answer{Call: "NodeStageVolume", Code: "Internal", Message: "could not find credentials of the cloud"}, catalog.Missed},
		"a mount that never comes":  {catalog.Answer{Call: "NodeStageVolume", Code: catalog.Unanswered}, catalog.Refused},
		"a bad argument":            {catalog.Answer{Call: "CreateVolume", Code: "InvalidArgument", Message: "server is a required parameter"}, catalog.Refused},
		"under another code":        {catalog.Answer{Call: "CreateVolume", Code: "Internal", Message: "SubnetId is required"}, catalog.Refused},
	} {
		assert.Equal(t, c.want, run.Judge(c.answer), name)
	}
}
