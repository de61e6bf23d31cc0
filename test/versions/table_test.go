// Package versions holds that the chart is right for every version of Kubernetes and Helm that it says it supports.
package versions

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// table is versions.yaml: the newest patch of each minor version when it was last looked at.
type table struct{ Kubernetes, Helm []string }

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
