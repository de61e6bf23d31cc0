package agree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	common4 "helm.sh/helm/v4/pkg/chart/common"
	util4 "helm.sh/helm/v4/pkg/chart/common/util"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	deps4 "helm.sh/helm/v4/pkg/chart/v2/util"
	engine4 "helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// named is how many stores are made up to compare their names.
const named = 120

// TestNames compares the names that ckptctl computes with those of the rendered objects, on stores that are made up: the
// chart by itself and under aliases, with every key that names anything, in names of any length.
func TestNames(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 1))
	for range sample.Count(named) {
		store := made{random}.store()
		for _, helm := range []check.Helm{check.Helm3, check.Helm4} {
			got := store.rendered(t, helm)
			want := map[string][]string{}
			n := store.result(t, helm).Stores[0].Names()
			for _, shard := range store.shards() {
				if store.values["provisioning"] == "existing" {
					continue
				}
				want["PersistentVolumeClaim"] = append(want["PersistentVolumeClaim"], n.Namespace+"/"+n.Claim(shard))
				if volume := n.Volume(shard); volume != "" {
					want["PersistentVolume"] = append(want["PersistentVolume"], volume)
				}
			}
			if class := n.Class(); class != "" {
				want["StorageClass"] = []string{class}
			}
			want["ConfigMap"] = []string{n.Namespace + "/" + n.ConfigMap()}
			assert.Equal(t, want, got, "Helm %d: %+v", helm, store)
		}
	}
}

// namedKinds are the kinds whose names are compared.
var namedKinds = []string{"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "ConfigMap"}

// store is a release that is made up.
type store struct {
	release check.Release
	values  map[string]any
}

func (s store) shards() []int {
	count, _ := s.values["shards"].(int)
	if count == 0 {
		return []int{-1}
	}
	var out []int
	for i := range count {
		out = append(out, i)
	}
	return out
}

// result is what ckptctl makes of the store.
func (s store) result(t *testing.T, helm check.Helm) *check.Result {
	t.Helper()
	text, err := yaml.Marshal(s.values)
	require.NoError(t, err)
	release := s.release
	release.Stdin = bytes.NewReader(text)
	result, err := load(t, charts.Chart()).tool[helm].Check(check.Inputs{Files: []string{"-"}}, release)
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(result.Findings, func(f check.Finding) bool { return f.Severity == "error" }), "%v", result.Findings)
	return result
}

// rendered has a Helm render the store, and lists the names of each kind.
func (s store) rendered(t *testing.T, helm check.Helm) map[string][]string {
	t.Helper()
	given := s.values
	var aliases []string
	if s.release.Alias != "" {
		aliases = strings.Split(s.release.Alias, ".")
		slices.Reverse(aliases)
	}
	for _, alias := range aliases {
		given = map[string]any{alias: given}
	}
	if helm == check.Helm4 {
		c, err := loader4.LoadDir(charts.Chart())
		require.NoError(t, err)
		for _, alias := range aliases {
			parent := &chart4.Chart{Metadata: &chart4.Metadata{APIVersion: "v2", Name: "parent", Version: "1.0.0", Dependencies: []*chart4.Dependency{
				{Name: c.Name(), Version: c.Metadata.Version, Alias: alias},
			}}}
			parent.AddDependency(c)
			c = parent
		}
		return rendered4(t, c, given, s.release)
	}
	c, err := loader.LoadDir(charts.Chart())
	require.NoError(t, err)
	for _, alias := range aliases {
		parent := &chart.Chart{Metadata: &chart.Metadata{APIVersion: "v2", Name: "parent", Version: "1.0.0", Dependencies: []*chart.Dependency{
			{Name: c.Name(), Version: c.Metadata.Version, Alias: alias},
		}}}
		parent.AddDependency(c)
		c = parent
	}
	return rendered3(t, c, given, s.release)
}

// rendered3 has Helm 3 render a chart, and lists the names of each kind.
func rendered3(t *testing.T, c *chart.Chart, given map[string]any, release check.Release) map[string][]string {
	t.Helper()
	require.NoError(t, chartutil.ProcessDependenciesWithMerge(c, given))
	options := chartutil.ReleaseOptions{Name: release.Name, Namespace: release.Namespace}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(c, given, options, chartutil.DefaultCapabilities, true)
	require.NoError(t, err)
	files, err := engine.Engine{}.Render(c, top)
	require.NoError(t, err, "%+v", given)
	return namesOf(t, files)
}

