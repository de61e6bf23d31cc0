package install

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/csi"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// csiCase is one way to use a backend of a CSI driver, with the values for it.
type csiCase struct {
	backend catalog.Backend
	// provisioning is static, or dynamic from the class of a fixture, which fixture names.
	provisioning, fixture string
	volumeMode, mode      string
	values                map[string]any
	// golden is the reviewed text of what the values render.
	golden string
}

func (c csiCase) name() string {
	parts := []string{c.provisioning, c.volumeMode, catalog.ShortMode(c.mode)}
	if c.fixture != "" {
		parts = append(parts, c.fixture)
	}
	return strings.Join(parts, "-")
}

// driver is the name of the driver that the values lead to.
func (c csiCase) driver() string {
	if section, ok := c.values[c.backend.Name].(map[string]any); ok {
		if name, ok := section["driver"].(string); ok {
			return name
		}
	}
	return c.backend.Capabilities.Driver
}

// many says whether pods of two nodes use the volume at once.
func (c csiCase) many() bool { return strings.HasSuffix(c.mode, "Many") }

// csiBackends are the backends that the tests' driver has to stand in for: those that no other suite mounts, as they
// have no fixture for a real cluster, no volume source of their own, a driver (the names of other provisioners have a
// slash), and no reason to be unproven.
func csiBackends(t *testing.T) []catalog.Backend {
	t.Helper()
	all, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	reasons, mounted := unproven(t), map[string]bool{}
	for _, f := range fixtures(t) {
		mounted[f.backend] = true
	}
	return slices.DeleteFunc(all, func(b catalog.Backend) bool {
		return mounted[b.Name] || reasons[b.Name] != "" || slices.Contains(b.Hooks, "source") || strings.Contains(b.Capabilities.Driver, "/")
	})
}

// csiCases are all that a backend says that it can do: its documented example in every access mode, and every class
// among its fixtures.
func csiCases(t *testing.T, b catalog.Backend) []csiCase {
	t.Helper()
	testdata := filepath.Join(charts.Chart(), catalog.Root, b.Name, "testdata")
	var out []csiCase
	if b.Capabilities.Serves("static") {
		for _, volumeMode := range []string{"Filesystem", "Block"} {
			for _, mode := range b.Capabilities.AccessModes[volumeMode] {
				values := b.ExampleDocument()
				c := csiCase{
					backend: b, provisioning: "static", volumeMode: volumeMode, mode: mode, values: values,
					golden: filepath.Join(testdata, "_example.golden.yaml"),
				}
				values["accessModes"], values["volumeMode"] = []string{mode}, volumeMode
				out = append(out, c)
			}
		}
	}
	if b.Capabilities.Serves("dynamic") {
		classes := acceptFixtures(t, b.Name, makesClass)
		assert.NotEmpty(t, classes, "backend %s is dynamic, and none of its _accept-*.values.yaml makes a class", b.Name)
		for _, file := range slices.Sorted(maps.Keys(classes)) {
			values := classes[file]
			c := csiCase{
				backend: b, provisioning: "dynamic", volumeMode: "Filesystem", mode: "ReadWriteOnce", values: values,
				fixture: fixtureName(file),
				golden:  strings.TrimSuffix(file, ".values.yaml") + ".golden.yaml",
			}
			if volumeMode, ok := values["volumeMode"].(string); ok {
				c.volumeMode = volumeMode
			}
			if modes, ok := values["accessModes"].([]any); ok {
				c.mode = modes[0].(string)
			}
			out = append(out, c)
		}
	}
	for _, c := range out {
		c.forTheCluster()
	}
	return out
}

// acceptFixtures are those values files of a backend that fit says.
func acceptFixtures(t *testing.T, backend string, fits func(values map[string]any) bool) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(charts.Chart(), catalog.Root, backend, "testdata", "_accept-*.values.yaml"))
	require.NoError(t, err)
	out := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var values map[string]any
		require.NoError(t, yaml.Unmarshal(text, &values), file)
		if fits(values) {
			out[file] = values
		}
	}
	return out
}

