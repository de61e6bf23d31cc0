package install

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func claimDeleted(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.deleteClaim()
	volume := l.volumeName(release)
	l.saw("the volume is %s", l.volumeBecomes(volume, corev1.VolumeReleased))
	l.upgrade()
	l.saw("an upgrade creates a claim of the same name, which stays %s: %q",
		l.claimBecomes(release, corev1.ClaimPending), l.hears(release, "already bound to a different claim"))
	l.asNotesSay("The volume is Released")
	l.bound(release)
	l.kept(release)
	l.saw("fix, as in the notes: clear `spec.claimRef.uid` of the volume; the claim binds")
	return "repaired"
}

func volumeDeleted(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	volume := l.volumeName(release)
	require.NoError(l.t, l.client.CoreV1().PersistentVolumes().Delete(l.t.Context(), volume, metav1.DeleteOptions{}))
	require.NotNil(l.t, l.volume(volume).DeletionTimestamp)
	l.kept(release)
	l.saw("its finalizer holds it: Terminating, the claim %s, pods can still mount it; a deletion cannot be undone", l.stays(release, corev1.ClaimBound))
	l.deleteClaim()
	l.volumeGone(volume)
	l.upgrade("--wait", "--timeout", "60s")
	l.bound(release)
	l.kept(release)
	l.saw("fix: stop the pods, delete the claim too, upgrade: both are recreated, Bound to the same directory")
	return "repaired"
}

func volumeStripped(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	volume := l.volumeName(release)
	require.NoError(l.t, l.client.CoreV1().PersistentVolumes().Delete(l.t.Context(), volume, metav1.DeleteOptions{}))
	l.patchVolume(volume, map[string]any{"metadata": map[string]any{"finalizers": nil}})
	l.volumeGone(volume)
	l.saw("the claim is %s: %q", l.claimBecomes(release, corev1.ClaimLost), l.hears(release, "Bound claim has lost its PersistentVolume"))
	before := l.claimUID(release)
	l.upgrade()
	l.saw("an upgrade recreates the volume, %s; the claim stays %s", l.volumeBecomes(volume, corev1.VolumeAvailable), l.stays(release, corev1.ClaimLost))
	l.asNotesSay("The claim is Lost")
	claim, _ := l.bound(release)
	assert.Equal(l.t, before, claim.UID)
	l.kept(release)
	l.saw("fix, as in the notes: set `spec.claimRef.uid` of the volume to the uid of the claim; the same claim is Bound")
	return "repaired"
}
