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

// unproven are the reasons of those backends that nothing here mounts.
func unproven(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("unproven.yaml")
	require.NoError(t, err)
	reasons := map[string]string{}
	require.NoError(t, yaml.UnmarshalStrict(text, &reasons))
	return reasons
}

// TestEveryBackendIsMountedOrDeclared keeps a backend from being neither proven nor known to be unproven.
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
			"backend %s needs a CSI driver that the tests' own can stand in for, testdata/_install-*.values.yaml, or a reason in unproven.yaml", b.Name)
		if reason != "" {
			t.Logf("not mounted here: %s: %s", b.Name, reason)
		}
	}
	assert.Empty(t, reasons, "unproven.yaml names backends that do not exist")
}