// rendered4 has Helm 4 do the same.
func rendered4(t *testing.T, c *chart4.Chart, given map[string]any, release check.Release) map[string][]string {
	t.Helper()
	require.NoError(t, deps4.ProcessDependencies(c, given))
	options := common4.ReleaseOptions{Name: release.Name, Namespace: release.Namespace}
	top, err := util4.ToRenderValuesWithSchemaValidation(c, given, options, common4.DefaultCapabilities, true)
	require.NoError(t, err)
	files, err := engine4.Engine{}.RenderWithContext(t.Context(), c, top)
	require.NoError(t, err, "%+v", given)
	return namesOf(t, files)
}

func namesOf(t *testing.T, files map[string]string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for file, text := range files {
		if !strings.HasSuffix(file, ".yaml") || strings.Contains(file, "/tests/") {
			continue
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			var object struct {
				Kind     string
				Metadata struct{ Name, Namespace string }
			}
			require.NoError(t, yaml.Unmarshal([]byte(document), &object))
			if !slices.Contains(namedKinds, object.Kind) {
				continue
			}
			name := object.Metadata.Name
			if object.Metadata.Namespace != "" {
				name = object.Metadata.Namespace + "/" + name
			}
			out[object.Kind] = append(out[object.Kind], name)
		}
	}
	return out
}

// made makes up stores.
type made struct{ random *rand.Rand }

func (m made) store() store {
	s := store{values: map[string]any{"hostPath": map[string]any{"path": "/mnt/checkpoints", "sharedMount": true}}}
	s.release.Name, s.release.Namespace = m.name(53), strings.ReplaceAll(m.name(63), ".", "a")
	if m.one(2) {
		s.release.Alias = m.pick("fastTier", "checkpoints", "Fast", "S3Store", "store-2", "aBC", "HTTPServer", "a_b", "v1Store2", strings.Repeat("longName", 8), strings.Repeat("x", 62)+"-y")
		if m.one(2) {
			s.release.Alias = "teamA." + s.release.Alias
		}
	}
	switch m.random.IntN(4) {
	case 0:
		s.values["provisioning"] = "dynamic"
		s.values["backend"] = "csi"
		s.values["csi"] = map[string]any{"driver": "block.csi.example.com"}
		class := map[string]any{"create": m.one(2)}
		if class["create"] == true && m.one(2) {
			class["name"] = m.name(120)
		}
		s.values["storageClass"] = class
	case 1:
		s.values["provisioning"] = "existing"
		s.values["claim"] = map[string]any{"existing": m.name(63)}
	default:
		if m.one(3) {
			s.values["volume"] = map[string]any{"name": m.name(120)}
		}
	}
	if s.values["provisioning"] != "existing" && m.one(3) {
		s.values["claim"] = map[string]any{"name": m.name(120)}
	}
	if m.one(3) {
		s.values["shards"] = 1 + m.random.IntN(12)
		s.values["hostPath"] = map[string]any{"path": "/mnt/{shard}", "sharedMount": true}
	}
	if m.one(3) {
		s.values["nameOverride"] = strings.NewReplacer(".", "-", "_", "-").Replace(m.pick("Fast", "fastTier2", "ABTest", m.name(63)))
	}
	if m.one(4) {
		s.values["fullnameOverride"] = m.name(120)
	}
	if m.one(4) {
		s.values["namespaceOverride"] = strings.ReplaceAll(m.name(63), ".", "b")
	}
	if m.one(4) {
		s.values["configMap"] = map[string]any{"name": m.name(60)}
	}
	return s
}

func (m made) one(of int) bool { return m.random.IntN(of) == 0 }

func (m made) pick(from ...string) string { return from[m.random.IntN(len(from))] }

// name makes up a name: short, or of any length up to the longest, or near the room that names have.
func (m made) name(longest int) string {
	length := 1 + m.random.IntN(min(longest, 12))
	if m.one(3) {
		length = 1 + m.random.IntN(longest)
	}
	if m.one(6) {
		length = min(longest, 56+m.random.IntN(9))
	}
	name := "a"
	for len(name) < length {
		name += m.pick("a", "b", "7", "a-b", "c.d", "x--y")
	}
	return strings.TrimRight(name[:min(len(name), length)], "-.")
}

func (s store) String() string { return fmt.Sprintf("%+v %v", s.release, s.values) }
