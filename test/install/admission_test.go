package install

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPIServerAcceptsEveryFixture has the API server's own validation judge every object of every accepted fixture,
// those of backends too that no test machine can serve.
func TestAPIServerAcceptsEveryFixture(t *testing.T) {
	s := newStore(t, "admission", "privileged")
	files, err := filepath.Glob(filepath.Join(charts.Chart(), backends, "*", "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	// A fixture may send its objects to a namespace of its choice; nothing is made there.
	elsewhere := regexp.MustCompile(`(?m)^  namespace: .*$`)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			objects := elsewhere.ReplaceAllString(template(t, file, "--namespace", s.ns), "  namespace: "+s.ns)
			rendered := filepath.Join(t.TempDir(), "objects.yaml")
			require.NoError(t, os.WriteFile(rendered, []byte(objects), 0o600))
			out, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), s.options.KubectlOptions, "create", "--dry-run=server", "--filename", rendered)
			assert.NoError(t, err, out)
		})
	}
}
