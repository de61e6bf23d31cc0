package install

import (
	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// pairByHand changes what others made by hand.
func pairByHand(change func(*corev1.PersistentVolume, *corev1.PersistentVolumeClaim)) func(*ward) {
	return func(w *ward) { w.byOthers(change) }
}

// ailmentsOfClaims are claims that are not bound, or not to what they should be.
var ailmentsOfClaims = []ailment{
	{
		title: "the claim is deleted and nobody makes it again",
		breaks: func(w *ward) {
			w.static()
			w.deleteClaim()
		},
		id: "claim-deleted", says: []string{"the claim was deleted", "volume $NS.checkpoints is Released", "the data is still there"},
		safe: true, mended: readsBack,
	},
	{
		title: "the claim is deleted and installed again: the volume is Released",
		breaks: func(w *ward) {
			w.static()
			w.deleteClaim()
			w.helm("upgrade", release, charts.Chart(), "--reuse-values")
			w.train("trainer", nil)
		},
		id: "volume-released", says: []string{"volume $NS.checkpoints is Released", "an earlier claim of the same name", "still there"},
		safe: true, mended: readsBack,
	},
	{
		title: "the volume is deleted: the claim is Lost",
		breaks: func(w *ward) {
			w.static()
			w.deleteVolume()
		},
		id: "volume-deleted", says: []string{"PersistentVolume $NS.checkpoints was deleted", "Lost", "The data is where it was"},
		mended: readsBack,
	},
	{
		title: "the volume is deleted and installed again: the claim stays Lost",
		breaks: func(w *ward) {
			w.static()
			w.deleteVolume()
			w.helm("upgrade", release, charts.Chart(), "--reuse-values")
		},
		id: "volume-misbound", says: []string{"Lost", "no longer carries the uid of this claim"},
		safe: true, mended: readsBack,
	},
	{
		title: "the claim is being deleted while a pod uses it",
		breaks: func(w *ward) {
			w.static()
			w.start(w.pod("trainer", nil, "echo ready; sleep 3600"), "ready")
			w.kubectl("delete pvc " + release + " --wait=false")
		},
		id: "claim-terminating", says: []string{"somebody has deleted the claim", "trainer", "cannot be taken back"},
		// Its commands end with the one that says what is to be done now.
		repair: func(w *ward) { w.follow(ailment{}, w.diagnosed("claim-deleted")) },
		mended: readsBack,
	},
	{
		title: "the volume is being deleted under its claim",
		breaks: func(w *ward) {
			w.static()
			w.kubectl("delete pv " + w.ns + "." + release + " --wait=false")
		},
		id: "volume-terminating", says: []string{"somebody has deleted volume $NS.checkpoints", "kubernetes.io/pv-protection"},
		mended: readsBack,
	},
	{
		title:  "the claim of an existing store is not there",
		breaks: (*ward).publish,
		id:     "claim-missing", says: []string{"publishes a claim that is not there"},
		at: "make the claim, or name another", meanwhile: func(w *ward) { w.claimOfOthers("others") },
		words: func(*ward) map[string]string { return map[string]string{"NAME": "others"} }, mended: (*ward).healthy,
	},
	{
		title: "the claim names a volume that is not there",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.VolumeName += "-typo"
		}),
		id: "volume-missing", says: []string{"the claim asks for volume $NS.by-hand-typo, and there is none"},
	},
	{
		title: "claim and volume are of different classes",
		breaks: pairByHand(func(volume *corev1.PersistentVolume, _ *corev1.PersistentVolumeClaim) {
			volume.Spec.StorageClassName = "fast"
		}),
		id: "class-mismatch", says: []string{`the claim is of storage class ""`, `of "fast"`}, mended: readsBack,
	},
	{
		title: "the claim is larger than the volume",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
		}),
		id: "volume-too-small", says: []string{"the claim asks for 2Gi", "it has 1Gi"}, mended: readsBack,
	},
	{
		title: "the volume does not offer the claim's access mode",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		}),
		id: "access-mode-mismatch", says: []string{"asks for ReadWriteMany", "offers ReadWriteOnce"}, mended: readsBack,
	},
	{
		title: "the claim wants a device and the volume is a file system",
		breaks: pairByHand(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
			claim.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeBlock)
		}),
		id: "volume-mode-mismatch", says: []string{"volumeMode is Block", "is Filesystem"},
		repair: func(w *ward) {
			_, err := w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), w.claim(release, w.ns+".by-hand"), create)
			require.NoError(w.t, err)
		},
		mended: readsBack,
	},
	{
		title: "another claim has taken the volume",
		breaks: func(w *ward) {
			w.byOthers(func(_ *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
				// The other one is there first.
				claim.Name = "decoy"
			})
			w.bound("decoy")
			_, err := w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), w.claim(release, w.ns+".by-hand"), create)
			require.NoError(w.t, err)
		},
		id: "volume-taken", says: []string{"is for claim $NS/decoy", "Only a claimRef"}, mended: readsBack,
	},
	{
		title: "the claim is bound to another volume than the release's",
		breaks: func(w *ward) {
			w.static()
			w.deleteClaim()
			_, err := w.client.CoreV1().PersistentVolumes().Create(w.t.Context(), w.volume("stranger"), create)
			require.NoError(w.t, err)
			_, err = w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), w.claim(release, w.ns+".stranger"), create)
			require.NoError(w.t, err)
			w.bound(release)
		},
		id: "bound-elsewhere", says: []string{"bound to volume $NS.stranger", "made volume $NS.checkpoints"}, mended: readsBack,
	},
	{
		title: "no class and no volume that fits",
		breaks: func(w *ward) {
			w.publish()
			claim := w.claim(release, "")
			// Larger than the volumes of other tests, which it would take.
			claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("1Pi")
			_, err := w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), claim, create)
			require.NoError(w.t, err)
		},
		id: "no-volume", says: []string{"nothing makes a volume for it"},
	},
	{
		title: "the claim's class is not there",
		breaks: func(w *ward) {
			w.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standrad"`, `size="1Gi"`)
		},
		id: "class-missing", says: []string{"storage class standrad", "the nearest is standard"},
		repair: func(w *ward) { w.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "nobody is the provisioner of the claim's class",
		breaks: func(w *ward) {
			w.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `storageClass={"create":true,"volumeBindingMode":"Immediate"}`)
		},
		id: "no-driver", says: []string{"absent.csi.example.com", "nothing on the cluster is a driver of that name"},
	},
	{
		title: "the claim is bound with its first pod, and there is none",
		breaks: func(w *ward) {
			w.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
		},
		id: "waits-for-first-pod", says: []string{"no such pod yet", "Nothing is wrong"}, note: true,
		mended: isBound,
	},
	{
		title: "the volume is made for a claim that nobody makes",
		breaks: func(w *ward) {
			w.makeDir()
			w.install(append(w.onFirst("hostPath"), `claim.create=false`)...)
		},
		id: "claim-missing", says: []string{"for a claim that does not exist yet; the volume is Available"}, note: true,
	},
}
