package install

import (
	"fmt"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// The drivers of these tests: one whose volumes grow and are modified, by the external-resizer, one without a resizer, and one
// that mounts with SELinux labels.
const (
	growing   = "growing.csi.example.com"
	stunting  = "stunting.csi.example.com"
	labelling = "labelling.csi.example.com"
)

// TestDoctorGrowth is TestDoctor for claims that are to be larger, or of another volume attributes class, and for what newer
// versions of Kubernetes refuse.
func TestDoctorGrowth(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	driver := csi.Install(t, c, "growth", []csi.Driver{{Name: growing, FSGroup: "None", Grows: true}, {Name: stunting, FSGroup: "None"}, {Name: labelling, FSGroup: "None", SELinux: true}})
	table := newDoctorTable(growthScenarios)
	t.Cleanup(func() { table.compare(t) })
	// The pods must end before the driver is removed.
	t.Run("scenarios", func(t *testing.T) {
		table.proveOn(t, c, driver)
	})
}

// grown installs a store of 1Gi whose volume a driver makes, has the driver answer a call with an error, and upgrades the store.
func grown(driver string, f csi.Failure, pod bool, upgrade ...string) func(*brokenStore) {
	return func(b *brokenStore) {
		for _, class := range []string{"before", "after"} {
			b.makeAttributes(b.ns + "." + class)
		}
		b.install(`backend="csi"`, `provisioning="dynamic"`, fmt.Sprintf(`csi={"driver":%q}`, driver), `size="1Gi"`, `keep=false`,
			`storageClass={"create":true,"volumeBindingMode":"Immediate","allowVolumeExpansion":true,"reclaimPolicy":"Delete"}`)
		_, volume := b.bound(release)
		if pod {
			b.start(b.pod("trainer", nil, "echo ready; sleep 3600"), "ready")
		}
		if f.Call != "" {
			f.Driver, f.Volume = driver, volume.Spec.CSI.VolumeHandle
			b.mend = b.driver.Fail(b.t, f)
			b.t.Cleanup(b.mend)
		}
		args := []string{release, charts.Chart(), "--reuse-values"}
		for _, setting := range upgrade {
			args = append(args, "--set", setting)
		}
		b.helm("upgrade", args...)
	}
}

// makeAttributes makes a volume attributes class of the growing driver.
func (b *brokenStore) makeAttributes(name string) {
	b.t.Helper()
	classes := b.client.StorageV1().VolumeAttributesClasses()
	_ = classes.Delete(b.t.Context(), name, metav1.DeleteOptions{})
	b.t.Cleanup(func() { _ = classes.Delete(cleanup(b.t), name, metav1.DeleteOptions{}) })
	_, err := classes.Create(b.t.Context(), &storagev1.VolumeAttributesClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, DriverName: growing, Parameters: map[string]string{"iops": "3000"},
	}, create)
	require.NoError(b.t, err)
}

// sized fills in SIZE.
func sized(size string) func(*brokenStore) map[string]string {
	return func(*brokenStore) map[string]string { return map[string]string{"SIZE": size} }
}

// has waits until the claim has a size, and the doctor says nothing.
func has(size string) func(*brokenStore) {
	return func(b *brokenStore) {
		b.t.Helper()
		grew := b.until(patience, func() bool {
			claim, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Get(b.t.Context(), release, getOptions)
			got := claim.Status.Capacity[corev1.ResourceStorage]
			return err == nil && got.Cmp(resource.MustParse(size)) == 0
		})
		require.True(b.t, grew, "the claim does not grow: %s", b.events(release))
		quiet(b)
	}
}

// quiet waits until the doctor has nothing to say.
func quiet(b *brokenStore) {
	b.t.Helper()
	var report doctorReport
	require.True(b.t, b.until(patience, func() bool {
		_, report = b.doctor()
		return report.Healthy && len(report.Diagnoses) == 0
	}), "%v", report.Diagnoses)
}

// mounts ends the failure, and has a pod mount the claim, which grows the file system.
func mounts(b *brokenStore) {
	b.mend()
	b.train("trainer", nil)
}

