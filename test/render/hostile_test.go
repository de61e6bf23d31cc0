package render

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/engine"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"
)

// hostile are texts that mean something else where they are not quoted: to YAML, to Helm's templates, to JSON, to a shell.
var hostile = []string{
	"team data #2", "data: x", `it's "quoted"`, "{{.Values.size}}", "{shard}", "a\nkind: Secret\n---\nb", "$(touch\tx)`id`\\n",
	"- item", "*alias", "&anchor", "!!int", "[a]", "{a: b}", "@%|>", "null", "true", "1e3", "0x1f", "ünï日本\u2028<b>&amp;", " around ",
}

// place is a free text of the values: the steps that lead to it, and what it may begin with so that the schema takes it.
type place struct {
	steps  []string
	before []string
}

// places finds the free texts that a schema has below some steps.
func places(document, schema map[string]any, steps []string) []place {
	shown, _ := schema["examples"].([]any)
	if ref, ok := schema["$ref"].(string); ok {
		definitions, _ := document["definitions"].(map[string]any)
		schema, _ = definitions[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
	}
	if len(shown) == 0 {
		shown, _ = schema["examples"].([]any)
	}
	var out []place
	below := func(step string, schema any) {
		if s, ok := schema.(map[string]any); ok {
			out = append(out, places(document, s, append(slices.Clone(steps), step))...)
		}
	}
	kinds, _ := schema["type"].([]any)
	if kind, ok := schema["type"].(string); (ok && kind == "string" || slices.Contains(kinds, any("string"))) && schema["enum"] == nil {
		p := place{steps: steps, before: []string{"", "/"}}
		for _, example := range shown {
			if list, ok := example.([]any); ok && len(list) > 0 {
				example = list[0]
			}
			if text, ok := example.(string); ok {
				p.before = append(p.before, text)
			}
		}
		return []place{p}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		below(key, properties[key])
	}
	if items, ok := schema["items"].(map[string]any); ok {
		if items["examples"] == nil && len(shown) > 0 {
			items = maps.Clone(items)
			items["examples"] = shown
		}
		below("0", items)
	}
	below("team", schema["additionalProperties"])
	return out
}

// with returns a copy of values with one more text in its place.
func (p place) with(values map[string]any, text string) map[string]any {
	var put func(at any, steps []string) any
	put = func(at any, steps []string) any {
		if len(steps) == 0 {
			return text
		}
		if _, err := strconv.Atoi(steps[0]); err == nil {
			var item any
			if list, ok := at.([]any); ok && len(list) > 0 {
				item = list[0]
			}
			return []any{put(item, steps[1:])}
		}
		section, _ := at.(map[string]any)
		if section = maps.Clone(section); section == nil {
			section = map[string]any{}
		}
		section[steps[0]] = put(section[steps[0]], steps[1:])
		return section
	}
	return put(values, p.steps).(map[string]any)
}

// TestValuesStayText checks that no value is code: whatever text the schema takes stands, unchanged, where a harmless one
// would, and nothing else of the objects is different.
func TestValuesStayText(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chartPath, "values.schema.json"))
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	properties, _ := document["properties"].(map[string]any)
	backends, err := catalog.Load(os.DirFS(chartPath))
	require.NoError(t, err)
	chart := engine.Load(t)

	var shared []place
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		section, _ := properties[key].(map[string]any)
		_, backend := slices.BinarySearchFunc(backends, key, func(b catalog.Backend, name string) int { return strings.Compare(b.Name, name) })
		if !backend && section["deprecated"] == nil && key != "backend" {
			shared = append(shared, places(document, section, []string{key})...)
		}
	}
	// A shard's own keys are those of the section of the backend that is chosen.
	for _, key := range []string{"volumeHandle", "fsType"} {
		shared = append(shared, place{steps: []string{"shardOverrides", "0", "source", key}, before: []string{""}})
	}
	shared = append(shared, place{steps: []string{"shardOverrides", "0", "source", "volumeAttributes", "team"}, before: []string{""}})
	for name, values := range map[string]map[string]any{
		"shards": {
			"backend": "csi", "csi": map[string]any{"driver": "a.example.com", "volumeHandle": "a"}, "shards": 1.0,
			"shardOverrides": []any{map[string]any{"source": map[string]any{"volumeHandle": "b"}}},
		},
		"prepared": {
			"backend": "csi", "csi": map[string]any{"driver": "a.example.com", "volumeHandle": "a"}, "accessModes": []any{"ReadWriteMany"},
			"prepare": map[string]any{"enabled": true, "directory": "a", "owner": 1.0},
		},
		"static":   {"backend": "csi", "csi": map[string]any{"driver": "a.example.com", "volumeHandle": "a"}, "benchmark": map[string]any{"enabled": true}},
		"dynamic":  {"backend": "csi", "csi": map[string]any{"driver": "a.example.com"}, "provisioning": "dynamic", "storageClass": map[string]any{"create": true}, "claim": map[string]any{"dataSourceRef": map[string]any{"kind": "PersistentVolumeClaim", "name": "a"}}},
		"existing": {"provisioning": "existing", "claim": map[string]any{"existing": "theirs"}},
	} {
		t.Run("shared/"+name, func(t *testing.T) {
			t.Parallel()
			staysText(t, chart, values, shared)
		})
	}
	for _, b := range sample.Of(backends) {
		section, _ := properties[b.Name].(map[string]any)
		own := places(document, section, []string{b.Name})
		for name, values := range bases(t, b) {
			t.Run(b.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				values["test"], values["configMap"] = map[string]any{"enabled": false}, map[string]any{"create": false}
				staysText(t, chart, values, own)
			})
		}
	}
}

