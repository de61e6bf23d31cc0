package project

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMistakes checks that every mistake in a project file is said with its place and what to do.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"base: a.yaml\nkubeVersoin: '1.29'\n":                 "p.yaml:2:1: kubeVersoin: there is no such key.\nfix: did you mean kubeVersion?",
		"base: a.yaml\nkube-version: '1.29'\n":                "p.yaml:2:1: kube-version: there is no such key.\nfix: did you mean kubeVersion?",
		"base: a.yaml\nkubeVersion: 1.30\n":                   "p.yaml:2:14: kubeVersion: must be a string, and is the number 1.3.\nfix: put it in quotes: kubeVersion: \"1.30\"",
		"base: a.yaml\nkubeVersion: two\n":                    "p.yaml:2:14: kubeVersion: \"two\" is no version of Kubernetes.\nfix: write it like kubeVersion: \"1.33\"",
		"base: a.yaml\nhelm: 2\n":                             "p.yaml:2:7: helm: 2 is none of the values that it can have.\nfix: it can be: 3, 4",
		"base: a.yaml\nquota: lots\n":                         "p.yaml:2:8: quota: \"lots\" is no size.\nfix: write it like quota: \"10Ti\"",
		"base: a.yaml\nclusters:\n- {name: b, namspace: x}\n": "p.yaml:3:13: clusters[0].namspace: there is no such key in clusters[0].\nfix: did you mean namespace?",
		"base: a.yaml\nclusters:\n- {namespace: x}\n":         "clusters[0].name: is missing.\nfix: name the overlays that it is about: name: berlin",
		"base: a.yaml\nclusters:\n- {name: b, overlays: x}\n": "fix: the keys are: release, namespace, context, kubeVersion, helm, quota, chart, chartVersion, name",
		"base: a.yaml\nclusters:\n- {name: '['}\n":            "p.yaml:3:10: clusters[0].name: [ is no pattern.\nfix: close its bracket",
		"base: a.yaml\nbase: b.yaml\n":                        "p.yaml:2:1: ",
		"strict: true\n":                                      "base: names no values.\nfix: name the values: base: base.yaml",
		"base: [a\n":                                          "p.yaml:",
	} {
		_, err := Read("p.yaml", []byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
	_, err := Read("p.yaml", []byte("bse: a.yaml\noverlay: b.yaml\n"))
	assert.Equal(t, 2, strings.Count(err.Error(), "did you mean"), "all mistakes are said: %v", err)
}

// TestOf checks that the last entry that names a cluster wins, key by key.
func TestOf(t *testing.T) {
	p, err := Read("p.yaml", []byte(`
base: base.yaml
overlays: [clusters/*.yaml]
kubeVersion: "1.33"
helm: 3
clusters:
- {name: "eu-*", kubeVersion: "1.29", namespace: europe}
- {name: [eu-berlin, oslo], helm: 4, namespace: ml}
`))
	require.NoError(t, err)
	assert.Equal(t, words{"base.yaml"}, p.Base)
	assert.Equal(t, Settings{KubeVersion: "1.33", Helm: 3}, p.Of("tokyo"))
	assert.Equal(t, Settings{KubeVersion: "1.29", Helm: 3, Namespace: "europe"}, p.Of("eu-paris"))
	assert.Equal(t, Settings{KubeVersion: "1.29", Helm: 4, Namespace: "ml"}, p.Of("eu-berlin"))
	require.NoError(t, p.Unknown([]string{"eu-paris", "eu-berlin", "oslo"}))
	assert.EqualError(t, p.Unknown([]string{"eu-paris", "eu-berlin", "olso"}), "p.yaml:8:4: clusters[1].name: no overlay is called oslo.\nfix: did you mean olso?")
}

// TestFind checks that the file is found upwards, and not beyond the repository.
func TestFind(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	deep := filepath.Join(dir, "a", "b")
	require.NoError(t, os.MkdirAll(deep, 0o700))
	file := filepath.Join(dir, Name)
	require.NoError(t, os.WriteFile(file, []byte("base: base.yaml\n"), 0o600))
	found, err := Find(deep)
	require.NoError(t, err)
	assert.Equal(t, file, found)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a", ".git"), 0o700))
	found, err = Find(deep)
	require.NoError(t, err)
	assert.Empty(t, found)
}

// TestSchema checks that the schema describes every key that is read, takes its examples, and is a schema.
func TestSchema(t *testing.T) {
	text, err := json.Marshal(Schema())
	require.NoError(t, err)
	judge, err := jsonschema.CompileString("project.json", string(text))
	require.NoError(t, err)
	read := map[string]bool{}
	var fields func(reflect.Type)
	fields = func(of reflect.Type) {
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("json"); name != "" {
				read[name] = true
			} else if of.Field(i).Anonymous {
				fields(of.Field(i).Type)
			}
		}
	}
	fields(reflect.TypeFor[Project]())
	whole := map[string]any{}
	for name, each := range Schema()["properties"].(map[string]any) {
		assert.True(t, read[name], "%s is not read", name)
		delete(read, name)
		if examples, ok := each.(map[string]any)["examples"].([]any); ok {
			whole[name] = examples[0]
		}
	}
	assert.Empty(t, read, "the schema does not have it")
	assert.Greater(t, len(whole), 8)
	require.NoError(t, judge.Validate(whole))
	text, err = json.Marshal(whole)
	require.NoError(t, err)
	_, err = Read("p.yaml", text)
	assert.NoError(t, err)
}
