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

// TestEveryBackendIsMountedOrDeclared keeps a backend from being neither proven nor known to be unproven.
func TestEveryBackendIsMountedOrDeclared(t *testing.T) {
	text, err := os.ReadFile("unproven.yaml")
	require.NoError(t, err)
	unproven := map[string]string{}
	require.NoError(t, yaml.UnmarshalStrict(text, &unproven))
	mounted := map[string]bool{}
	for _, f := range fixtures(t) {
		mounted[f.backend] = true
	}
	all, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range all {
		reason := unproven[b.Name]
		delete(unproven, b.Name)
		assert.Equal(t, !mounted[b.Name], reason != "",
			"backend %s needs either testdata/_install-*.values.yaml or a reason in unproven.yaml", b.Name)
		if reason != "" {
			t.Logf("not mounted here: %s: %s", b.Name, reason)
		}
	}
	assert.Empty(t, unproven, "unproven.yaml names backends that do not exist")
}
