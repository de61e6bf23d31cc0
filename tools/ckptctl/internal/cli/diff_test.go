package cli

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestUpgrades holds the verdict on each of the upgrades; test/install proves the same verdicts on a cluster.
func TestUpgrades(t *testing.T) {
	text, err := os.ReadFile("testdata/upgrades.yaml")
	require.NoError(t, err)
	var upgrades []struct {
		Title, Verdict, Rule, Path, Says, Unproven string
		From, To                                   map[string]any
		Pod, Unbound, Alone                        bool
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &upgrades))
	require.Greater(t, len(upgrades), 35)
	for _, u := range upgrades {
		t.Run(u.Title, func(t *testing.T) {
			t.Parallel()
			write := func(name string, values map[string]any) string {
				text, err := yaml.Marshal(values)
				require.NoError(t, err)
				return file(t, name, string(text))
			}
			from, to := write("from.yaml", u.From), write("to.yaml", u.To)
			args := []string{"diff", "-o", "json", "-n", "training", "--from", from, "--to", to}
			if !u.Alone {
				args = append(args[:len(args)-2], "--to", from, "--to", to)
			}
			code, out, errs := ckptctl(args...)
			var got struct{ Findings []report.Finding }
			require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
			assert.Equal(t, map[bool]int{true: OK, false: Found}[u.Verdict == "safe"], code, got.Findings)
			if u.Rule == "" {
				assert.Empty(t, got.Findings)
				return
			}
			require.NotEmpty(t, got.Findings)
			said := false
			for _, f := range got.Findings {
				said = said || f.Rule == u.Rule && strings.Contains(f.Message, u.Says) && (u.Path == "" || f.Path == u.Path)
				assert.NotContains(t, f.Hint, "{claim}")
				assert.NotContains(t, f.Hint, "{volume}")
			}
			assert.True(t, said, "%v", got.Findings)
		})
	}
}

// TestDiffInputs holds that values that are wrong by themselves are reported as such, and that what cannot be read says so.
func TestDiffInputs(t *testing.T) {
	good, bad := file(t, "good.yaml", "hostPath: {path: /mnt, sharedMount: true}\n"), file(t, "bad.yaml", "size: 10\n")
	code, out, _ := ckptctl("diff", "--from", good, "--to", bad)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "schema/type")
	code, out, _ = ckptctl("diff", "--from", bad, "--to", good)
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "bad.yaml")
	code, out, _ = ckptctl("diff", "--from", good, "--to", good)
	assert.Equal(t, OK, code)
	assert.Equal(t, "ok: checkpoints: the upgrade goes through, and the data stays where it is\n", out)
	code, out, _ = ckptctl("diff", "-n", "training", "--release", "train", "--from", good, "--to", good, "--set", "size=20Gi")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "--set size=20Gi: error E11: size: claim train is static and has no class, and Kubernetes refuses to resize it from 10Gi to 20Gi.")
	assert.Contains(t, out, "fix: leave size=10Gi")
	code, _, errs := ckptctl("diff", "--to", good, "--kubeconfig", file(t, "kubeconfig", "nothing"))
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "error: ")
}
