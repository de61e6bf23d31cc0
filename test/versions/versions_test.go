// Package versions holds that the chart is right for every version of Kubernetes and Helm that it says it supports. What
// takes a version's own program or API types runs where flags name versions: `make versions`.
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
	"sigs.k8s.io/yaml"
)

// table is versions.yaml: the newest patch of each minor version when it was last looked at.
type table struct{ Kubernetes, Helm []string }

var (
	kubernetes = flag.String("kubernetes", "", "minor versions of Kubernetes whose API types judge the golden files, as in 1.29,1.37, or all")
	helm       = flag.String("helm", "", "minor versions of Helm that render the fixtures, as in 3.14,4.0, or all")
)

func supported(t *testing.T) table {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(charts.Root(), "test", "versions", "versions.yaml"))
	require.NoError(t, err)
	var out table
	require.NoError(t, yaml.UnmarshalStrict(text, &out))
	require.NotEmpty(t, out.Kubernetes)
	require.NotEmpty(t, out.Helm)
	return out
}

// chosen are those of the versions that a flag names.
func chosen(t *testing.T, flag string, versions []string) []string {
	t.Helper()
	if flag == "" {
		t.Skip("no flag names a version")
	}
	if flag == "all" {
		return versions
	}
	var out []string
	for _, minor := range strings.Split(flag, ",") {
		i := slices.IndexFunc(versions, func(v string) bool { return strings.HasPrefix(v, minor+".") })
		require.GreaterOrEqual(t, i, 0, "%s is none of the supported versions %s", minor, strings.Join(versions, ", "))
		out = append(out, versions[i])
	}
	return out
}

func minor(version string) string { return version[:strings.LastIndex(version, ".")] }

// TestOneTable holds that the charts, their documentation and the workflow name just the versions of the table.
func TestOneTable(t *testing.T) {
	versions := supported(t)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(charts.Root(), filepath.FromSlash(name)))
		require.NoError(t, err)
		return string(text)
	}
	for _, chart := range []string{"checkpoint-storage", "training-job"} {
		assert.Contains(t, read("charts/"+chart+"/Chart.yaml"), `kubeVersion: ">=`+minor(versions.Kubernetes[0])+`.0-0"`)
	}
	last := ""
	for _, v := range versions.Kubernetes {
		if last != "" {
			before, _ := strconv.Atoi(strings.Split(last, ".")[1])
			now, _ := strconv.Atoi(strings.Split(v, ".")[1])
			assert.Equal(t, before+1, now, "a minor version between %s and %s is missing", last, v)
		}
		last = v
	}
	workflow := read(".github/workflows/check.yml")
	tried := func(key string) []string {
		var out []string
		for _, found := range regexp.MustCompile(key+`: "([\d.]+)"`).FindAllStringSubmatch(workflow, -1) {
			if !slices.Contains(out, found[1]) {
				out = append(out, found[1])
			}
		}
		return out
	}
	var kubernetes, helm []string
	for _, v := range versions.Kubernetes {
		kubernetes = append(kubernetes, minor(v))
	}
	for _, v := range versions.Helm {
		helm = append(helm, minor(v))
	}
	assert.Equal(t, kubernetes, tried("kubernetes"))
	assert.Equal(t, helm, tried("helm"))
	page := read("charts/checkpoint-storage/docs/releases.md")
	for _, v := range []string{
		"Kubernetes " + kubernetes[0] + " to " + kubernetes[len(kubernetes)-1],
		"Helm " + helm[0] + " to " + lastOf(helm, "3."), "and " + firstOf(helm, "4.") + " to " + lastOf(helm, "4."),
	} {
		assert.Contains(t, page, v)
	}
}

func firstOf(versions []string, prefix string) string {
	return versions[slices.IndexFunc(versions, func(v string) bool { return strings.HasPrefix(v, prefix) })]
}

func lastOf(versions []string, prefix string) string {
	out := ""
	for _, v := range versions {
		if strings.HasPrefix(v, prefix) {
			out = v
		}
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
