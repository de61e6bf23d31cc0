// Package repo holds the repository's own rules, so that a backend stays one folder.
package repo

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

// hooks are the defines that a backend may have.
var hooks = []string{"source", "handle", "attributes", "parameters", "fsType", "podAnnotations", "podLabels"}

var define = regexp.MustCompile(`\{\{-? *define "([^"]+)"`)

func backends(t *testing.T) []catalog.Backend {
	t.Helper()
	all, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	return all
}

// walk visits the files below a folder of the chart with their content.
func walk(t *testing.T, folder string, visit func(path, text string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(filepath.Join(charts.Chart(), folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		visit(path, string(text))
		return err
	}))
}

func TestBackendFolders(t *testing.T) {
	frameworks, err := catalog.LoadFrameworks(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	var operations []string
	for _, o := range frameworks.Operations {
		operations = append(operations, o.Name)
	}
	for _, b := range backends(t) {
		folder := filepath.Join(catalog.Root, b.Name)
		kinds := map[string]int{}
		walk(t, folder, func(path, text string) {
			name := filepath.Base(path)
			// Helm takes any file under templates for one to render, unless its name begins so.
			assert.True(t, strings.HasPrefix(name, "_"), "%s must begin with _", path)
			if filepath.Ext(name) != ".tpl" {
				assert.NotContains(t, text, "{{", "%s would be run as a template", path)
			}
			assert.NotRegexp(t, "FILL.IN", text, "%s: FILL IN has to be filled in", path)
			for _, kind := range []string{"_accept-", "_reject-", "_example.golden.yaml", "_backend.tpl", "_schema.yaml"} {
				if strings.HasPrefix(name, kind) {
					kinds[kind]++
				}
			}
			if strings.HasPrefix(name, "_reject-") {
				assert.True(t, strings.HasPrefix(text, "# want: "), "%s must begin with the expected message", path)
			}
			if name == "_backend.tpl" {
				assert.NotEmpty(t, b.Hooks, "%s defines nothing", path)
				assert.Len(t, define.FindAllString(text, -1), len(b.Hooks), "%s defines what is no hook of this backend", path)
				assert.Subset(t, hooks, b.Hooks, "%s defines an unused hook", path)
			}
		})
		for _, kind := range []string{"_accept-", "_reject-", "_example.golden.yaml", "_schema.yaml"} {
			assert.NotZero(t, kinds[kind], "backend %s has no %s", b.Name, kind)
		}
		if b.Capabilities.Serves("static") {
			assert.NotEmpty(t, b.Schema.Identity, "backend %s has no identity: the keys that identify its storage", b.Name)
		}
		for _, key := range b.Schema.Identity {
			assert.Contains(t, b.Schema.Properties, key.Key, "backend %s: identity", b.Name)
			assert.Contains(t, catalog.IdentityKinds, key.As, "backend %s: identity, %s", b.Name, key.Key)
		}
		assert.NotEmpty(t, b.Source, b.Name)
		assert.Contains(t, catalog.Families, b.Family, b.Name)
		assertCapabilities(t, b, operations)
		for key, property := range b.Schema.Properties {
			assert.NotEmpty(t, property["description"], "%s.%s", b.Name, key)
			assert.NotEmpty(t, property["examples"], "%s.%s", b.Name, key)
		}
	}
}

// assertCapabilities checks that what a backend says of itself is whole, and in words that its readers know;
// operations are those of frameworks/operations.yaml.
func assertCapabilities(t *testing.T, b catalog.Backend, operations []string) {
	t.Helper()
	c := b.Capabilities
	assert.Subset(t, []string{"static", "dynamic"}, c.Provisioning, b.Name)
	assert.Equal(t, c.Serves("static"), c.WhyNotStatic == "", "backend %s: whyNotStatic belongs to what is not static", b.Name)
	assert.Equal(t, c.Serves("dynamic"), c.WhyNotDynamic == "", "backend %s: whyNotDynamic belongs to what is not dynamic", b.Name)
	assert.Contains(t, []string{"", "File", "None", "ReadWriteOnceWithFSType"}, c.FSGroup, b.Name)
	for volumeMode, modes := range c.AccessModes {
		assert.Contains(t, []string{"Filesystem", "Block"}, volumeMode, b.Name)
		assert.Subset(t, []string{"ReadWriteOnce", "ReadWriteOncePod", "ReadOnlyMany", "ReadWriteMany"}, modes, b.Name)
	}
	assert.Subset(t, operations, slices.Collect(maps.Keys(c.Semantics.Operations)), b.Name)
	for operation := range c.Semantics.Notes {
		assert.Contains(t, operations, operation, "backend %s has a note on what is no operation", b.Name)
	}
	known := map[string]any{}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &known))
	for place, known := range b.Places {
		assert.NotEmpty(t, known.Says, "backend %s, %s", b.Name, place)
		assert.Regexp(t, "^https://", known.Source, "backend %s, %s", b.Name, place)
	}
	for fact, source := range b.Sources {
		assert.Contains(t, known, fact, "backend %s gives a source for no fact", b.Name)
		assert.Regexp(t, "^https://", source, "backend %s, %s", b.Name, fact)
	}
	assert.Equal(t, c.VolumeStats != catalog.Unknown, b.Sources["volumeStats"] != "", "backend %s: whether there are statistics has a source", b.Name)
	assert.True(t, c.VolumeStatsNeeds == "" || c.VolumeStats == catalog.Yes, "backend %s: volumeStatsNeeds belongs to statistics that there can be", b.Name)
	readOnly := len(c.ReadOnly.Options) > 0 || c.ReadOnly.Attach != "" || c.ReadOnly.Mode
	assert.Equal(t, readOnly, c.ReadOnly.Source != "", "backend %s: what is said of reading only has a source", b.Name)
	assert.True(t, c.MountOptions.Supported || len(c.ReadOnly.Options) == 0, "backend %s takes no mount options", b.Name)
	if c.MountOptions.By != "" {
		assert.Contains(t, b.Schema.Properties, c.MountOptions.By, b.Name)
	}
}

