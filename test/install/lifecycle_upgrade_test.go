package install

import (
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// forced replaces both objects whole, and with them what only the binding knows.
func forced(l *life) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	set := []string{l.flag("--force"), "--set", "claim.labels.team=a"}
	if out, err := l.insist(set...); err != nil {
		words := "cannot use server-side apply and force replace together"
		l.refused(out, err, words)
		require.Equal(l.t, before, l.pair(release))
		l.saw("Helm refuses (%q) and nothing has changed; what follows is with `--server-side=false`", words)
		out, err = l.insist(append(set, "--server-side=false")...)
		require.NoError(l.t, err, out)
	}
	// Between the two writes a claim that is bound has a volume that does not know it, which the controller takes for good.
	lost := func() bool { return l.claim(release).Status.Phase == corev1.ClaimLost }
	again := l.until(patience, func() bool { return l.volume(l.volumeName(release)).Spec.ClaimRef.UID == before.Claim || lost() })
	require.True(l.t, again, "claim and volume do not find each other: %s", l.events(release))
	if lost() {
		l.asNotesSay("The claim is Lost")
	}
	claim, volume := l.bound(release)
	assert.Equal(l.t, before.Claim, claim.UID)
	assert.Equal(l.t, before.Volume, volume.UID)
	assert.Equal(l.t, "a", claim.Labels["team"])
	l.kept(release)
	l.saw("both lose what the binding had written, and find each other again, because each names the other; a claim that the controller looked at in between stays Lost until it is put right as the notes say: the same claim, Bound. Do not count on it while pods run")
	return "bound again"
}

// insist upgrades, and again where Helm says to try again: once the volume is replaced, the controller may write to the
// claim before Helm does.
func (l *life) insist(args ...string) (out string, err error) {
	l.t.Helper()
	l.until(patience, func() bool {
		out, err = l.tryUpgrade(args...)
		return err == nil || !strings.Contains(out, "please apply your changes to the latest version and try again")
	})
	return out, err
}

// forcedDynamic replaces a claim by one that no longer names the volume that was made for it.
func forcedDynamic(l *life) string {
	class := l.makeClass("made", false)
	l.makeVolume(l.ns+"-made", class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	set := []string{l.flag("--force"), "--set", "claim.labels.team=a"}
	if l.program == "helm4" {
		set = append(set, "--server-side=false")
	}
	out, err := l.tryUpgrade(set...)
	l.refused(out, err, "spec is immutable")
	require.Equal(l.t, before, l.pair(release))
	l.kept(release)
	l.upgrade("--set", "claim.labels.team=a")
	assert.Equal(l.t, before.Claim, l.claimUID(release))
	l.kept(release)
	l.saw("the API refuses (%q), because the values do not name the volume; nothing has changed; way out: upgrade without the flag", "spec is immutable")
	return "refused"
}

func atomicUpgrade(l *life) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	out, err := l.tryUpgrade(l.flag("--atomic"), "--wait-for-jobs", "--timeout", "8s", "--set-json", failing, "--set", "claim.labels.team=a,volume.labels.team=a")
	require.Error(l.t, err, out)
	assert.Equal(l.t, before, l.pair(release))
	jobs, err := l.client.BatchV1().Jobs(l.ns).List(l.t.Context(), metav1.ListOptions{})
	require.NoError(l.t, err)
	assert.Empty(l.t, jobs.Items, "what the failed upgrade made is still there")
	l.kept(release)
	l.saw("Helm rolls back: the same claim on the same volume, labels and all")
	return "taken back"
}

