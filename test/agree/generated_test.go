package agree

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chartutil"
	util4 "helm.sh/helm/v4/pkg/chart/common/util"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

// generated is how many values documents are made up. Every one is judged by the validator that both Helms use, compiled
// once; one in aThorough also by the Helms' own functions, which compile the schema each time.
const (
	generated = 10_000
	aThorough = 100
)

// TestGenerated compares merged values, to the byte, and the schema's verdict on documents that are made up from the
// schema, and by changing valid ones. The same seed makes the same documents.
func TestGenerated(t *testing.T) {
	h := load(t, charts.Chart())
	text, err := os.ReadFile(filepath.Join(charts.Chart(), "values.schema.json"))
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)

	const workers = 4
	for worker := range workers {
		t.Run(fmt.Sprintf("seed %d", worker), func(t *testing.T) {
			t.Parallel()
			checks := map[check.Helm]*check.Chart{}
			for _, helm := range []check.Helm{check.Helm3, check.Helm4} {
				checks[helm], err = check.Open(os.DirFS(charts.Chart()), helm)
				require.NoError(t, err)
			}
			m := maker{random: rand.New(rand.NewPCG(uint64(worker), 22)), document: document, backends: backends}
			base := filepath.Join(t.TempDir(), "base.yaml")
			verdicts := map[bool]int{}
			count := sample.Count(generated) / workers
			for i := range count {
				below, over := m.values(), m.values()
				require.NoError(t, os.WriteFile(base, []byte(below), 0o600))
				for helm, c := range checks {
					merged := h.coalesce(t, helm, below, over)
					result, err := c.Check(check.Inputs{Files: []string{base, "-"}}, check.Release{Name: release, Namespace: namespace, Stdin: strings.NewReader(over)})
					require.NoError(t, err, over)
					require.Equal(t, encode(t, merged), encode(t, result.Stores[0].Merged), "Helm %d\n%s---\n%s", helm, below, over)
					wrong := h.schema.Validate(merged)
					require.Equal(t, wrong != nil, refused(result), "Helm %d: %v\nckptctl: %v\n%s---\n%s", helm, wrong, result.Findings, below, over)
					verdicts[wrong == nil]++
					if i%aThorough == 0 {
						require.Equal(t, h.validate(helm, merged) != nil, wrong != nil)
					}
				}
			}
			// Documents of one verdict only would prove nothing.
			assert.Greater(t, verdicts[true], count/10)
			assert.Greater(t, verdicts[false], count/10)
		})
	}
}

func refused(r *check.Result) bool {
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Rule, "schema/") {
			return true
		}
	}
	return false
}

func encode(t *testing.T, value any) string {
	t.Helper()
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}

// coalesce is how a Helm reads and merges two texts.
func (h helms) coalesce(t *testing.T, helm check.Helm, below, over string) map[string]any {
	t.Helper()
	if helm == check.Helm4 {
		given := map[string]any{}
		for _, text := range []string{below, over} {
			values, err := loader4.LoadValues(strings.NewReader(text))
			require.NoError(t, err)
			given = loader4.MergeMaps(given, values)
		}
		merged, err := util4.CoalesceValues(h.four, given)
		require.NoError(t, err)
		return merged
	}
	given := map[string]any{}
	for _, text := range []string{below, over} {
		values := map[string]any{}
		require.NoError(t, yaml.Unmarshal([]byte(text), &values))
		given = loader4.MergeMaps(given, values)
	}
	merged, err := chartutil.CoalesceValues(h.three, given)
	require.NoError(t, err)
	return merged
}

func (h helms) validate(helm check.Helm, merged map[string]any) error {
	if helm == check.Helm4 {
		return util4.ValidateAgainstSchema(h.four, merged)
	}
	return chartutil.ValidateAgainstSchema(h.three, merged)
}

// maker makes up values.
type maker struct {
	random   *rand.Rand
	document map[string]any
	backends []catalog.Backend
}

