package install

import (
	"os"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// unproven returns the reasons of the backends that no test mounts, from unmounted.yaml.
func unproven(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("unmounted.yaml")
	require.NoError(t, err)
	reasons := map[string]string{}
	require.NoError(t, yaml.UnmarshalStrict(text, &reasons))
	return reasons
}

// TestEveryBackendIsMountedOrDeclared checks that every backend is either mounted by a test or listed with a reason.
func TestEveryBackendIsMountedOrDeclared(t *testing.T) {
	reasons, mounted := unproven(t), map[string]bool{}
	for _, f := range fixtures(t) {
		mounted[f.backend] = true
	}
	for _, b := range csiBackends(t) {
		mounted[b.Name] = len(csiCases(t, b)) > 0
	}
	all, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range all {
		reason := reasons[b.Name]
		delete(reasons, b.Name)
		assert.Equal(t, !mounted[b.Name], reason != "",
			"backend %s needs a CSI driver that the tests' own can stand in for, testdata/_install-*.values.yaml, or a reason in unmounted.yaml", b.Name)
		if reason != "" {
			t.Logf("not mounted here: %s: %s", b.Name, reason)
		}
	}
	assert.Empty(t, reasons, "unmounted.yaml names backends that do not exist")
}
