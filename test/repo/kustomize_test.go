package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/charts"
)

// TestDocumentedKustomization checks that Kustomize makes of the documented kustomization a volume and a claim that bind to each
// other, and no Job.
func TestDocumentedKustomization(t *testing.T) {
	shown := pageOf(t, "charts/checkpoint-storage/docs/gitops.md").blocks
	i := slices.IndexFunc(shown, func(b block) bool { return strings.HasPrefix(b.text, "apiVersion: kustomize") })
	require.GreaterOrEqual(t, i, 0)

	volume, claim := kustomized(t, shown[i].text)
	assert.Equal(t, claim.Namespace, volume.Spec.ClaimRef.Namespace)
	assert.Equal(t, volume.Name, claim.Spec.VolumeName)
	assert.Equal(t, "train.checkpoints", volume.Name)
}

// kustomized is what Kustomize makes of a kustomization beside the charts.
func kustomized(t *testing.T, kustomization string) (volume corev1.PersistentVolume, claim corev1.PersistentVolumeClaim) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "charts", "checkpoint-storage"), os.DirFS(charts.Chart())))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600))
	out, err := exec.Command("kubectl", "kustomize", "--enable-helm", dir).Output()
	require.NoError(t, err, "kubectl kustomize: %v", err)
	for _, document := range strings.Split(string(out), "\n---\n") {
		var is struct{ Kind string }
		require.NoError(t, yaml.Unmarshal([]byte(document), &is))
		switch is.Kind {
		case "PersistentVolume":
			require.NoError(t, yaml.Unmarshal([]byte(document), &volume))
		case "PersistentVolumeClaim":
			require.NoError(t, yaml.Unmarshal([]byte(document), &claim))
		default:
			assert.Equal(t, "ConfigMap", is.Kind)
		}
	}
	require.NotEmpty(t, volume.Name)
	require.NotEmpty(t, claim.Name)
	return volume, claim
}