// TestRetired checks that a retired name leads to a backend, and is none itself.
func TestRetired(t *testing.T) {
	rules, err := catalog.WrittenRules(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	require.NotEmpty(t, rules.Retired())
	names := map[string]bool{}
	for _, b := range backends(t) {
		names[b.Name] = true
	}
	for _, old := range rules.Retired() {
		name := old["name"]
		assert.False(t, names[fmt.Sprint(name)], "%s is a backend", name)
		assert.True(t, names[fmt.Sprint(old["use"])], "%s leads to %s, which is none", name, old["use"])
		assert.NotEmpty(t, old["why"], name)
		assert.NotEmpty(t, old["how"], name)
	}
}

// TestDefines checks that every define carries the chart's prefix, and that none is defined twice: the second would win
// in silence.
func TestDefines(t *testing.T) {
	where := map[string]string{}
	walk(t, "templates", func(path, text string) {
		for _, found := range define.FindAllStringSubmatch(text, -1) {
			assert.True(t, strings.HasPrefix(found[1], "checkpoint-storage."), "%s defines %s", path, found[1])
			assert.Empty(t, where[found[1]], "%s is defined in %s too", found[1], path)
			where[found[1]] = path
		}
	})
}

// TestNothingIsLookedUp checks that rendering needs no cluster: what a look-up finds differs from one cluster to the next,
// and is nothing at all where Argo CD renders.
func TestNothingIsLookedUp(t *testing.T) {
	walk(t, "templates", func(path, text string) { assert.NotRegexp(t, `[({|]-?\s*lookup\s`, text, path) })
}

// TestSharedFilesNameNoBackend keeps a new backend from needing a change outside its folder.
func TestSharedFilesNameNoBackend(t *testing.T) {
	rules, err := catalog.WrittenRules(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range backends(t) {
		asked := regexp.MustCompile(`"backend":[^{}]*\b` + b.Name + `\b|"backend":[{][^{}]*\b` + b.Name + `\b`)
		for id, rule := range rules.Rules {
			for name, c := range rule.Cases {
				when, err := json.Marshal(c.When)
				require.NoError(t, err)
				assert.NotRegexp(t, asked, string(when), "%s.%s", id, name)
			}
		}
		named := regexp.MustCompile(`"` + b.Name + `"|\.Values\.` + b.Name + `\b|backend\.` + b.Name + `\b`)
		walk(t, "templates", func(path, text string) {
			if !strings.Contains(path, "/backends/") {
				assert.NotRegexp(t, named, text, path)
			}
		})
		for _, folder := range []string{"tools/catalog", "tools/generate", "tools/ckptctl"} {
			require.NoError(t, filepath.WalkDir(filepath.Join(charts.Root(), folder), func(path string, _ fs.DirEntry, err error) error {
				if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
					return err
				}
				text, err := os.ReadFile(path)
				assert.NotRegexp(t, `"`+b.Name+`"`, string(text), path)
				return err
			}))
		}
	}
}

// TestRules checks that a backend only speaks of rules that there are, and that every rule is shown to be broken by
// something.
func TestRules(t *testing.T) {
	rules, err := catalog.WrittenRules(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	broken, judged := map[string]bool{}, map[string]bool{}
	text, err := os.ReadFile(filepath.Join(charts.Root(), "tools", "ckptctl", "internal", "cli", "testdata", "mistakes.yaml"))
	require.NoError(t, err)
	var mistakes []struct{ Want struct{ Rule string } }
	require.NoError(t, yaml.Unmarshal(text, &mistakes))
	for _, m := range mistakes {
		broken[m.Want.Rule] = true
	}
	for _, b := range backends(t) {
		for _, c := range b.Rules {
			assert.Contains(t, rules.Rules, c.Rule, "backend %s", b.Name)
			judged[c.Rule] = true
			assert.NotNil(t, c.When, "backend %s: a case of %s has no condition", b.Name, c.Rule)
			assert.NotEmpty(t, c.Fix, "backend %s: a case of %s has no fix", b.Name, c.Rule)
			assert.Equal(t, strings.HasPrefix(c.Rule, "W"), c.Severity == "warning", "backend %s: only warnings, which have a W, can be accepted by a comment: %s", b.Name, c.Rule)
		}
	}
	coded := map[string]bool{}
	for id, rule := range rules.Rules {
		broken[id] = broken[id] || rule.Wrong != ""
		for name, c := range rule.Cases {
			judged[id] = judged[id] || c.By == ""
			if c.By == "" && c.When == nil {
				coded[id+"."+name] = true
			}
		}
		assert.NotEmpty(t, rule.Why, id)
	}
	for id := range judged {
		assert.True(t, !judged[id] || broken[id], "neither its own example nor a mistake in the table breaks %s", id)
	}
	// Two shards of one storage, a default that is null, and what frameworks need: all else is data.
	assert.Equal(t, map[string]bool{"E08.sameSource": true, "E12.sameSource": true, "E12.noSource": true, "E19.removed": true, "E22.missing": true, "E22.taken": true, "E22.option": true}, coded)
}

// TestEveryRuleIsShown checks that each error of a backend's own is shown by a values file that is refused for it, each
// warning by one that is accepted with it, and each provisioning by one that uses it.
func TestEveryRuleIsShown(t *testing.T) {
	chart, err := check.Open(os.DirFS(charts.Chart()), check.Helm3)
	require.NoError(t, err)
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range backends {
		var found []check.Finding
		used := map[any]bool{}
		files, err := filepath.Glob(filepath.Join(charts.Chart(), catalog.Root, b.Name, "testdata", "_*.values.yaml"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasPrefix(filepath.Base(file), "_install-") {
				continue
			}
			result, err := chart.Check(check.Inputs{Files: []string{file}}, check.Release{Name: "checkpoints"})
			require.NoError(t, err)
			found = append(found, result.Findings...)
			if strings.HasPrefix(filepath.Base(file), "_accept-") {
				used[result.Stores[0].Merged["provisioning"]] = true
			}
		}
		for _, provisioning := range b.Capabilities.Ways() {
			assert.True(t, used[provisioning], "backend %s has no _accept- fixture with provisioning %s", b.Name, provisioning)
		}
		for _, c := range b.Rules {
			words := regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(c.Message), ".*") + "$")
			assert.True(t, slices.ContainsFunc(found, func(f check.Finding) bool {
				return f.Rule == c.Rule && words.MatchString(f.Message)
			}), "backend %s: no fixture shows %s: %s", b.Name, c.Rule, c.Message)
		}
	}
}

// placeholder is what fill replaces in the words of a rule, as regexp.QuoteMeta leaves it.
var placeholder = regexp.MustCompile(`\\\{[^}]*\\\}`)

// TestToolModules checks that every pinned tool and driver says which Go it builds with, and has its sums.
func TestToolModules(t *testing.T) {
	tools, err := filepath.Glob(filepath.Join(charts.Root(), "ci", "modules", "*", "go.mod"))
	require.NoError(t, err)
	require.NotEmpty(t, tools)
	drivers, err := filepath.Glob(filepath.Join(charts.Root(), "ci", "modules", "drivers", "*", "go.mod"))
	require.NoError(t, err)
	require.NotEmpty(t, drivers)
	for _, file := range slices.Concat(tools, drivers) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^go 1\.\d+\.\d+$`, string(text), file)
		assert.Contains(t, string(text), "\ntool ", file)
		assert.FileExists(t, filepath.Join(filepath.Dir(file), "go.sum"))
	}
}

// TestPatternsAreForEveryReader checks that the schema's regular expressions mean the same to Go, which Helm and ckptctl
// are written in, and to editors, which go by ECMA-262: neither flags inside an expression, nor what only one of them has.
func TestPatternsAreForEveryReader(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(charts.Chart(), "values.schema.json"))
	require.NoError(t, err)
	patterns := regexp.MustCompile(`"pattern": ?"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, patterns)
	foreign := regexp.MustCompile(`\(\?[^:]|\\\\[AzZQECGpPxabe]|\[\[:|[*+?}]\+`)
	for _, pattern := range patterns {
		assert.NotRegexp(t, foreign, pattern[1])
	}
}

// TestTemplatesReadStrictly checks that what a template reads is read by mustFromJson, which ends the rendering at what is
// none. Helm's own functions go on with {"Error": why}, and a value that broke the text is then one of its keys.
func TestTemplatesReadStrictly(t *testing.T) {
	lenient := regexp.MustCompile(`\b(fromYaml|fromYamlArray|fromJson|fromJsonArray|fromToml)\b`)
	for _, chart := range []string{"checkpoint-storage", "training-job"} {
		root := filepath.Join(charts.Root(), "charts", chart, "templates")
		require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) == ".yaml" && strings.HasPrefix(entry.Name(), "_") {
				return err
			}
			text, err := os.ReadFile(path)
			// The define of each chart that looks at what it has got.
			rest := strings.Replace(string(text), "{{- $read := fromYaml . }}", "", 1)
			assert.Empty(t, lenient.FindString(comment.ReplaceAllString(rest, "")), path)
			return err
		}))
	}
}

var comment = regexp.MustCompile(`(?s)\{\{-? */\*.*?\*/ *-?\}\}`)
