package release

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestMetadata holds that what Artifact Hub shows of a chart is what its changelog and its values say, and that charts and
// plugin have one version.
func TestMetadata(t *testing.T) {
	for _, name := range []string{"checkpoint-storage", "training-job"} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(charts.Root(), "charts", name)
			read := func(file string) []byte {
				text, err := os.ReadFile(filepath.Join(folder, file))
				require.NoError(t, err)
				return text
			}
			var chart struct {
				Version, AppVersion string
				Annotations         map[string]string
			}
			require.NoError(t, yaml.Unmarshal(read("Chart.yaml"), &chart))
			assert.Equal(t, version(t), chart.Version)
			assert.Equal(t, version(t), chart.AppVersion)
			assert.Equal(t, "Apache-2.0", chart.Annotations["artifacthub.io/license"])
			assert.Contains(t, []string{"storage", "ai-machine-learning"}, chart.Annotations["artifacthub.io/category"])

			_, section, found := strings.Cut(string(read("CHANGELOG.md")), "\n## "+chart.Version+"\n")
			require.True(t, found, "the changelog has no section %s", chart.Version)
			section, _, _ = strings.Cut(section, "\n## ")
			var changes []struct{ Kind, Description string }
			require.NoError(t, yaml.UnmarshalStrict([]byte(chart.Annotations["artifacthub.io/changes"]), &changes))
			require.NotEmpty(t, changes)
			for _, c := range changes {
				assert.Contains(t, []string{"added", "changed", "deprecated", "removed", "fixed", "security"}, c.Kind)
				assert.Contains(t, strings.Split(section, "\n"), "- "+c.Description, "the changelog does not say this")
			}

			var images []struct{ Name, Image string }
			require.NoError(t, yaml.UnmarshalStrict([]byte(chart.Annotations["artifacthub.io/images"]), &images))
			var listed []string
			for _, i := range images {
				listed = append(listed, i.Image)
			}
			var values map[string]any
			require.NoError(t, yaml.Unmarshal(read("values.yaml"), &values))
			assert.ElementsMatch(t, imagesIn(values), listed)
		})
	}
	text, err := os.ReadFile(filepath.Join(charts.Root(), "tools", "ckptctl", "plugin.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nversion: "+version(t)+"\n")
}

// imagesIn finds what values name as an image, once each.
func imagesIn(value any) []string {
	var out []string
	section, _ := value.(map[string]any)
	if repository, _ := section["repository"].(string); repository != "" {
		tag, _ := section["tag"].(string)
		return []string{repository + ":" + tag}
	}
	for _, inner := range section {
		for _, image := range imagesIn(inner) {
			if !slices.Contains(out, image) {
				out = append(out, image)
			}
		}
	}
	return out
}

// TestWorkflows holds that what runs in a workflow is pinned by commit, and may do no more than its jobs say.
func TestWorkflows(t *testing.T) {
	workflows, err := filepath.Glob(filepath.Join(charts.Root(), ".github", "workflows", "*.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, workflows)
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	makefile, err := os.ReadFile(filepath.Join(charts.Root(), "Makefile"))
	require.NoError(t, err)
	for _, file := range workflows {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)uses: (.*)$`).FindAllStringSubmatch(string(text), -1) {
			assert.Regexp(t, pinned, found[1], filepath.Base(file))
		}
		for _, found := range regexp.MustCompile(`(?m)\bmake ([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
			assert.Contains(t, string(makefile), "\n"+found[1]+":", filepath.Base(file))
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct{ Permissions map[string]string }
		}
		require.NoError(t, yaml.Unmarshal(text, &workflow))
		require.NotNil(t, workflow.Permissions, "%s takes whatever the repository grants", filepath.Base(file))
		for scope, access := range workflow.Permissions {
			assert.Equal(t, "contents: read", scope+": "+access, filepath.Base(file))
		}
	}
}
