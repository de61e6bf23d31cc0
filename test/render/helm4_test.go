package render

import (
	"os/exec"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHelm4 checks that the program Helm 4 renders what Helm 3 renders, the chart alone and twice below a parent. That
// their engines render every fixture alike is proven beside the agreement of their verdicts.
func TestHelm4(t *testing.T) {
	t.Parallel()
	for name, chart := range map[string]string{"alone": chartPath, "below a parent": charts.Umbrella(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := exec.CommandContext(t.Context(), "helm4", "template", release, chart, "--namespace", namespace).Output()
			require.NoError(t, err)
			want, err := helm.RenderTemplateContextE(t, t.Context(), &helm.Options{
				KubectlOptions: k8s.NewKubectlOptions("", "", namespace), Logger: logger.Discard,
			}, chart, release, nil)
			require.NoError(t, err)
			assert.Equal(t, decode(t, want), decode(t, string(got)))
		})
	}
	out, err := exec.CommandContext(t.Context(), "helm4", "template", release, chartPath, "--set", "size=ten").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), "/size")
}