// bases are values of a backend that are accepted: its example, and its first fixture that makes a class.
func bases(t *testing.T, b catalog.Backend) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	files, err := filepath.Glob(filepath.Join(chartPath, "templates/backends", b.Name, "testdata/_accept-*.values.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		values := map[string]any{}
		require.NoError(t, yaml.Unmarshal(text, &values))
		if class, _ := values["storageClass"].(map[string]any); class["create"] == true && out["class"] == nil {
			out["class"] = values
		}
		if kind := values["provisioning"]; (kind == nil || kind == "static") && values["shards"] == nil && out["volume"] == nil {
			out["volume"] = values
		}
	}
	return out
}

func staysText(t *testing.T, chart engine.Chart, values map[string]any, places []place) {
	t.Helper()
	if len(places) == 0 {
		return
	}
	// The same values with a harmless text in each place, and which of its forms that is.
	harmless, candidates := map[int]string{}, []int{}
	for i, p := range places {
		if before, ok := p.takes(chart, values, token(i)); ok {
			harmless[i] = before + token(i)
			candidates = append(candidates, i)
		}
	}
	// A key may exclude another.
	base, taken, plain := most(chart, values, candidates, func(have map[string]any, i int) map[string]any { return places[i].with(have, harmless[i]) }, func(error) {})
	noCode(t, anyOf(plain))
	stood, texts := 0, sample.Of(hostile)
	for _, text := range texts {
		if text == "{shard}" && (values["shards"] != nil || values["backend"] == places[0].steps[0]) {
			// It is the shard's number, or refused in the whole section where there are no shards.
			continue
		}
		fits, befores := []int{}, map[int]string{}
		for _, i := range taken {
			p := places[i]
			// The form of the harmless text comes first.
			p.before = append([]string{strings.TrimSuffix(harmless[i], token(i))}, p.before...)
			if before, ok := p.takes(chart, base, text); ok {
				befores[i] = before
				fits = append(fits, i)
			}
		}
		_, stands, got := most(chart, base, fits, func(have map[string]any, i int) map[string]any { return places[i].with(have, befores[i]+text) }, func(err error) {
			// What the chart refuses in so many words it has not passed on: such a place keeps its harmless text.
			assert.ErrorContains(t, err, "Fix: ", "%q", text)
		})
		var pairs []string
		for _, i := range stands {
			if befores[i]+token(i) == harmless[i] {
				pairs = append(pairs, token(i), text)
			} else {
				pairs = append(pairs, harmless[i], befores[i]+text)
			}
		}
		stood += len(stands)
		if len(stands) == 0 {
			continue
		}
		assert.Equal(t, replaced(anyOf(plain), strings.NewReplacer(pairs...)), replaced(anyOf(got), strings.NewReplacer()), "%q", text)
	}
	if len(taken) > 0 {
		assert.Positive(t, stood, "no text was tried")
	}
	// Of what all backends share, much is free text.
	if len(taken) > 40 {
		assert.Greater(t, stood, 10*len(texts), "hardly any text was tried")
	}
}