// makesClass says that a fixture has a class make volumes here. A copy that is only read is none: there is nothing to copy.
func makesClass(values map[string]any) bool {
	class, ok := values["storageClass"].(map[string]any)
	claim, _ := values["claim"].(map[string]any)
	modes, _ := values["accessModes"].([]any)
	copied := claim["dataSourceRef"] != nil && slices.Equal(modes, []any{"ReadOnlyMany"})
	return ok && class["create"] == true && values["provisioning"] == "dynamic" && !copied
}

// fixtures are the same case from each fixture for a static volume of its volume mode, those of its access mode first.
func (c csiCase) fixtures(t *testing.T) []csiCase {
	t.Helper()
	found := acceptFixtures(t, c.backend.Name, func(values map[string]any) bool {
		volumeMode, ok := values["volumeMode"].(string)
		if !ok {
			volumeMode = "Filesystem"
		}
		provisioning, ok := values["provisioning"]
		return (!ok || provisioning == "static") && values["shards"] == nil && volumeMode == c.volumeMode
	})
	var first, second []csiCase
	for _, file := range slices.Sorted(maps.Keys(found)) {
		modes, _ := found[file]["accessModes"].([]any)
		c.fixture, c.golden, c.values = fixtureName(file), "", found[file]
		c.values["accessModes"] = []string{c.mode}
		c.forTheCluster()
		if slices.Contains(modes, any(c.mode)) {
			first = append(first, c)
		} else {
			second = append(second, c)
		}
	}
	return append(first, second...)
}

func fixtureName(file string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "_accept-"), ".values.yaml")
}

// forTheCluster sets what is no matter of the backend: many releases at a time, one after the other under one name.
func (c csiCase) forTheCluster() {
	c.values["keep"] = false
	c.values["shards"] = 0
	// The claim's own name is distinguished from the namespace's, and nothing is copied from a snapshot that is not there.
	delete(c.values, "claim")
	if class, ok := c.values["storageClass"].(map[string]any); ok {
		delete(class, "name")
		class["reclaimPolicy"] = "Delete"
	}
	c.values["test"] = map[string]any{"timeoutSeconds": int(patience.Seconds())}
	switch {
	case c.volumeMode == "Block":
		// Devices are root's.
		c.values["podSecurityContext"] = map[string]any{"runAsUser": 0, "runAsNonRoot": false}
	case c.values["podSecurityContext"] == nil && c.backend.Capabilities.FSGroup != "None":
		// What a user sets where the kubelet gives an empty file system to the pod's group.
		c.values["podSecurityContext"] = map[string]any{"fsGroup": 65534}
	}
}

// csiDrivers are the drivers that the cases need, each with the CSIDriver object that the backends' facts make.
func csiDrivers(t *testing.T, cases []csiCase) []csi.Driver {
	t.Helper()
	byName, said := map[string]csi.Driver{}, map[string]string{}
	for _, c := range cases {
		facts, name := c.backend.Capabilities, c.driver()
		require.NotEmpty(t, name, "backend %s, %s: no driver", c.backend.Name, c.name())
		// What is not said is what Kubernetes takes when a CSIDriver object does not say it.
		d := csi.Driver{Name: name, Attach: facts.Attach != catalog.No, FSGroup: facts.FSGroup, PodInfo: facts.PodInfo == catalog.Yes}
		if old, ok := byName[name]; ok && facts.Driver != "" && said[name] != "" {
			assert.Equal(t, old, d, "backends %s and %s say different things of driver %s", said[name], c.backend.Name, name)
		}
		if facts.Driver != "" || said[name] == "" {
			byName[name] = d
		}
		if facts.Driver != "" {
			said[name] = c.backend.Name
		}
	}
	out := slices.Collect(maps.Values(byName))
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
