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

// lost deletes claim and volume, as a cluster that is lost does, and returns both as a backup has them: with the fields that the
// API server refuses in a new object taken out, as every backup tool does.
func (l *lifecycleStore) lost() (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	l.t.Helper()
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	claim, volume := l.bound(release)
	l.deleteClaim()
	require.NoError(l.t, l.client.CoreV1().PersistentVolumes().Delete(l.t.Context(), volume.Name, metav1.DeleteOptions{}))
	l.volumeGone(volume.Name)
	claim, volume = claim.DeepCopy(), volume.DeepCopy()
	for _, meta := range []*metav1.ObjectMeta{&claim.ObjectMeta, &volume.ObjectMeta} {
		*meta = metav1.ObjectMeta{Name: meta.Name, Namespace: meta.Namespace, Labels: meta.Labels, Annotations: meta.Annotations}
	}
	return claim, volume
}

// restored creates volume and claim, in the order of backup tools.
func (l *lifecycleStore) restored(claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume) {
	l.t.Helper()
	_, err := l.client.CoreV1().PersistentVolumes().Create(l.t.Context(), volume, metav1.CreateOptions{})
	require.NoError(l.t, err)
	_, err = l.client.CoreV1().PersistentVolumeClaims(l.ns).Create(l.t.Context(), claim, metav1.CreateOptions{})
	require.NoError(l.t, err)
}

// unbound takes out what says that a binding is complete: annotations, and uid and resource version of the claimRef.
func unbound(claim *corev1.PersistentVolumeClaim, volume *corev1.PersistentVolume) {
	for _, annotations := range []map[string]string{claim.Annotations, volume.Annotations} {
		delete(annotations, "pv.kubernetes.io/bind-completed")
		delete(annotations, "pv.kubernetes.io/bound-by-controller")
	}
	volume.Spec.ClaimRef.UID, volume.Spec.ClaimRef.ResourceVersion = "", ""
}

func backupDropsBinding(l *lifecycleStore) string {
	claim, volume := l.lost()
	unbound(claim, volume)
	l.restored(claim, volume)
	l.bound(release)
	l.kept(release)
	l.upgrade()
	l.bound(release)
	l.saw("the claim, which has a new uid, is Bound to the same directory; an upgrade goes through")
	return "bound"
}

func backupKeepsBinding(l *lifecycleStore) string {
	claim, volume := l.lost()
	l.restored(claim, volume)
	l.saw("the claim is %s: %q", l.claimBecomes(release, corev1.ClaimLost), l.hears(release, "Two claims are bound to the same volume"))
	l.asNotesSay("The claim is Lost")
	l.bound(release)
	l.kept(release)
	l.saw("fix, as in the notes: set `spec.claimRef.uid` of the volume to the uid of the claim; the claim is Bound to the same directory")
	return "repaired"
}

func backupKeepsUID(l *lifecycleStore) string {
	claim, volume := l.lost()
	uid := volume.Spec.ClaimRef.UID
	unbound(claim, volume)
	volume.Spec.ClaimRef.UID = uid
	l.restored(claim, volume)
	l.saw("the volume is %s, the claim %s: %q", l.volumeBecomes(volume.Name, corev1.VolumeReleased), l.claimBecomes(release, corev1.ClaimPending),
		l.hears(release, "already bound to a different claim"))
	l.asNotesSay("The volume is Released")
	l.bound(release)
	l.kept(release)
	l.saw("fix, as in the notes: clear `spec.claimRef.uid` of the volume; the claim is Bound to the same directory")
	return "repaired"
}