// rollbackOverExpansion plays the driver's resizer: what it reports in the end is that there is more room.
func rollbackOverExpansion(l *life) string {
	class := l.makeClass("grows", true)
	volume := l.ns + "-made"
	l.makeVolume(volume, class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	l.install("--wait", "--timeout", "60s")
	before := l.pair(release)
	l.save(release)

	l.upgrade("--set", "size=2Gi")
	assert.Equal(l.t, "2Gi", l.claim(release).Spec.Resources.Requests.Storage().String())
	l.patchVolume(volume, map[string]any{"spec": map[string]any{"capacity": map[string]any{"storage": "2Gi"}}})
	_, err := l.client.CoreV1().PersistentVolumeClaims(l.ns).Patch(l.t.Context(), release, types.MergePatchType,
		[]byte(`{"status":{"capacity":{"storage":"2Gi"}}}`), metav1.PatchOptions{}, "status")
	require.NoError(l.t, err)
	l.saw("the upgrade goes through, the same claim")
	assert.Equal(l.t, before.Claim, l.claimUID(release))
	grown := l.pair(release)

	out, err := l.tryHelm("rollback", release, "1")
	l.refused(out, err, "can not be less than status.capacity")
	assert.Equal(l.t, grown, l.pair(release))
	l.kept(release)
	l.saw("the rollback is refused by the API (%q), the claim keeps its 2Gi", "can not be less than status.capacity")
	l.upgrade("--set", "size=2Gi")
	assert.Equal(l.t, grown, l.pair(release))
	l.kept(release)
	l.saw("way out: upgrade with the size that the claim has now, and all else as it was")
	return "refused"
}

// grownByHand is a claim that somebody has made larger in a hurry, and the values know nothing of it. It plays the driver's
// resizer, as above.
func grownByHand(l *life) string {
	class := l.makeClass("grows", true)
	volume := l.ns + "-made"
	l.makeVolume(volume, class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	l.install("--wait", "--timeout", "60s")
	before := l.pair(release)
	l.save(release)
	_, err := l.client.CoreV1().PersistentVolumeClaims(l.ns).Patch(l.t.Context(), release, types.MergePatchType,
		[]byte(`{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(l.t, err)
	l.patchVolume(volume, map[string]any{"spec": map[string]any{"capacity": map[string]any{"storage": "2Gi"}}})
	_, err = l.client.CoreV1().PersistentVolumeClaims(l.ns).Patch(l.t.Context(), release, types.MergePatchType,
		[]byte(`{"status":{"capacity":{"storage":"2Gi"}}}`), metav1.PatchOptions{}, "status")
	require.NoError(l.t, err)

	asked := func() string { return l.claim(release).Spec.Resources.Requests.Storage().String() }
	words := "can not be less than status.capacity"
	if l.program == "helm4" {
		words = "conflict"
	}
	out, err := l.tryUpgrade("--set", "claim.labels.team=a")
	l.refused(out, err, words)
	assert.Equal(l.t, "2Gi", asked())
	l.saw("an upgrade with the old size is refused (%q), the claim keeps its 2Gi", words)
	if l.program == "helm4" {
		out, err = l.tryUpgrade("--set", "claim.labels.team=a", "--force-conflicts")
		l.refused(out, err, "can not be less than status.capacity")
		l.saw("with `--force-conflicts` too (%q)", "can not be less than status.capacity")
	}

	l.upgrade("--set", "size=2Gi,claim.labels.team=a")
	assert.Equal(l.t, "2Gi", asked())
	assert.Equal(l.t, "a", l.claim(release).Labels["team"])
	assert.Equal(l.t, before.Claim, l.claimUID(release))
	l.kept(release)
	l.saw("way out: `size: 2Gi` in the values, which is what the claim asks for now (`kubectl get pvc -o jsonpath='{.items[*].spec.resources.requests.storage}'`)")
	out, err = l.tryUpgrade("--set", "size=3Gi,claim.labels.team=a")
	if err != nil {
		require.Contains(l.t, out, "conflict")
		l.upgrade("--set", "size=3Gi,claim.labels.team=a", "--force-conflicts")
		l.saw("to grow it further by values takes `--force-conflicts` once, because the size is still the hand's")
	} else {
		l.saw("values grow it further from there")
	}
	assert.Equal(l.t, "3Gi", asked())
	l.kept(release)
	return "refused"
}

func upgradedGently(l *life) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	l.upgrade("--set", "claim.labels.team=a,claim.annotations.on=b,volume.labels.team=a", "--set-json", `mountOptions=["noatime"]`, "--set", "size=1024Mi", "--wait", "--timeout", "60s")
	claim, volume := l.bound(release)
	assert.Equal(l.t, before.Claim, claim.UID)
	assert.Equal(l.t, before.Volume, volume.UID)
	assert.Equal(l.t, "a", claim.Labels["team"])
	assert.Equal(l.t, "b", claim.Annotations["on"])
	assert.Equal(l.t, "a", volume.Labels["team"])
	assert.Equal(l.t, []string{"noatime"}, volume.Spec.MountOptions)
	l.kept(release)
	l.helm("rollback", release, "1")
	assert.Equal(l.t, before, l.pair(release))
	l.kept(release)
	l.saw("goes through, and so does the rollback; the same claim on the same volume")
	return "goes through"
}

// policyByHand is a volume whose data the cluster would delete with its claim, and the release knows nothing of it.
func policyByHand(l *life) string {
	l.installToDelete()
	out, err := l.tryUpgrade("--set", "claim.labels.team=a")
	if err != nil {
		require.Contains(l.t, out, "conflict")
		l.saw("the upgrade is refused: a conflict over `spec.persistentVolumeReclaimPolicy`; way out: `--force-conflicts`")
		l.upgrade("--set", "claim.labels.team=a", "--force-conflicts")
	}
	l.retains()
	l.saw("the upgrade sets it back to Retain")
	if l.program == "helm4" {
		older := newLife(l.t, l.cluster, l.ns+"-b")
		older.program = "helm"
		older.installToDelete()
		older.program = l.program
		older.upgrade("--set", "claim.labels.team=a")
		older.retains()
		l.saw("where Helm 3 installed the release, the upgrade is not refused, and sets it back as well")
	}
	return "set back"
}

// installToDelete installs a store, saves on it, and has its volume go with its claim.
func (l *life) installToDelete() {
	l.t.Helper()
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.patchVolume(l.volumeName(release), map[string]any{"spec": map[string]any{"persistentVolumeReclaimPolicy": "Delete"}})
}

// retains holds that the volume outlives its claim again, and has what was saved.
func (l *life) retains() {
	l.t.Helper()
	require.Equal(l.t, corev1.PersistentVolumeReclaimRetain, l.volume(l.volumeName(release)).Spec.PersistentVolumeReclaimPolicy)
	l.bound(release)
	l.kept(release)
}
