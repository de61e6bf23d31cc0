package render

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/engine"
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

// TestValuesStayText holds that no value is code: whatever text the schema takes stands, unchanged, where a harmless one
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
		// What storage is prepared with reaches a script, which has tests of its own.
		if !backend && section["deprecated"] == nil && key != "backend" && key != "prepare" {
			shared = append(shared, places(document, section, []string{key})...)
		}
	}
	for name, values := range map[string]map[string]any{
		"static":   {"backend": "csi", "csi": map[string]any{"driver": "a.example.com", "volumeHandle": "a"}, "benchmark": map[string]any{"enabled": true}},
		"dynamic":  {"backend": "csi", "csi": map[string]any{"driver": "a.example.com"}, "provisioning": "dynamic", "storageClass": map[string]any{"create": true}, "claim": map[string]any{"dataSourceRef": map[string]any{"kind": "PersistentVolumeClaim", "name": "a"}}},
		"existing": {"provisioning": "existing", "claim": map[string]any{"existing": "theirs"}},
	} {
		t.Run("shared/"+name, func(t *testing.T) {
			t.Parallel()
			staysText(t, chart, values, shared)
		})
	}
	for _, b := range backends {
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

func staysText(t *testing.T, chart engine.Chart, values map[string]any, all []place) {
	t.Helper()
	// The same values with a harmless text in each place, and which of its forms that is.
	base, taken, forms := values, []place{}, []string{}
	for i, p := range all {
		for _, before := range p.before {
			if next := p.with(values, before+token(i)); chart.Takes(p.steps[0], next[p.steps[0]]) {
				base, taken, forms = p.with(base, before+token(i)), append(taken, p), append(forms, before+token(i))
				break
			}
		}
	}
	if _, err := chart.Render(base, release, namespace); err != nil {
		// A key may exclude another.
		candidates, texts := taken, forms
		base, taken, forms = values, nil, nil
		for i, p := range candidates {
			next := p.with(base, texts[i])
			if _, err := chart.Render(next, release, namespace); err == nil {
				base, taken, forms = next, append(taken, p), append(forms, texts[i])
			}
		}
	}
	plain, err := chart.Render(base, release, namespace)
	require.NoError(t, err)
	tried := 0
	for _, text := range hostile {
		have := base
		var pairs []string
		for i, p := range taken {
			harmless := forms[i]
			for _, before := range append([]string{harmless[:strings.Index(harmless, "qz")]}, p.before...) {
				next := p.with(have, before+text)
				if chart.Takes(p.steps[0], next[p.steps[0]]) {
					if strings.HasPrefix(harmless, before+"qz") {
						pairs = append(pairs, harmless[len(before):], text)
					} else {
						pairs = append(pairs, harmless, before+text)
					}
					have = next
					tried++
					break
				}
			}
		}
		got, err := chart.Render(have, release, namespace)
		if err != nil && strings.Contains(err.Error(), "Fix: ") {
			// What the chart refuses in so many words it has not passed on.
			continue
		}
		if assert.NoError(t, err, "%q", text) {
			assert.Equal(t, replaced(anyOf(plain), strings.NewReplacer(pairs...)), replaced(anyOf(got), strings.NewReplacer()), "%q", text)
		}
	}
	if len(taken) > 0 {
		assert.Positive(t, tried, "no text was tried")
	}
}

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
			out[by.Replace(key)] = replaced(each, by)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, each := range value {
			out[i] = replaced(each, by)
		}
		return out
	case string:
		var inner any
		if strings.ContainsAny(value, `"`) && json.Unmarshal([]byte(value), &inner) == nil {
			return map[string]any{"json": replaced(inner, by)}
		}
		return by.Replace(value)
	}
	return value
}
