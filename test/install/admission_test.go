package install

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAPIServerAcceptsEveryFixture has the API server validate every object of every accepted fixture, also of backends that
// no test machine can serve.
func TestAPIServerAcceptsEveryFixture(t *testing.T) {
	t.Parallel()
	s := newStore(t, "admission", "privileged")
	files, err := filepath.Glob(filepath.Join(charts.Chart(), backends, "*", "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	// A fixture may set its own namespace; nothing is created there.
	elsewhere := regexp.MustCompile(`(?m)^  namespace: .*$`)
	byBackend := map[string][]string{}
	for _, file := range files {
		backend := filepath.Base(filepath.Dir(filepath.Dir(file)))
		byBackend[backend] = append(byBackend[backend], file)
	}
	for backend, files := range byBackend {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range files {
				objects := elsewhere.ReplaceAllString(template(t, file, "--namespace", s.ns), "  namespace: "+s.ns)
				require.NoError(t, os.WriteFile(filepath.Join(dir, strings.Replace(filepath.Base(file), ".values", "", 1)), []byte(objects), 0o600))
			}
			// A refused object is reported with its file.
			out, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), s.options.KubectlOptions, "create", "--dry-run=server", "--filename", dir)
			assert.NoError(t, err, out)
		})
	}
}
