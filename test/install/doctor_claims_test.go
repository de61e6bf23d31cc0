package install

import (
	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// pairByHand creates a volume and a claim without the chart, changed as given.
func pairByHand(change func(*corev1.PersistentVolume, *corev1.PersistentVolumeClaim)) func(*brokenStore) {
	return func(b *brokenStore) { b.byOthers(change) }
}

// claimScenarios are claims that are not bound, or bound to the wrong volume.
var claimScenarios = []scenario{
	{
		title: "the claim is deleted and not recreated",
		breaks: func(b *brokenStore) {
			b.static()
			b.deleteClaim()
		},
		id: "claim-deleted", says: []string{"the claim was deleted", "volume $NS.checkpoints is Released", "the data is still there"},
		safe: true, mended: readsBack,
	},
	{
		title: "the claim is deleted and installed again: the volume is Released",
		breaks: func(b *brokenStore) {
			b.static()
			b.deleteClaim()
			b.helm("upgrade", release, charts.Chart(), "--reuse-values")
			b.train("trainer", nil)
		},
		id: "volume-released", says: []string{"volume $NS.checkpoints is Released", "an earlier claim of the same name", "still there"},
		safe: true, mended: readsBack,
	},
	{
		title: "the volume is deleted: the claim is Lost",
		breaks: func(b *brokenStore) {
			b.static()
			b.deleteVolume()
		},
		id: "volume-deleted", says: []string{"PersistentVolume $NS.checkpoints was deleted", "Lost", "The data is still there"},
		mended: readsBack,
	},
	{
		title: "the volume is deleted and installed again: the claim stays Lost",
		breaks: func(b *brokenStore) {
			b.static()
			b.deleteVolume()
			b.helm("upgrade", release, charts.Chart(), "--reuse-values")
		},
		id: "volume-misbound", says: []string{"Lost", "no longer has the uid of this claim"},
		safe: true, mended: readsBack,
	},
	{
		title: "the claim is being deleted while a pod uses it",
		breaks: func(b *brokenStore) {
			b.static()
			b.start(b.pod("trainer", nil, "echo ready; sleep 3600"), "ready")
			b.kubectl("delete pvc " + release + " --wait=false")
		},
		id: "claim-terminating", says: []string{"the claim is being deleted", "trainer", "cannot be undone"},
		// Its last command is doctor itself, which says what to do next.
		repair: func(b *brokenStore) { b.follow(scenario{}, b.diagnosed("claim-deleted")) },
		mended: readsBack,
	},
	{
		title: "the volume is being deleted under its claim",
		breaks: func(b *brokenStore) {
			b.static()
			b.kubectl("delete pv " + b.ns + "." + release + " --wait=false")
		},
		id: "volume-terminating", says: []string{"volume $NS.checkpoints is being deleted", "kubernetes.io/pv-protection"},
		mended: readsBack,
	},
	{
		title:  "the claim of an existing store does not exist",
		breaks: (*brokenStore).publish,
		id:     "claim-missing", says: []string{"publishes a claim that does not exist"},
		at: "create the claim, or name another", meanwhile: func(b *brokenStore) { b.claimOfOthers("others") },
		words: func(*brokenStore) map[string]string { return map[string]string{"NAME": "others"} }, mended: (*brokenStore).healthy,
	},
	{
		title: "the claim names a volume that does not exist",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.VolumeName += "-typo"
		}),
		id: "volume-missing", says: []string{"the claim requests volume $NS.by-hand-typo, which does not exist"},
	},
	{
		title: "claim and volume are of different classes",
		breaks: pairByHand(func(volume *corev1.PersistentVolume, _ *corev1.PersistentVolumeClaim) {
			volume.Spec.StorageClassName = "fast"
		}),
		id: "class-mismatch", says: []string{`the claim has storage class ""`, `has "fast"`}, mended: readsBack,
	},
	{
		title: "the claim is larger than the volume",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
		}),
		id: "volume-too-small", says: []string{"the claim requests 2Gi", "a capacity of 1Gi"}, mended: readsBack,
	},
	{
		title: "the volume does not offer the claim's access mode",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		}),
		id: "access-mode-mismatch", says: []string{"requests ReadWriteMany", "offers ReadWriteOnce"}, mended: readsBack,
	},
	{
		title: "the claim requests a block device and the volume is a file system",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
		}),
		id: "volume-mode-mismatch", says: []string{"volumeMode is Block", "is Filesystem"},
		repair: func(b *brokenStore) {
			_, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), b.claim(release, b.ns+".by-hand"), create)
			require.NoError(b.t, err)
		},
		mended: readsBack,
	},
	{
		title: "another claim has taken the volume",
		breaks: func(b *brokenStore) {
			b.byOthers(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
				// The other claim comes first.
				claim.Name = "decoy"
			})
			b.bound("decoy")
			_, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), b.claim(release, b.ns+".by-hand"), create)
			require.NoError(b.t, err)
		},
		id: "volume-taken", says: []string{"is reserved for claim $NS/decoy", "Only a claimRef"}, mended: readsBack,
	},
	{
		title: "the claim is bound to another volume than the release's",
		breaks: func(b *brokenStore) {
			b.static()
			b.deleteClaim()
			_, err := b.client.CoreV1().PersistentVolumes().Create(b.t.Context(), b.volume("stranger"), create)
			require.NoError(b.t, err)
			_, err = b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), b.claim(release, b.ns+".stranger"), create)
			require.NoError(b.t, err)
			b.bound(release)
		},
		id: "bound-elsewhere", says: []string{"bound to volume $NS.stranger", "the release's volume $NS.checkpoints"}, mended: readsBack,
	},
	{
		title: "no class and no matching volume",
		breaks: func(b *brokenStore) {
			b.publish()
			claim := b.claim(release, "")
			// Larger than any volume of other tests, which it would bind otherwise.
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("1Pi")
			_, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), claim, create)
			require.NoError(b.t, err)
		},
		id: "no-volume", says: []string{"no volume is provisioned for it"},
	},
	{
		title: "the claim's class does not exist",
		breaks: func(b *brokenStore) {
			b.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standrad"`, `size="1Gi"`)
		},
		id: "class-missing", says: []string{"storage class standrad", "the closest name is standard"},
		repair: func(b *brokenStore) { b.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "the provisioner of the claim's class does not exist",
		breaks: func(b *brokenStore) {
			b.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `storageClass={"create":true,"volumeBindingMode":"Immediate"}`)
		},
		id: "no-driver", says: []string{"absent.csi.example.com", "the cluster has no such driver"},
	},
	{
		title: "the claim is bound with its first pod, and has no pod yet",
		breaks: func(b *brokenStore) {
			b.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
		},
		id: "waits-for-first-pod", says: []string{"no such pod yet", "This is expected"}, note: true,
		mended: isBound,
	},
	{
		title: "the volume is created for a claim that does not exist",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.install(append(b.onFirst("hostPath"), `claim.create=false`)...)
		},
		id: "claim-missing", says: []string{"for a claim that does not exist yet; the volume is Available"}, note: true,
	},
}
