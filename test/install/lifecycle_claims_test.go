package install

import (
	"encoding/json"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func decoys(l *lifecycleStore) string {
	volume := l.volumeName(release)
	// The class keeps volumes of other tests from matching.
	class := l.ns + "-only"
	l.use(l.local("data") + "storageClassName: " + class + "\n")
	l.makeClaim("any", class, "")
	l.makeClaim("named", class, volume)
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.saw("a matching claim stays %s, before the volume is bound and while it is", l.stays("any", corev1.ClaimPending))
	l.saw("so does one that names the volume: %s", l.stays("named", corev1.ClaimPending))
	l.deleteClaim()
	l.volumeBecomes(volume, corev1.VolumeReleased)
	l.release(volume)
	l.volumeBecomes(volume, corev1.VolumeAvailable)
	l.stays("any", corev1.ClaimPending)
	l.stays("named", corev1.ClaimPending)
	l.saw("and also when the volume is Available again, because it is reserved for the release's claim")
	l.upgrade("--wait", "--timeout", "60s")
	l.bound(release)
	l.kept(release)
	return "kept"
}

func sameStorage(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	second := []string{"second", charts.Chart(), "--values", l.options.ValuesFiles[0], "--set", "keep=false", "--wait", "--timeout", "60s"}
	l.helm("install", second...)
	l.bound("second")
	l.saved["second"] = l.saved[release]
	l.kept("second")
	l.saw("Kubernetes does not compare volumes: both are Bound, each has its own volume, and both see the same bytes")
	l.helm("uninstall", "second", "--wait")
	l.volumeGone(l.volumeName("second"))
	assert.Equal(l.t, before, l.pair(release))
	l.kept(release)
	l.saw("uninstalling the second does not affect the first")
	return "shared"
}

// byHand creates a volume and a claim without the chart, saves on it, and returns the claim.
func (l *lifecycleStore) byHand() *corev1.PersistentVolumeClaim {
	l.t.Helper()
	l.makeVolume(l.volumeName(release), "", release)
	l.makeClaim(release, "", l.volumeName(release))
	claim, _ := l.bound(release)
	l.save(release)
	return claim
}

func adoptedByFlag(l *lifecycleStore) string {
	before := l.byHand()
	out, err := l.tryInstall()
	l.refused(out, err, "invalid ownership metadata")
	l.saw("without the flag Helm refuses: %q", "invalid ownership metadata")
	l.install("--take-ownership", "--wait", "--timeout", "60s")
	l.adopted(before)
	l.saw("with it the same claim, by its uid, is the release's")
	l.helm("uninstall", release, "--wait")
	assert.Equal(l.t, before.UID, l.claimUID(release))
	l.stays(release, corev1.ClaimBound)
	l.kept(release)
	l.saw("undo: uninstall; claim and volume stay, %s, and belong to no release", corev1.ClaimBound)
	return "adopted"
}

func adoptedByLabels(l *lifecycleStore) string {
	before := l.byHand()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels":      map[string]string{"app.kubernetes.io/managed-by": "Helm"},
		"annotations": map[string]string{"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": l.ns},
	}})
	require.NoError(l.t, err)
	_, err = l.client.CoreV1().PersistentVolumeClaims(l.ns).Patch(l.t.Context(), release, types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(l.t, err)
	_, err = l.client.CoreV1().PersistentVolumes().Patch(l.t.Context(), l.volumeName(release), types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(l.t, err)
	l.install("--wait", "--timeout", "60s")
	l.adopted(before)
	l.saw("the same claim, by its uid, is the release's")
	return "adopted"
}

// adopted checks that the pair is the one that was created by hand, and that the chart now manages it.
func (l *lifecycleStore) adopted(before *corev1.PersistentVolumeClaim) {
	l.t.Helper()
	claim, volume := l.bound(release)
	assert.Equal(l.t, before.UID, claim.UID)
	assert.Equal(l.t, l.volumeName(release), volume.Name)
	for _, annotations := range []map[string]string{claim.Annotations, volume.Annotations} {
		assert.Equal(l.t, "keep", annotations["helm.sh/resource-policy"])
		assert.Equal(l.t, release, annotations["meta.helm.sh/release-name"])
	}
	l.kept(release)
	l.upgrade("--set", "claim.labels.team=a")
	assert.Equal(l.t, "a", l.claim(release).Labels["team"])
	l.kept(release)
}
