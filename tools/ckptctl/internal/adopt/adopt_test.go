package adopt

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const (
	release   = "checkpoints"
	namespace = "train"
)

// chart is the one that ckptctl is built with.
var chart = sync.OnceValue(func() Chart {
	backends, err := catalog.Load(embedded.FS)
	if err != nil {
		panic(err)
	}
	render, defaults, err := OfChart(embedded.FS)
	if err != nil {
		panic(err)
	}
	return Chart{backends, defaults, render}
})

// elsewhere are fixtures whose objects say nothing of the backend's own, by why.
var elsewhere = map[string]string{
	"pureStorage/_accept-class-block":          "the driver is Portworx's",
	"localPath/_accept-class-immediate-shared": "nothing in a class says that its provisioner has a shared file system",
}

// TestFixtures checks that what the chart renders from any accepted values comes back: the values that are found render the
// same objects, with the same backend.
func TestFixtures(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "charts", "checkpoint-storage", catalog.Root)
	for i, b := range chart().Backends {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			documents := map[string]map[string]any{"example": b.ExampleDocument()}
			files, err := filepath.Glob(filepath.Join(root, b.Name, "testdata", "_accept-*.values.yaml"))
			require.NoError(t, err)
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				values := map[string]any{}
				require.NoError(t, yaml.Unmarshal(text, &values))
				documents[strings.TrimSuffix(filepath.Base(file), ".values.yaml")] = values
			}
			for _, name := range slices.Sorted(maps.Keys(documents)) {
				t.Run(name, func(t *testing.T) { comesBack(t, b.Name, name, documents[name]) })
			}
		})
	}
}

// comesBack adopts the first store that values render.
func comesBack(t *testing.T, backend, name string, values map[string]any) {
	objects, err := chart().Render(values, release, namespace)
	require.NoError(t, err)
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.name(), b.name()) })
	stores := Stores(objects)
	if len(stores) == 0 {
		return
	}
	adoption, err := chart().Adopt(stores[0], release, namespace)
	require.NoError(t, err)
	require.Empty(t, adoption.Refusal())
	require.Empty(t, adoption.Lost())
	// What is written is what Helm reads.
	text, err := adoption.YAML()
	require.NoError(t, err)
	want, err := yaml.Marshal(adoption.Values)
	require.NoError(t, err)
	assert.YAMLEq(t, string(want), string(text))
	read := map[string]any{}
	require.NoError(t, yaml.Unmarshal(text, &read))
	again, err := yaml.Marshal(read)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(again))
	// A claim by itself does not say what it is on, and what csi renders may be another backend's.
	if driverOf(backend) != "" && (stores[0].Volume != nil || stores[0].Class != nil) && elsewhere[backend+"/"+name] == "" {
		// One driver may be two backends'.
		assert.Equal(t, driverOf(backend), driverOf(adoption.Values["backend"]), adoption.Instead)
	}
}

func driverOf(backend any) string {
	for _, b := range chart().Backends {
		if b.Name == backend {
			return b.Capabilities.Driver
		}
	}
	return ""
}

// TestManifests checks what becomes of manifests as people write them. The first line of each says it: whole, lost or refused,
// the backend, and for the latter two a word of why.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.Open(name)
			require.NoError(t, err)
			objects, err := Parse(name, file)
			require.NoError(t, err)
			require.NoError(t, file.Close())
			stores := Stores(objects)
			require.Len(t, stores, 1)
			adoption, err := chart().Adopt(stores[0], release, namespace)
			want := wanted(t, name)
			fate, backend, why := want[0], want[1], want[2]
			if fate == "refused" {
				said := adoption.Refusal()
				if err != nil {
					said = err.Error()
				}
				assert.Contains(t, said, backend)
				assert.Contains(t, said, why)
				return
			}
			require.NoError(t, err)
			require.Empty(t, adoption.Refusal())
			assert.Equal(t, backend, adoption.Values["backend"], adoption.Instead)
			if fate == "whole" {
				assert.Empty(t, adoption.Lost())
				return
			}
			require.Len(t, adoption.Lost(), 1)
			assert.Contains(t, adoption.Lost()[0].String(), why)
		})
	}
}

// wanted reads what is wanted of a manifest. JSON has no comments.
func wanted(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	said, found := strings.CutPrefix(first, "# want: ")
	if !found {
		said = "whole awsEbs"
	}
	words := strings.SplitN(said, " ", 3)
	return append(words, "", "")[:3]
}

// TestCompare checks that only storage is compared as a quantity: an octal mode, or a label, is a text.
func TestCompare(t *testing.T) {
	volume := func(storage, mode string) Object {
		return Object{"kind": "PersistentVolume", "metadata": map[string]any{"name": "models"}, "spec": map[string]any{
			"capacity": map[string]any{"storage": storage}, "csi": map[string]any{"volumeAttributes": map[string]any{"mode": mode}},
		}}
	}
	assert.Empty(t, compare(volume("1024Gi", "0700"), volume("1Ti", "0700")))
	assert.Len(t, compare(volume("1Ti", "0700"), volume("1Ti", "700")), 1)
	assert.Len(t, compare(volume("1Ti", "1k"), volume("2Ti", "1000")), 2)
}

// TestDisown checks that the values of an object which the chart made once do not hold what the chart writes itself.
func TestDisown(t *testing.T) {
	made := Object{"kind": "PersistentVolumeClaim", "metadata": map[string]any{
		"name": "checkpoints", "labels": map[string]any{
			"app.kubernetes.io/component": "checkpoint-storage", "app.kubernetes.io/instance": "old", "app.kubernetes.io/managed-by": "Helm",
			"app.kubernetes.io/name": "checkpoint-storage", "helm.sh/chart": "checkpoint-storage-0.0.1", "team": "vision",
		},
		"annotations": map[string]any{"meta.helm.sh/release-name": "old", "meta.helm.sh/release-namespace": "training", "note": "kept"},
	}}
	metadata := dig(own(made), "metadata")
	assert.Equal(t, map[string]any{"team": "vision"}, metadata["labels"])
	assert.Equal(t, map[string]any{"note": "kept"}, metadata["annotations"])
	// The labels of another's object are its own, whatever they are called.
	dig(made, "metadata", "labels")["app.kubernetes.io/component"] = "database"
	assert.Len(t, dig(own(made), "metadata", "labels"), 6)
}
