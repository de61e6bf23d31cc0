package render

import (
	"os/exec"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelm4 holds that Helm 4 renders the same objects as Helm 3, and refuses the same values.
func TestHelm4(t *testing.T) {
	t.Parallel()
	helm4 := func(f fixture) (string, error) {
		out, err := exec.CommandContext(t.Context(), "helm4", "template", release, chartPath, "--namespace", namespace, "--values", f.file).CombinedOutput()
		return string(out), err
	}
	for _, f := range fixtures(t, "accept") {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			got, err := helm4(f)
			require.NoError(t, err, got)
			want, err := render(t, &helm.Options{ValuesFiles: []string{f.file}})
			require.NoError(t, err)
			assert.Equal(t, decode(t, want), decode(t, got))
		})
	}
	for _, f := range fixtures(t, "reject") {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			out, err := helm4(f)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, out)
			assert.Contains(t, out, "Error:")
		})
	}
}