var growthScenarios = []scenario{
	{
		title:  "the storage refuses a larger size for good",
		breaks: grown(growing, csi.Failure{Call: "ControllerExpandVolume", Code: "OUT_OF_RANGE", Above: 2 << 30, Message: "pool gold has volumes of 2 GiB at most"}, false, "size=5Gi"),
		id:     "resize-infeasible", note: true, says: []string{"requests 5Gi and has 1Gi", "refuses that size"},
		words: sized("2Gi"), repair: func(b *brokenStore) { b.train("trainer", nil) }, mended: has("2Gi"),
	},
	{
		title:  "the node fails to grow the file system",
		breaks: grown(growing, csi.Failure{Call: "NodeExpandVolume", Code: "INTERNAL", Message: "the file system has no room for more inodes"}, true, "size=2Gi"),
		id:     "resize-failed", note: true, says: []string{"requests 2Gi and has 1Gi", "is tried again"}, repair: goesOn, mended: has("2Gi"),
	},
	{
		title:  "the storage has no room for a larger size yet",
		breaks: grown(growing, csi.Failure{Call: "ControllerExpandVolume", Code: "RESOURCE_EXHAUSTED", Message: "pool gold has 3 GiB left"}, false, "size=5Gi"),
		id:     "resize-failed", note: true, says: []string{"requests 5Gi and has 1Gi", "is tried again"},
		repair: mounts, mended: has("5Gi"),
	},
	{
		title:  "the file system waits for a pod to grow",
		breaks: grown(growing, csi.Failure{}, false, "size=2Gi"),
		id:     "resize-pending", note: true, says: []string{"has grown to 2Gi", "still has 1Gi"},
		mended: has("2Gi"),
	},
	{
		title:  "the driver has no resizer",
		breaks: grown(stunting, csi.Failure{}, false, "size=2Gi"),
		id:     "no-resizer", note: true, says: []string{"requests 2Gi and has 1Gi", "no controller has begun"},
	},
	{
		title: "the storage refuses a volume attributes class",
		breaks: func(b *brokenStore) {
			grown(growing, csi.Failure{}, false, "claim.volumeAttributesClassName="+b.ns+".before")(b)
			claim, volume := b.bound(release)
			require.True(b.t, b.until(patience, func() bool {
				claim, _ = b.client.CoreV1().PersistentVolumeClaims(b.ns).Get(b.t.Context(), release, getOptions)
				return claim.Status.CurrentVolumeAttributesClassName != nil && *claim.Status.CurrentVolumeAttributesClassName == b.ns+".before"
			}), b.events(release))
			// Going back is a modification too, which the storage takes.
			b.mend = b.driver.Fail(b.t, csi.Failure{
				Driver: growing, Volume: volume.Spec.CSI.VolumeHandle, Call: "ControllerModifyVolume", Code: "INVALID_ARGUMENT", Message: "iops 3000 is more than the volume's size allows",
			})
			b.t.Cleanup(b.mend)
			b.helm("upgrade", release, charts.Chart(), "--reuse-values", "--set", "claim.volumeAttributesClassName="+b.ns+".after")
		},
		id: "modify-failed", note: true, says: []string{"$NS.after", "refuses its parameters", "keeps those of class $NS.before"},
		at: "give the claim the class", meanwhile: func(b *brokenStore) { b.mend() }, mended: quiet,
	},
	{
		title:  "a volume attributes class does not exist",
		breaks: grown(growing, csi.Failure{}, false, "claim.volumeAttributesClassName=none-such"),
		id:     "modify-failed", note: true, says: []string{"the volume attributes class none-such", "does not exist", "that it was made with"}, mended: quiet,
	},
	{
		// The nodes of the tests have no SELinux, so both pods run: it is said before one is refused elsewhere.
		title: "pods of two SELinux labels on a volume that is mounted with one",
		breaks: func(b *brokenStore) {
			b.csiStore(labelling)
			b.train("trainer", labelled("s0:c1,c2", nil))
			b.train("evaluator", labelled("s0:c3,c4", nil))
		},
		id: "selinux-conflict", note: true, says: []string{"trainer (:::s0:c1,c2)", "evaluator (:::s0:c3,c4)", "only one of them can start"},
		repair: func(b *brokenStore) {
			b.train("trainer", labelled("s0:c1,c2", ptr.To(corev1.SELinuxChangePolicyRecursive)))
			b.train("evaluator", labelled("s0:c3,c4", ptr.To(corev1.SELinuxChangePolicyRecursive)))
		},
		mended: func(b *brokenStore) {
			runs("trainer")(b)
			runs("evaluator")(b)
			quiet(b)
		},
	},
}

// labelled gives a pod an SELinux level and a policy.
func labelled(level string, policy *corev1.PodSELinuxChangePolicy) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spec.SecurityContext = &corev1.PodSecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Level: level}, SELinuxChangePolicy: policy}
	}
}
