package agree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

// parents is how many umbrella charts are made up to compare the names of what is in them.
const parents = 40

// TestParents compares the names that ckptctl computes for the stores of an umbrella chart with those of the rendered
// objects: two aliases in a chart below it, which conditions and tags turn off, and whose values come from the umbrella,
// from the chart between, from a chart beside them (import-values), and from the command line.
func TestParents(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	off, several := 0, 0
	for range sample.Count(parents) {
		u := umbrella{made{random}, t.TempDir()}
		given := u.write(t)
		text, err := yaml.Marshal(given)
		require.NoError(t, err)
		for _, helm := range []check.Helm{check.Helm3, check.Helm4} {
			release := check.Release{Name: "run", Namespace: "train", Stdin: bytes.NewReader(text)}
			result, err := check.OpenParent(u.dir, helm).Check(check.Inputs{Files: []string{"-"}}, release)
			require.NoError(t, err)
			want := map[string][]string{}
			on := 0
			for _, s := range result.Stores {
				if s.Off {
					off++
					continue
				}
				on++
				n := s.Names()
				want["PersistentVolumeClaim"] = append(want["PersistentVolumeClaim"], n.Namespace+"/"+n.Claim(-1))
				want["PersistentVolume"] = append(want["PersistentVolume"], n.Volume(-1))
				want["ConfigMap"] = append(want["ConfigMap"], n.Namespace+"/"+n.ConfigMap())
			}
			if on > 1 {
				several++
			}
			got := u.rendered(t, helm, given)
			for _, names := range []map[string][]string{want, got} {
				for kind := range names {
					slices.Sort(names[kind])
				}
			}
			assert.Equal(t, want, got, "Helm %d: %s\n%s", helm, u.dir, text)
		}
	}
	assert.Greater(t, off, sample.Count(10), "few stores are turned off")
	assert.Greater(t, several, sample.Count(10), "few releases have two stores")
}

// umbrella is a parent chart of a parent chart of two stores that is made up.
type umbrella struct {
	made
	dir string
}

// write writes the charts, and returns the values that the release gives.
func (u umbrella) write(t *testing.T) map[string]any {
	t.Helper()
	put := func(name, text string) {
		path := filepath.Join(u.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	values := func(name string, content map[string]any) {
		text, err := yaml.Marshal(content)
		require.NoError(t, err)
		put(name, string(text))
	}
	team := u.pick("teamA", "team-b", "trainer")
	aliases := []string{u.pick("fastTier", "Fast", "S3Store"), u.pick("durable", "store-2", "a_b")}
	put("Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n- {name: trainer, version: 1.0.0, alias: %s, condition: %s.enabled}\n", team, team))
	put("charts/trainer/Chart.yaml", fmt.Sprintf(`apiVersion: v2
name: trainer
version: 1.0.0
dependencies:
- {name: settings, version: 1.0.0, import-values: [{child: store, parent: %[1]s}]}
- {name: checkpoint-storage, version: ">=0.0.0-0", alias: %[1]s, tags: [fast, storage]}
- {name: checkpoint-storage, version: ">=0.0.0-0", alias: %[2]s, condition: "%[2]s.enabled,global.storage"}
`, aliases[0], aliases[1]))
	put("charts/trainer/charts/settings/Chart.yaml", "apiVersion: v2\nname: settings\nversion: 1.0.0\n")
	values("charts/trainer/charts/settings/values.yaml", map[string]any{"store": u.some()})
	require.NoError(t, os.Symlink(charts.Chart(), filepath.Join(u.dir, "charts/trainer/charts/checkpoint-storage")))
	values("charts/trainer/values.yaml", u.level(aliases...))
	values("values.yaml", map[string]any{team: u.level(aliases...)})
	given := map[string]any{team: u.level(aliases...)}
	if u.one(4) {
		given["tags"] = map[string]any{u.pick("fast", "storage"): u.one(2)}
	}
	if u.one(4) {
		given["global"] = map[string]any{"storage": u.one(2)}
	}
	if u.one(8) {
		given[team].(map[string]any)["enabled"] = u.one(2)
	}
	return given
}

// level is what one chart, or the release, says of the stores.
func (u umbrella) level(aliases ...string) map[string]any {
	out := map[string]any{}
	for _, alias := range aliases {
		if u.one(2) {
			out[alias] = u.some()
		}
	}
	if section, ok := out[aliases[1]].(map[string]any); ok && u.one(3) {
		section["enabled"] = u.one(2)
	}
	return out
}

// some are some of the values that names depend on.
func (u umbrella) some() map[string]any {
	out := map[string]any{}
	if u.one(3) {
		out["nameOverride"] = u.pick("Fast", "fastTier2", "ABTest", "x", "")
	}
	if u.one(5) {
		out["fullnameOverride"] = u.pick(u.name(60), "")
	}
	if u.one(4) {
		out["namespaceOverride"] = strings.ReplaceAll(u.name(63), ".", "b")
	}
	if u.one(5) {
		out["claim"] = map[string]any{"name": u.name(90)}
	}
	if u.one(6) {
		out["volume"] = map[string]any{"name": u.name(90)}
	}
	return out
}

func (u umbrella) rendered(t *testing.T, helm check.Helm, given map[string]any) map[string][]string {
	t.Helper()
	text, err := yaml.Marshal(given)
	require.NoError(t, err)
	var own map[string]any
	require.NoError(t, yaml.Unmarshal(text, &own))
	release := check.Release{Name: "run", Namespace: "train"}
	if helm == check.Helm4 {
		c, err := loader4.LoadDir(u.dir)
		require.NoError(t, err)
		return rendered4(t, c, own, release)
	}
	c, err := loader.LoadDir(u.dir)
	require.NoError(t, err)
	return rendered3(t, c, own, release)
}
