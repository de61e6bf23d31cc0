// Package agree holds ckptctl, Helm 3 and Helm 4 together: one verdict, in the same words.
package agree

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestFixtures compares the verdicts on every fixture of every backend.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(charts.Chart(), "templates", "backends", "*", "testdata", "_*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		// Those have words in them that stand for things of a cluster.
		if !strings.HasPrefix(filepath.Base(file), "_install-") {
			agree(t, filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(file), file)
		}
	}
}

// TestMistakes compares the verdicts on the mistakes that ckptctl is tested with.
func TestMistakes(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(charts.Root(), "tools", "ckptctl", "internal", "cli", "testdata", "mistakes.yaml"))
	require.NoError(t, err)
	var mistakes []struct{ Title, Values string }
	require.NoError(t, yaml.Unmarshal(table, &mistakes))
	require.NotEmpty(t, mistakes)
	for _, m := range mistakes {
		file := filepath.Join(t.TempDir(), "values.yaml")
		require.NoError(t, os.WriteFile(file, []byte(m.Values), 0o600))
		agree(t, m.Title, file)
	}
}

// TestExamples compares the verdicts on what breaks each rule, and what does not, where Helm can judge it.
func TestExamples(t *testing.T) {
	rules, err := catalog.WrittenRules(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for id, rule := range rules.Rules {
		byTool := false
		for _, c := range rule.Cases {
			byTool = byTool || c.By != ""
		}
		if byTool || rule.Wrong == "" {
			continue
		}
		for name, values := range map[string]string{"wrong": rule.Wrong, "right": rule.Right} {
			file := filepath.Join(t.TempDir(), "values.yaml")
			require.NoError(t, os.WriteFile(file, []byte(values), 0o600))
			agree(t, id+" "+name, file)
		}
	}
}

// TestOverlays compares what several files merge to, with keys taken back by null at every level.
func TestOverlays(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base.yaml")
	require.NoError(t, os.WriteFile(base, []byte("backend: nfs\nnfs: {server: a, path: /b}\nclaim: {labels: {team: a, tier: b}}\nmountOptions: [hard]\n"), 0o600))
	for name, overlay := range map[string]string{
		"a backend is switched":       "backend: hostPath\nhostPath: {path: /mnt, sharedMount: true}\nmountOptions: null\n",
		"a section is taken back":     "nfs: null\n",
		"a key is taken back":         "nfs: {server: null}\n",
		"a label is taken back":       "claim: {labels: {team: null}}\n",
		"labels are taken back":       "claim: {labels: null}\n",
		"a default is taken back":     "size: null\n",
		"a list is replaced":          "mountOptions: [noatime]\n",
		"a map is replaced by a word": "claim: none\n",
		"an unset key is null":        "storageClassName: null\n",
		"nothing":                     "{}\n",
		"an empty file":               "",
	} {
		file := filepath.Join(t.TempDir(), "overlay.yaml")
		require.NoError(t, os.WriteFile(file, []byte(overlay), 0o600))
		agree(t, name, base, file)
	}
}

// TestFrameworks compares the verdicts on frameworks that a backend cannot serve, in a chart where one lacks an operation.
func TestFrameworks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoint-storage")
	require.NoError(t, os.CopyFS(dir, os.DirFS(charts.Chart())))
	for _, backend := range []string{"nfs", "hostPath"} {
		path := filepath.Join(dir, catalog.FactsFolder, backend+".json")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(text), `"semanticsLike":`)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), `"semanticsLike":`, `"semantics":{"renameDirectory":"no"},"semanticsLike":`, 1)), 0o600))
	}
	nfs := "backend: nfs\nnfs: {server: a, path: /b}\n"
	for name, c := range map[string]struct {
		values  string
		refused bool
	}{
		"a framework that needs it":     {nfs + "frameworks: [orbax]", true},
		"two that need it":              {nfs + "frameworks: [orbax, huggingface]", true},
		"one of two that needs it":      {nfs + "frameworks: [deepspeed, orbax]", true},
		"a framework that does without": {nfs + "frameworks: [dcp]", false},
		"no framework":                  {nfs, false},
		"a claim of another release":    {nfs + "frameworks: [orbax]\nprovisioning: existing\nclaim: {existing: theirs}", false},
		"where the answers hold":        {"frameworks: [orbax]", true},
		"where the answers do not hold": {"frameworks: [orbax]\nhostPath: {path: /mnt, sharedMount: true}", false},
	} {
		file := filepath.Join(t.TempDir(), "values.yaml")
		require.NoError(t, os.WriteFile(file, []byte(c.values), 0o600))
		assert.Equal(t, c.refused, load(t, dir).helm3(t, file).refused(), name)
		agreeOn(t, dir, name, file)
	}
}

func agree(t *testing.T, name string, files ...string) {
	t.Helper()
	agreeOn(t, charts.Chart(), name, files...)
}

func agreeOn(t *testing.T, dir, name string, files ...string) {
	t.Helper()
	h := load(t, dir)
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		verdicts := map[check.Helm]verdict{check.Helm3: h.helm3(t, files...), check.Helm4: h.helm4(t, files...)}
		if three, four := verdicts[check.Helm3], verdicts[check.Helm4]; three.merged == four.merged {
			require.Equal(t, len(three.rendered), len(four.rendered))
			for template := range three.rendered {
				assert.Equal(t, three.rendered[template], four.rendered[template], "the Helms render %s differently", template)
			}
		}
		for helm, v := range verdicts {
			result, err := h.tool[helm].Check(check.Inputs{Files: files}, check.Release{Name: release, Namespace: namespace})
			require.NoError(t, err)
			var errors []check.Finding
			for _, f := range result.Findings {
				if f.Severity == "error" {
					errors = append(errors, f)
				}
			}
			assert.Equal(t, v.merged, text(t, result.Stores[0].Merged), "Helm %d", helm)
			require.Equal(t, v.refused(), len(errors) > 0, "Helm %d: %s%s; ckptctl: %v", helm, v.schema, v.templates, result.Findings)
			if len(errors) == 0 {
				continue
			}
			assert.Equal(t, v.schema != "", strings.HasPrefix(errors[0].Rule, "schema/"), "Helm %d: %s%s; ckptctl: %v", helm, v.schema, v.templates, errors[0])
			if v.templates != "" {
				// Helm stops at one of the errors that ckptctl lists, and says the same of it.
				refusal := words(v.templates)
				assert.True(t, slices.ContainsFunc(errors, func(f check.Finding) bool {
					return strings.Contains(refusal, "Rule: "+f.Rule) && strings.Contains(refusal, f.Path+": "+f.Message) && strings.Contains(refusal, "Fix: "+f.Hint)
				}), "Helm %d: %s; ckptctl: %v", helm, refusal, errors)
			}
		}
	})
}
