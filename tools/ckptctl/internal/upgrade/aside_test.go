package upgrade

import (
	"io/fs"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/test/sample"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// asideValues have another value for everything that is aside.
const asideValues = `
commonLabels: {example.com/a: b}
commonAnnotations: {example.com/c: d}
claim: {labels: {e: f}, annotations: {g: h}}
volume: {labels: {i: j}, annotations: {k: l}}
storageClass: {labels: {m: n}, annotations: {o: p}}
mountPath: /elsewhere
retention: {keep: 2, checkpointSize: 1Gi}
test: {timeoutSeconds: 77}
benchmark: {timeoutSeconds: 77}
prepare: {enabled: true, directory: runs}
`

// TestAside checks, with what every backend accepts, that values which are aside change nothing that is compared.
func TestAside(t *testing.T) {
	templates, err := Load(embedded.FS)
	require.NoError(t, err)
	fixtures, err := fs.Glob(embedded.FS, "templates/backends/*/testdata/_accept-*.values.yaml")
	require.NoError(t, err)
	require.Greater(t, len(fixtures), 100)
	compared := 0
	for _, fixture := range sample.Of(fixtures) {
		text, err := fs.ReadFile(embedded.FS, fixture)
		require.NoError(t, err)
		var was, is, aside map[string]any
		require.NoError(t, yaml.Unmarshal(text, &was))
		require.NoError(t, yaml.Unmarshal(text, &is))
		require.NoError(t, yaml.Unmarshal([]byte(asideValues), &aside))
		over(is, aside)
		require.True(t, SameObjects(was, is), fixture)
		backend, given := was["backend"].(string)
		if !given {
			backend, _ = templates.chart.Values["backend"].(string)
		}
		before, err := templates.RenderChecked(backend, was, "r", "n")
		require.NoError(t, err, fixture)
		after, err := templates.RenderChecked(backend, is, "r", "n")
		require.NoError(t, err, fixture)
		changes, err := Compare(before, after, Upgrade{Release: "r", Namespace: "n"})
		require.NoError(t, err)
		assert.Empty(t, changes, fixture)
		compared += len(after[claimKind]) + len(after[volumeKind]) + len(after[classKind])
	}
	assert.Positive(t, compared)
}

// over lays values over others, as an overlay.
func over(under, values map[string]any) {
	for key, value := range values {
		section, isMap := value.(map[string]any)
		below, wasMap := under[key].(map[string]any)
		if isMap && wasMap {
			over(below, section)
			continue
		}
		under[key] = value
	}
}

// TestSameObjects checks that any other difference has the objects rendered.
func TestSameObjects(t *testing.T) {
	was := map[string]any{"size": "1Gi", "claim": map[string]any{"name": "a", "labels": map[string]any{"x": "y"}}}
	for title, c := range map[string]struct {
		is   string
		same bool
	}{
		"the same":            {"{size: 1Gi, claim: {name: a, labels: {x: y}}}", true},
		"a label":             {"{size: 1Gi, claim: {name: a, labels: {x: z}}}", true},
		"no label":            {"{size: 1Gi, claim: {name: a}}", true},
		"a section of those":  {"{size: 1Gi, claim: {name: a, labels: {x: y}}, volume: {labels: {a: b}}}", true},
		"a name":              {"{size: 1Gi, claim: {name: b, labels: {x: y}}}", false},
		"no name":             {"{size: 1Gi, claim: {labels: {x: y}}}", false},
		"a name that is null": {"{size: 1Gi, claim: {name: a, labels: {x: y}, existing: null}}", false},
		"no section":          {"{size: 1Gi}", false},
		"a null section":      {"{size: 1Gi, claim: null}", false},
		"a size":              {"{size: 2Gi, claim: {name: a, labels: {x: y}}}", false},
		"another key":         {"{size: 1Gi, claim: {name: a, labels: {x: y}}, shards: 2}", false},
	} {
		var is map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(c.is), &is))
		assert.Equal(t, c.same, SameObjects(was, is), title)
		assert.Equal(t, c.same, SameObjects(is, was), title)
	}
}