// takes returns what has to stand before a text for the schema to take it in the place, and whether it does then.
func (p place) takes(chart engine.Chart, values map[string]any, text string) (before string, ok bool) {
	for _, before := range p.before {
		if chart.Takes(p.steps[0], p.with(values, before+text)[p.steps[0]]) {
			return before, true
		}
	}
	return "", false
}

// most changes values in as many places as can be changed together, and returns them, those places, and the objects that
// the values become, where there is such a place. refused is called with each place that is left out.
func most(chart engine.Chart, values map[string]any, at []int, change func(map[string]any, int) map[string]any, refused func(error)) (have map[string]any, in []int, objects []map[string]any) {
	have = values
	for _, i := range at {
		have = change(have, i)
	}
	if len(at) == 0 {
		return values, nil, nil
	}
	objects, err := chart.Render(have, release, namespace)
	switch {
	case err == nil:
		return have, at, objects
	case len(at) == 1:
		refused(err)
		return values, nil, nil
	}
	have, in, objects = most(chart, values, at[:len(at)/2], change, refused)
	have, second, others := most(chart, have, at[len(at)/2:], change, refused)
	if len(second) > 0 {
		objects = others
	}
	return have, slices.Concat(in, second), objects
}

// noCode checks that no value stands in what a container runs: scripts take values from their environment.
func noCode(t *testing.T, value any) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		for key, each := range value {
			if key == "command" || key == "args" || strings.HasSuffix(key, ".sh") {
				text, err := json.Marshal(each)
				require.NoError(t, err)
				assert.NotRegexp(t, "qz[a-z]{2}", string(text), key)
				continue
			}
			noCode(t, each)
		}
	case []any:
		for _, each := range value {
			noCode(t, each)
		}
	}
}

// prepareHash is the end of such a name.
var prepareHash = regexp.MustCompile(`(-prepare)-[0-9a-f]{8}\b`)

// token is a text that stands nowhere else, and is a name.
func token(i int) string { return "qz" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

func anyOf(objects []map[string]any) any {
	out := make([]any, len(objects))
	for i, object := range objects {
		out[i] = object
	}
	return out
}

// replaced copies a value with the texts in it replaced, also those in JSON that a text holds.
func replaced(value any, by *strings.Replacer) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, each := range value {
			// As the value of an entry of env, $$ is a $.
			if text, ok := each.(string); ok && key == "value" {
				each = strings.ReplaceAll(text, "$$", "$")
			}
			out[by.Replace(key)] = replaced(each, by)
		}
		return out
	case []any:
		out := []any{}
		for _, each := range value {
			// Two places have one text, and of two secrets of one name a pod has one.
			if each = replaced(each, by); !slices.ContainsFunc(out, func(other any) bool { return assert.ObjectsAreEqual(other, each) }) {
				out = append(out, each)
			}
		}
		return out
	case string:
		// A Job that prepares is named after what it does.
		value = prepareHash.ReplaceAllString(value, "$1")
		var inner any
		if strings.ContainsAny(value, `"`) && json.Unmarshal([]byte(value), &inner) == nil {
			return map[string]any{"json": replaced(inner, by)}
		}
		return by.Replace(value)
	}
	return value
}
