// What takes a version's own program or API types: `make versions` builds with this tag.

//go:build full

package versions

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	kubernetes = flag.String("kubernetes", "", "minor versions of Kubernetes whose API types judge the golden files, as in 1.29,1.37, or all")
	helm       = flag.String("helm", "", "minor versions of Helm that render the fixtures, as in 3.14,4.0, or all")
)

// chosen are those of the versions that a flag names; none where it is empty.
func chosen(t *testing.T, flag string, versions []string) []string {
	t.Helper()
	if flag == "all" {
		return versions
	}
	var out []string
	for _, minor := range strings.FieldsFunc(flag, func(r rune) bool { return r == ',' }) {
		i := slices.IndexFunc(versions, func(v string) bool { return strings.HasPrefix(v, minor+".") })
		require.GreaterOrEqual(t, i, 0, "%s is none of the supported versions %s", minor, strings.Join(versions, ", "))
		out = append(out, versions[i])
	}
	return out
}

// TestKubernetes has the API types of each version decode every golden file, strictly.
func TestKubernetes(t *testing.T) {
	golden, err := filepath.Glob(filepath.Join(charts.Chart(), catalog.Root, "*", "testdata", "*.golden.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, golden)
	golden = append(golden, filepath.Join(charts.Root(), "test", "render", "testdata", "defaults.golden.yaml"))
	var manifests bytes.Buffer
	for _, file := range golden {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		manifests.WriteString("---\n")
		manifests.Write(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("---\n")))
		manifests.WriteString("\n")
	}
	for _, version := range chosen(t, *kubernetes, supported(t).Kubernetes) {
		t.Run(version, func(t *testing.T) {
			program := strict(t, "v0."+strings.TrimPrefix(version, "1."))
			command := exec.CommandContext(t.Context(), program)
			command.Stdin = bytes.NewReader(manifests.Bytes())
			var out, problems bytes.Buffer
			command.Stdout, command.Stderr = &out, &problems
			require.NoError(t, command.Run(), problems.String())
			count, err := strconv.Atoi(strings.TrimSpace(out.String()))
			require.NoError(t, err)
			assert.Greater(t, count, len(golden))

			// It would see a field that there is not.
			command = exec.CommandContext(t.Context(), program)
			command.Stdin = strings.NewReader("apiVersion: v1\nkind: PersistentVolumeClaim\nspec: {storage: 10Gi}\n")
			require.Error(t, command.Run())
		})
	}
}

// strict builds the program strict with the API types of a version.
func strict(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(charts.Root(), "test", "versions", "strict"))))
	for _, args := range [][]string{
		{"mod", "init", "strict"}, {"get", "k8s.io/api@" + version, "k8s.io/apimachinery@" + version}, {"mod", "tidy"}, {"build", "-o", "strict", "."},
	} {
		if args[1] == "init" {
			// All else that the newest version needs would raise the older.
			require.NoError(t, os.Remove(filepath.Join(dir, "go.mod")))
			require.NoError(t, os.Remove(filepath.Join(dir, "go.sum")))
		}
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", filepath.Join(dir, "strict")).Output()
	require.NoError(t, err)
	require.Regexp(t, `dep\s+k8s.io/api\s+`+regexp.QuoteMeta(version)+`\s`, string(out))
	return filepath.Join(dir, "strict")
}

// TestHelm has each version of Helm render the fixtures that the pinned one of its major version renders.
func TestHelm(t *testing.T) {
	fixtures, err := filepath.Glob(filepath.Join(charts.Chart(), catalog.Root, "*", "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, fixtures)
	for _, version := range chosen(t, *helm, supported(t).Helm) {
		t.Run(version, func(t *testing.T) {
			program, pinned := helmOf(t, version), "helm"
			if strings.HasPrefix(version, "4.") {
				pinned = "helm4"
			}
			for _, fixture := range sample.Of(fixtures) {
				want, err := template(t, pinned, fixture)
				require.NoError(t, err, "%s\n%s", fixture, want)
				got, err := template(t, program, fixture)
				require.NoError(t, err, "%s\n%s", fixture, got)
				assert.Equal(t, want, got, fixture)
			}
		})
	}
}

func template(t *testing.T, program, values string) (string, error) {
	t.Helper()
	// For one Kubernetes, since each Helm takes its own otherwise.
	out, err := exec.CommandContext(t.Context(), program, "template", "checkpoints", charts.Chart(), "--namespace", "train", "--kube-version", "1.37.0", "-f", values).CombinedOutput()
	return string(out), err
}

// helmOf builds a version of Helm from its module, once for a machine.
func helmOf(t *testing.T, version string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "checkpoint-storage", "helm-"+version)
	program := filepath.Join(dir, "helm")
	if _, err := os.Stat(program); err != nil {
		major, _, _ := strings.Cut(version, ".")
		command := exec.CommandContext(t.Context(), "go", "install", "-trimpath", "helm.sh/helm/v"+major+"/cmd/helm@v"+version)
		command.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return program
}