// values makes a document: a backend's example or keys of the schema, with some of them changed.
func (m *maker) values() string {
	values := map[string]any{}
	if m.random.IntN(3) > 0 {
		b := m.backends[m.random.IntN(len(m.backends))]
		values["backend"] = b.Name
		values[b.Name] = clone(b.Example)
		for key, value := range b.ExampleValues {
			values[key] = clone(value)
		}
	}
	properties, _ := m.document["properties"].(map[string]any)
	for range m.random.IntN(4) {
		key := pick(m.random, slices.Sorted(maps.Keys(properties)))
		if values[key] == nil {
			values[key] = m.fitting(properties[key], 0)
		}
	}
	if m.random.IntN(3) == 0 {
		for range 1 + m.random.IntN(2) {
			m.change(values)
		}
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func clone(value any) any {
	text, _ := json.Marshal(value)
	var out any
	_ = json.Unmarshal(text, &out)
	return out
}

func pick[V any](random *rand.Rand, list []V) V { return list[random.IntN(len(list))] }

// fitting makes a value that a schema probably allows.
func (m *maker) fitting(schema any, depth int) any {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok && s["examples"] == nil {
		definitions, _ := m.document["definitions"].(map[string]any)
		return m.fitting(definitions[ref[strings.LastIndex(ref, "/")+1:]], depth)
	}
	for _, from := range []string{"examples", "enum"} {
		if list, ok := s[from].([]any); ok {
			return clone(pick(m.random, list))
		}
	}
	kind := s["type"]
	if list, ok := kind.([]any); ok {
		kind = pick(m.random, list)
	}
	switch kind {
	case "object":
		out := map[string]any{}
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		for _, key := range required {
			out[key.(string)] = m.fitting(properties[key.(string)], depth+1)
		}
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			if depth < 4 && m.random.IntN(3) == 0 {
				out[key] = m.fitting(properties[key], depth+1)
			}
		}
		if inner, ok := s["additionalProperties"].(map[string]any); ok && m.random.IntN(2) == 0 {
			out["team"] = m.fitting(inner, depth+1)
		}
		return out
	case "array":
		out := []any{}
		for range m.random.IntN(3) {
			out = append(out, m.fitting(s["items"], depth+1))
		}
		return out
	case "boolean":
		return m.random.IntN(2) == 0
	case "integer", "number":
		return m.random.IntN(20)
	case "null":
		return nil
	}
	return pick(m.random, []string{"", "a", "checkpoints", "/mnt/data", "10Gi", "fast-ssd"})
}

var strange = []any{
	nil, true, false, 0, -1, 1.5, 1e21, 9007199254740993, "", "yes", "10", "10GB", "0755", "/x", "Ünter", "a b", []any{}, []any{nil}, []any{"a", "a"},
	map[string]any{}, map[string]any{"a": nil}, []any{1, 1.0}, "ReadWriteMany", []any{"ReadWriteMany"}, map[string]any{"name": "x"},
}

// change does one thing to a random place of a map.
func (m *maker) change(values map[string]any) {
	keys := slices.Sorted(maps.Keys(values))
	if len(keys) == 0 || m.random.IntN(6) == 0 {
		values[pick(m.random, []string{"size", "claim", "unknown", "nfs", "on", "global", "storageClass", "1"})] = clone(pick(m.random, strange))
		return
	}
	key := pick(m.random, keys)
	switch inner := values[key].(type) {
	case map[string]any:
		if m.random.IntN(3) > 0 {
			m.change(inner)
			return
		}
	case []any:
		if len(inner) > 0 && m.random.IntN(2) == 0 {
			inner[m.random.IntN(len(inner))] = clone(pick(m.random, strange))
			return
		}
	}
	switch m.random.IntN(4) {
	case 0:
		delete(values, key)
	case 1:
		values[key+"s"] = values[key]
		delete(values, key)
	default:
		values[key] = clone(pick(m.random, strange))
	}
}
