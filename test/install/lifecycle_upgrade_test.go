package install

import (
	"strings"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// forced replaces both objects, and with them the fields that the binding has set.
func forced(l *lifecycleStore) string {
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
	// Between the two writes, the bound claim's volume has no uid, so the controller may mark the claim Lost.
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
	l.saw("both lose the fields that the binding has set, and bind again, because each names the other; a claim that the controller sees in between stays Lost until it is repaired as in the notes: the same claim, Bound. Do not do this while pods run")
	return "bound again"
}

// insist upgrades, and retries if Helm says so: once the volume is replaced, the controller may write to the claim before
// Helm does.
func (l *lifecycleStore) insist(args ...string) (out string, err error) {
	l.t.Helper()
	l.until(patience, func() bool {
		out, err = l.tryUpgrade(args...)
		return err == nil || !strings.Contains(out, "please apply your changes to the latest version and try again")
	})
	return out, err
}

// forcedDynamic replaces a claim by one that does not name its provisioned volume.
func forcedDynamic(l *lifecycleStore) string {
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
	l.saw("the API refuses (%q), because the values do not name the volume; nothing has changed; fix: upgrade without the flag", "spec is immutable")
	return "refused"
}

func atomicUpgrade(l *lifecycleStore) string {
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
	return "undone"
}

// rollbackOverExpansion simulates the driver's resizer, which reports the new capacity.
func rollbackOverExpansion(l *lifecycleStore) string {
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
	l.saw("fix: upgrade with the claim's current size and otherwise the old values")
	return "refused"
}

// grownByHand expands a claim with kubectl while the values have the old size. It simulates the driver's resizer.
func grownByHand(l *lifecycleStore) string {
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
	l.saw("fix: `size: 2Gi` in the values, which is what the claim requests now (`kubectl get pvc -o jsonpath='{.items[*].spec.resources.requests.storage}'`)")
	out, err = l.tryUpgrade("--set", "size=3Gi,claim.labels.team=a")
	if err != nil {
		require.Contains(l.t, out, "conflict")
		l.upgrade("--set", "size=3Gi,claim.labels.team=a", "--force-conflicts")
		l.saw("to expand it further by values needs `--force-conflicts` once, because `kubectl edit` still owns the size")
	} else {
		l.saw("the values can then expand it further")
	}
	assert.Equal(l.t, "3Gi", asked())
	l.kept(release)
	return "refused"
}

func upgradedGently(l *lifecycleStore) string {
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

// upgradedRelease installs the package of the last release and upgrades it, with the same values.
func upgradedRelease(l *lifecycleStore) string {
	l.helm("install", release, charts.Released(l.t), "--values", l.options.ValuesFiles[0], "--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	l.upgrade("--wait", "--timeout", "60s")
	after := l.pair(release)
	for i := range after.Labels {
		delete(before.Labels[i], "helm.sh/chart")
		delete(after.Labels[i], "helm.sh/chart")
	}
	assert.Equal(l.t, before, after)
	l.kept(release)
	l.helm("rollback", release, "1")
	l.kept(release)
	l.saw("goes through, and so does the rollback; the same claim on the same volume, unchanged but for the label `helm.sh/chart`")
	return "goes through"
}

func upgradedReleaseDynamic(l *lifecycleStore) string {
	class := l.makeClass("made", false)
	l.makeVolume(l.ns+"-made", class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	return upgradedRelease(l)
}

// policyByHand sets the volume's reclaim policy to Delete without the release's values.
func policyByHand(l *lifecycleStore) string {
	l.installToDelete()
	out, err := l.tryUpgrade("--set", "claim.labels.team=a")
	if err != nil {
		require.Contains(l.t, out, "conflict")
		l.saw("the upgrade is refused: a conflict over `spec.persistentVolumeReclaimPolicy`; fix: `--force-conflicts`")
		l.upgrade("--set", "claim.labels.team=a", "--force-conflicts")
	}
	l.retains()
	l.saw("the upgrade sets it back to Retain")
	if l.program == "helm4" {
		older := newLifecycleStore(l.t, l.cluster, l.ns+"-b")
		older.program = "helm"
		older.installToDelete()
		older.program = l.program
		older.upgrade("--set", "claim.labels.team=a")
		older.retains()
		l.saw("where Helm 3 installed the release, the upgrade is not refused, and sets it back as well")
	}
	return "set back"
}

// installToDelete installs a store, saves on it, and sets the volume's reclaim policy to Delete.
func (l *lifecycleStore) installToDelete() {
	l.t.Helper()
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.patchVolume(l.volumeName(release), map[string]any{"spec": map[string]any{"persistentVolumeReclaimPolicy": "Delete"}})
}

// retains checks that the volume has the policy Retain again, and still has what was saved.
func (l *lifecycleStore) retains() {
	l.t.Helper()
	require.Equal(l.t, corev1.PersistentVolumeReclaimRetain, l.volume(l.volumeName(release)).Spec.PersistentVolumeReclaimPolicy)
	l.bound(release)
	l.kept(release)
}
