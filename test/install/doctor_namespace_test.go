package install

import (
	"encoding/json"
	"os/exec"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDoctorNamespace checks that without a release every release of the namespace is examined, and that --watch ends once the
// broken one has been repaired.
func TestDoctorNamespace(t *testing.T) {
	t.Parallel()
	b := newBrokenStore(t, cluster.Open(t), scenario{title: "namespace"}, byHand)
	b.static()
	b.helm("install", "second", charts.Chart(), "--set", "provisioning=existing,claim.existing="+release)
	type report struct {
		Healthy  bool
		Releases []doctorReport
	}
	examine := func(code int) report {
		t.Helper()
		command := exec.CommandContext(t.Context(), b.tool(), "doctor", "-n", b.ns, "--kubeconfig", b.kubeconfig, "-o", "json")
		out, err := command.Output()
		require.Equal(t, code, command.ProcessState.ExitCode(), "%v: %s", err, out)
		var got report
		require.NoError(t, json.Unmarshal(out, &got), "%s", out)
		require.Len(t, got.Releases, 2)
		return got
	}
	assert.True(t, examine(0).Healthy)
	b.deleteClaim()
	broken := examine(1)
	assert.False(t, broken.Healthy)
	require.NotEmpty(t, broken.Releases[0].Diagnoses)
	assert.Equal(t, "claim-deleted", broken.Releases[0].Diagnoses[0].ID)

	watch := exec.CommandContext(t.Context(), b.tool(), "doctor", "-n", b.ns, "--kubeconfig", b.kubeconfig, "--watch", "--timeout", patience.String())
	watched := make(chan string, 1)
	go func() {
		out, _ := watch.CombinedOutput()
		watched <- string(out)
	}()
	_, fixed := b.doctor("--fix")
	assert.NotEmpty(t, fixed.Fixed)
	out := <-watched
	assert.Equal(t, 0, watch.ProcessState.ExitCode(), out)
	assert.Contains(t, out, "ok: "+release+" in "+b.ns)
	assert.Contains(t, out, "ok: second in "+b.ns)
}
