// Package field holds ckptctl and the chart to what people really wrote: values from bug reports and from the manuals of
// other charts, each with the verdict that helps, and beside it values that look alike and are right.
package field

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/engine"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/cli/values"
	"sigs.k8s.io/yaml"
)

// tried is one case of a file of testdata.
type tried struct {
	Title string
	// Values are those of values.yaml, Files further ones by their path; {chart} is the chart's folder.
	Values string
	Files  map[string]string
	// Ckptctl are the arguments of ckptctl, `check -f values.yaml` where there are none; {chart} is the chart's folder.
	Ckptctl []string
	// Exit is the exit code of ckptctl; Says is what it prints, Silent what it does not.
	Exit         int
	Says, Silent []string
	// Helm says whether `helm template` renders the values or refuses them; "" is that ckptctl decides. Renders is what
	// it prints then, Omits what it does not.
	Helm           string
	Renders, Omits []string
}

func TestField(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ckptctl")
	build := exec.Command("go", "build", "-o", program, "./tools/ckptctl")
	build.Dir = charts.Root()
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var cases []tried
		require.NoError(t, yaml.UnmarshalStrict(text, &cases), file)
		require.NotEmpty(t, cases, file)
		topic := strings.TrimSuffix(filepath.Base(file), ".yaml")
		for _, c := range cases {
			t.Run(topic+"/"+c.Title, func(t *testing.T) {
				t.Parallel()
				c.try(t, program)
			})
		}
	}
}

func (c tried) try(t *testing.T, program string) {
	t.Helper()
	dir := t.TempDir()
	inputs := map[string]string{"values.yaml": c.Values}
	for name, text := range c.Files {
		inputs[name] = text
	}
	for name, text := range inputs {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "{chart}", charts.Chart())), 0o600))
	}
	args := c.Ckptctl
	if len(args) == 0 {
		args = []string{"check", "-f", "values.yaml"}
	}
	filled := make([]string, len(args))
	for i, arg := range args {
		filled[i] = strings.ReplaceAll(arg, "{chart}", charts.Chart())
	}
	said, exit := run(t, dir, program, filled...)
	assert.Equal(t, c.Exit, exit, said)
	for _, words := range c.Says {
		assert.Contains(t, said, words)
	}
	for _, words := range c.Silent {
		assert.NotContains(t, said, words)
	}
	if c.Values == "" {
		require.Empty(t, c.Renders, "there are no values to render")
		return
	}
	rendered, exit := template(t, dir)
	renders := map[string]bool{"renders": true, "refuses": false, "": c.Exit == 0}
	want, known := renders[c.Helm]
	require.True(t, known, "helm: %s", c.Helm)
	assert.Equal(t, want, exit == 0, rendered)
	for _, words := range c.Renders {
		assert.Contains(t, rendered, words)
	}
	for _, words := range c.Omits {
		assert.NotContains(t, rendered, words)
	}
}

// template runs `helm template`. Under `go test -short` Helm's library does the same in this process.
func template(t *testing.T, dir string) (string, int) {
	t.Helper()
	if !testing.Short() {
		return run(t, dir, "helm", "template", "checkpoints", charts.Chart(), "--namespace", "train", "-f", "values.yaml")
	}
	out, err := engine.Template(values.Options{ValueFiles: []string{filepath.Join(dir, "values.yaml")}}, "checkpoints", "train")
	if err != nil {
		return err.Error(), 1
	}
	return out, 0
}

// run runs a program in a folder, and returns all that it prints, and its exit code.
func run(t *testing.T, dir, program string, args ...string) (string, int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	require.NoError(t, err)
	return string(out), 0
}
