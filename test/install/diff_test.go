package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// upgradeCase is an upgrade and the expected verdict of `ckptctl diff`.
type upgradeCase struct {
	Title, Verdict string
	From, To       map[string]any
	// Unbound, Alone and Unproven are explained in the file.
	Pod, Unbound, Alone bool
	Unproven            string
}

// TestDiff proves the verdicts of `ckptctl diff`: an accepted upgrade goes through and keeps every claim on its volume, and
// a refused one is refused by the API server or loses a binding.
func TestDiff(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(charts.Root(), "tools", "ckptctl", "internal", "cli", "testdata", "upgrades.yaml"))
	require.NoError(t, err)
	var cases []upgradeCase
	require.NoError(t, yaml.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	// Not t.TempDir of a subtest: its path contains the title, and Helm splits file names at commas.
	dir := t.TempDir()
	for i, c := range cases {
		if c.Unproven != "" {
			t.Logf("not held by the cluster: %s: %s", c.Title, c.Unproven)
			continue
		}
		t.Run(c.Title, func(t *testing.T) {
			t.Parallel()
			proveUpgrade(t, c, fmt.Sprintf("diff-%02d", i), dir)
		})
	}
}

func proveUpgrade(t *testing.T, c upgradeCase, ns, dir string) {
	s := newStore(t, ns, "baseline")
	t.Cleanup(s.removeClasses)
	s.removeClasses()
	write := func(name string, values map[string]any) string {
		text, err := yaml.Marshal(values)
		require.NoError(t, err)
		file := filepath.Join(dir, ns+"-"+name)
		require.NoError(t, os.WriteFile(file, text, 0o600))
		return file
	}
	from, to := write("from.yaml", c.From), write("to.yaml", c.To)
	fresh := []string{from, to}
	if c.Alone {
		fresh = fresh[1:]
	}
	s.options.ValuesFiles = []string{from}
	s.install()
	if c.Pod {
		s.start(s.pod("holder", "echo ready && sleep 3600"), "ready")
	}
	if other, ok := c.To["namespaceOverride"].(string); ok {
		newStore(t, other, "baseline")
	}
	before := s.claimsThat(!c.Unbound)
	require.NotEmpty(t, before)

	// The verdict is the same for the old values and for the live release.
	allowed := map[string]bool{}
	next := check.Side{Inputs: check.Inputs{Files: fresh}, Chart: os.DirFS(charts.Chart()), Place: charts.Chart()}
	for side, old := range map[string]check.Side{"files": {Inputs: check.Inputs{Files: []string{from}}}, "live": {}} {
		findings, err := check.Diff(t.Context(), check.Helm3, old, next,
			check.Release{Name: release, Namespace: ns}, check.Connection{Kubeconfig: s.cluster.Kubeconfig()})
		require.NoError(t, err)
		allowed[side] = true
		for _, f := range findings {
			allowed[side] = allowed[side] && f.Severity != "error"
		}
	}
	assert.Equal(t, map[string]bool{"files": c.Verdict == "safe", "live": c.Verdict == "safe"}, allowed)

	out, err := s.tryHelm("upgrade", release, charts.Chart(), "--values", strings.Join(fresh, ","))
	switch c.Verdict {
	case "refused":
		require.Error(t, err, "Helm took it: %s", out)
	case "loses":
		require.NoError(t, err, out)
		require.Eventually(t, func() bool { return s.loses(before) }, patience, interval, "nothing is lost")
	default:
		require.NoError(t, err, out)
		for name, uid := range before {
			assert.Equal(t, uid, s.claimUID(name), "claim %s is another", name)
		}
		s.claimsThat(!c.Unbound)
	}
}

// boundClaims waits until every claim of the namespace is Bound and returns their uids by name.
func (s *store) boundClaims() map[string]types.UID { return s.claimsThat(true) }

// claimsThat are the same, as they are or when they are Bound.
func (s *store) claimsThat(areBound bool) map[string]types.UID {
	s.t.Helper()
	found := map[string]types.UID{}
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		claims, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).List(s.t.Context(), metav1.ListOptions{})
		if !assert.NoError(c, err) {
			return
		}
		for _, claim := range claims.Items {
			assert.True(c, !areBound || claim.Status.Phase == corev1.ClaimBound, "%s is %s", claim.Name, claim.Status.Phase)
			found[claim.Name] = claim.UID
		}
	}, patience, interval)
	return found
}

// loses reports whether a claim is deleted or Lost, its volume is being deleted, or its replacement has no volume or other
// storage.
func (s *store) loses(before map[string]types.UID) bool {
	claims, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).List(s.t.Context(), metav1.ListOptions{})
	if err != nil {
		return false
	}
	there, places := map[string]bool{}, map[string]bool{}
	for _, claim := range claims.Items {
		volume, err := s.client.CoreV1().PersistentVolumes().Get(s.t.Context(), claim.Spec.VolumeName, metav1.GetOptions{})
		if err == nil && volume.Spec.HostPath != nil {
			places[volume.Spec.HostPath.Path] = true
		}
		if claim.DeletionTimestamp == nil && claim.Status.Phase != corev1.ClaimLost && (err != nil || volume.DeletionTimestamp == nil) {
			there[claim.Name] = true
		}
		if _, old := before[claim.Name]; !old && claim.Status.Phase != corev1.ClaimBound && time.Since(claim.CreationTimestamp.Time) > 10*time.Second {
			return true
		}
	}
	for name := range before {
		if !there[name] {
			return true
		}
	}
	return len(claims.Items) > len(before) && len(places) > len(before)
}

// removeClasses deletes the classes that the chart created for the namespace.
func (s *store) removeClasses() {
	ctx := cleanup(s.t)
	classes, err := s.client.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	require.NoError(s.t, err)
	for _, class := range classes.Items {
		if strings.HasPrefix(class.Name, s.ns+".") {
			require.NoError(s.t, s.client.StorageV1().StorageClasses().Delete(ctx, class.Name, metav1.DeleteOptions{}))
		}
	}
}
