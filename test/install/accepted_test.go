package install

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/engine"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// acceptedDocuments is the number of valid values documents whose objects the API server judges.
const acceptedDocuments = 2_000

// seedVariable names the environment variable that sets another seed for the generated documents.
const seedVariable = "ACCEPTED_SEED"

// resources are the API resources of the kinds that the chart creates.
var resources = map[string]schema.GroupVersionResource{
	"PersistentVolume":      {Version: "v1", Resource: "persistentvolumes"},
	"PersistentVolumeClaim": {Version: "v1", Resource: "persistentvolumeclaims"},
	"ConfigMap":             {Version: "v1", Resource: "configmaps"},
	"StorageClass":          {Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
	"Job":                   {Group: "batch", Version: "v1", Resource: "jobs"},
	"CronJob":               {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"PrometheusRule":        {Group: "monitoring.coreos.com", Version: "v1", Resource: "prometheusrules"},
}

// TestAPIServerAcceptsWhatIsCalledRight generates values for every backend, with edge cases of names, labels, sizes and
// paths, and has the API server validate every object of the documents that ckptctl accepts.
func TestAPIServerAcceptsWhatIsCalledRight(t *testing.T) {
	t.Parallel()
	s := newStore(t, "accepted", "privileged")
	s.define(t, "github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml")
	seed := uint64(1)
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("seed %d; %s=NUMBER makes other documents", seed, seedVariable)
	config, err := clientcmd.BuildConfigFromFlags("", s.cluster.Kubeconfig())
	require.NoError(t, err)
	// The API server limits the rate.
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	server, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	m := newEdges(t, seed)

	type document struct {
		values  map[string]any
		release string
	}
	documents := make(chan document)
	var sent, refused atomic.Int64
	wrong := func(format string, args ...any) {
		// One mistake shows up in many documents.
		if refused.Add(1) <= 20 {
			t.Errorf(format, args...)
		}
	}
	var servers sync.WaitGroup
	for range 3 {
		servers.Go(func() {
			for d := range documents {
				objects, err := m.chart.Render(d.values, d.release, s.ns)
				if err != nil {
					wrong("seed %d, release %s: ckptctl calls right what the chart refuses: %v\n%s", seed, d.release, err, written(d.values))
				}
				sent.Add(int64(len(objects)))
				for _, object := range objects {
					if err := dryRun(t.Context(), server, s.ns, object); err != nil {
						wrong("seed %d, release %s: the API server refuses the %v: %v\n%s", seed, d.release, object["kind"], err, written(d.values))
					}
				}
			}
		})
	}
	for i := range acceptedDocuments {
		values, release := m.values(i, s.ns)
		documents <- document{values, release}
	}
	close(documents)
	servers.Wait()
	t.Logf("%d objects of %d documents, %d refused; %d changes tried, %d taken, of which %d are at an edge",
		sent.Load(), acceptedDocuments, refused.Load(), m.tried, m.taken, m.edged)
	assert.Greater(t, sent.Load(), int64(2*acceptedDocuments), "documents that make nothing prove nothing")
	assert.Greater(t, m.edged, acceptedDocuments, "values that are not at an edge prove nothing")
	assert.Greater(t, m.tried-m.taken, acceptedDocuments, "values that are never over an edge prove nothing")
	for _, key := range slices.Concat(slices.Collect(maps.Values(m.keys))...) {
		assert.Positive(t, m.changed[key], "%s was never changed", key)
	}
}

// releases are valid release names.
var releases = []string{"checkpoints", "a", "7", "team.a-b.c", strings.Repeat("r", 53), "x---y"}

// edges generates values from the chart's schema.
type edges struct {
	random   *rand.Rand
	document map[string]any
	// bases are the fixtures of each backend.
	bases    map[string][]map[string]any
	backends []string
	check    *check.Chart
	chart    engine.Chart
	// keys are the paths of the keys of each backend's section, and under "" the common ones; turns counts round robin, and
	// changed counts how often each key was set.
	keys    map[string][]string
	turns   map[string]int
	changed map[string]int
	// atEdge says that the generated value contains an edge case.
	atEdge bool

	tried, taken, edged int
}

func newEdges(t *testing.T, seed uint64) *edges {
	t.Helper()
	from := os.DirFS(charts.Chart())
	m := &edges{chart: engine.Load(t), random: rand.New(rand.NewPCG(seed, 24)), bases: map[string][]map[string]any{}, keys: map[string][]string{}, turns: map[string]int{}, changed: map[string]int{}}
	text, err := os.ReadFile(filepath.Join(charts.Chart(), "values.schema.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m.document))
	m.check, err = check.Open(from, check.Helm3)
	require.NoError(t, err)
	known, err := catalog.Load(from)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(charts.Chart(), backends, "*", "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		values := map[string]any{}
		require.NoError(t, yaml.Unmarshal(text, &values))
		// A store of many shards repeats the same object.
		if shards, _ := values["shards"].(float64); shards < 4 {
			backend := filepath.Base(filepath.Dir(filepath.Dir(file)))
			m.bases[backend] = append(m.bases[backend], values)
		}
	}
	for _, b := range known {
		m.backends = append(m.backends, b.Name)
		require.NotEmpty(t, m.bases[b.Name], b.Name)
	}
	top, _ := m.document["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(top)) {
		property, _ := top[key].(map[string]any)
		if property["deprecated"] == nil && key != "backend" {
			m.walk([]string{key}, property, 0)
		}
	}
	require.NotEmpty(t, m.keys[""])
	return m
}

// walk lists a key and its subkeys.
func (m *edges) walk(path []string, property map[string]any, depth int) {
	section := ""
	if slices.Contains(m.backends, path[0]) {
		section = path[0]
	}
	m.keys[section] = append(m.keys[section], strings.Join(path, "."))
	below, _ := m.resolve(property)["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(below)) {
		if child, ok := below[key].(map[string]any); ok && depth < 3 {
			m.walk(append(slices.Clone(path), key), child, depth+1)
		}
	}
}

// resolve follows a $ref.
func (m *edges) resolve(property map[string]any) map[string]any {
	ref, ok := property["$ref"].(string)
	if !ok {
		return property
	}
	at := any(m.document)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		section, _ := at.(map[string]any)
		at = section[step]
	}
	out := maps.Clone(m.resolve(at.(map[string]any)))
	if property["examples"] != nil {
		out["examples"] = property["examples"]
	}
	return out
}

// values generates a document that ckptctl accepts for a release: a fixture of the next backend with generated values for
// the next keys.
func (m *edges) values(turn int, namespace string) (values map[string]any, release string) {
	backend := m.backends[turn%len(m.backends)]
	// A name may be too long for a fixture.
	for release == "" || !m.right(values, release, namespace) {
		release, values = pickOne(m.random, releases), copied(pickOne(m.random, m.bases[backend]))
	}
	for i := range 7 {
		section := ""
		if keys := m.keys[backend]; i < 2 && len(keys) > 0 {
			section = backend
		}
		key := m.keys[section][m.turns[section]%len(m.keys[section])]
		m.turns[section]++
		for range 3 {
			next := copied(values)
			m.atEdge = false
			value := m.edge(m.at(key), 0)
			if key == "shards" {
				// More shards repeat the same objects.
				value = m.random.IntN(4)
			}
			if !put(next, strings.Split(key, "."), value) {
				break
			}
			m.tried++
			m.changed[key]++
			top, _, _ := strings.Cut(key, ".")
			// The findings are not needed here.
			if m.chart.Takes(top, next[top]) && m.right(next, release, namespace) {
				m.taken++
				if m.atEdge {
					m.edged++
				}
				values = next
				break
			}
		}
	}
	return values, release
}

// at returns the schema of a key.
func (m *edges) at(key string) map[string]any {
	at := m.document
	for _, step := range strings.Split(key, ".") {
		below, _ := m.resolve(at)["properties"].(map[string]any)
		at, _ = below[step].(map[string]any)
	}
	return at
}

func (m *edges) right(values map[string]any, release, namespace string) bool {
	text, err := yaml.Marshal(values)
	if err != nil {
		// YAML does not support keys of this length.
		return false
	}
	result, err := m.check.Check(check.Inputs{Files: []string{"-"}}, check.Release{Name: release, Namespace: namespace, Stdin: strings.NewReader(string(text))})
	return err == nil && !slices.ContainsFunc(result.Findings, func(f check.Finding) bool { return f.Severity == "error" })
}

// words are edge cases of names, paths and sizes.
var words = []string{
	"", " ", "a", "A", "-a", "a-", "a.b", "a..b", "a.-b", ".a", "_a", "a_b", "a/b", "/a", "a/", "example.com/team", "Example.com/Team", "a/b/c", "{shard}", "a-{shard}",
	"ünï", "a b", " a", "a\n", "a\tb", "a:b", "a,b", "a=b", "1", "-1", "0", "1e3", "true", "null", "~", "10Gi", "0.5Ti", "1.5Ti", "1.0001Ki", "9999999Ei", "2T", "500m", "../a", "/", "/a/../b",
	"/mnt/data", "/a b", "/ü", "/helm-test", "/dev/a", "10.0.0.5", "10.0.0.5:2049", "[::1]", "nas.example.com", "Retain", "In", "$(HOME)", "${pvc.name}", "metadata.name", "kubernetes.io/hostname",
	strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253), strings.Repeat("a", 254), strings.Repeat("a.", 126) + "a", "example.com/" + strings.Repeat("a", 63), "example.com/" + strings.Repeat("a", 64),
	strings.Repeat("a", 253) + "/b", strings.Repeat("a", 254) + "/b", strings.Repeat("0", 12), strings.Repeat("x", 4096),
}

func (m *edges) word() string {
	m.atEdge = true
	return pickOne(m.random, words)
}

// written are ordinary values.
func written(values map[string]any) string {
	text, err := yaml.Marshal(values)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// edge generates a value for a schema: an example or an edge case.
func (m *edges) edge(property map[string]any, depth int) any {
	s := m.resolve(property)
	if shown, ok := s["examples"].([]any); ok && len(shown) > 0 && m.random.IntN(4) == 0 {
		return copied(pickOne(m.random, shown))
	}
	if allowed, ok := s["enum"].([]any); ok {
		return copied(pickOne(m.random, allowed))
	}
	kind := s["type"]
	if list, ok := kind.([]any); ok {
		kind = pickOne(m.random, list)
	}
	switch kind {
	case "object":
		return m.object(s, depth)
	case "array":
		out := []any{}
		items, _ := s["items"].(map[string]any)
		for range m.random.IntN(3) {
			out = append(out, m.edge(items, depth+1))
		}
		return out
	case "boolean":
		return m.random.IntN(2) == 0
	case "integer", "number":
		m.atEdge = true
		return pickOne(m.random, []any{0, 1, 2, 30, 100, 255, 256, 1000, 65535, 1 << 31, -1})
	case "null":
		return nil
	}
	if shown, ok := s["examples"].([]any); ok && len(shown) > 0 && m.random.IntN(2) == 0 {
		if text, ok := shown[0].(string); ok {
			return text + m.word()
		}
	}
	return m.word()
}

func (m *edges) object(s map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		if child, ok := properties[key].(map[string]any); ok && depth < 6 && (slices.Contains(required, any(key)) || m.random.IntN(3) == 0) {
			out[key] = m.edge(child, depth+1)
		}
	}
	if inner, ok := s["additionalProperties"].(map[string]any); ok {
		for range m.random.IntN(3) {
			name := m.word()
			if names, ok := s["propertyNames"].(map[string]any); ok && m.random.IntN(2) == 0 {
				name, _ = m.edge(names, depth+1).(string)
			}
			out[name] = m.edge(inner, depth+1)
		}
	}
	if len(properties) == 0 && s["additionalProperties"] == nil {
		out[m.word()] = m.word()
	}
	return out
}

// dryRun creates an object with a server-side dry run.
func dryRun(ctx context.Context, server dynamic.Interface, namespace string, object map[string]any) error {
	kind, _ := object["kind"].(string)
	resource, known := resources[kind]
	if !known {
		return fmt.Errorf("no test knows where a %s is created", kind)
	}
	o := &unstructured.Unstructured{Object: object}
	options := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	var err error
	if kind == "PersistentVolume" || kind == "StorageClass" {
		_, err = server.Resource(resource).Create(ctx, o, options)
	} else {
		// The values may name a namespace that does not exist.
		o.SetNamespace(namespace)
		_, err = server.Resource(resource).Namespace(namespace).Create(ctx, o, options)
	}
	// A cluster-scoped name may be taken; its object has been validated before.
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// put sets the value at a path, and reports whether the path exists.
func put(values map[string]any, path []string, value any) bool {
	for _, step := range path[:len(path)-1] {
		if values[step] == nil {
			values[step] = map[string]any{}
		}
		section, ok := values[step].(map[string]any)
		if !ok {
			return false
		}
		values = section
	}
	values[path[len(path)-1]] = value
	return true
}

func copied[V any](value V) V {
	var out V
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func pickOne[V any](random *rand.Rand, list []V) V { return list[random.IntN(len(list))] }
