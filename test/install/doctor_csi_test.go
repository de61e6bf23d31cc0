package install

import (
	"fmt"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// The drivers that the tests' own plays: one that attaches, one of a file server, one that is on the first worker alone,
// and one that makes no volumes.
const (
	attaching = "disk.csi.example.com"
	serving   = "share.csi.example.com"
	lonely    = "lonely.csi.example.com"
	exhausted = "exhausted.csi.example.com"
)

// TestDoctorCSI is TestDoctor for what takes a CSI driver.
func TestDoctorCSI(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	driver := csi.Install(t, c, "doctor", []csi.Driver{
		{Name: attaching, Attach: true}, {Name: serving, FSGroup: "None"}, {Name: exhausted, FSGroup: "None"},
		{Name: lonely, FSGroup: "None", Nodes: []string{c.Workers()[0]}},
	})
	driver.Fail(t, csi.Failure{Driver: exhausted, Call: "CreateVolume", Code: "RESOURCE_EXHAUSTED", Message: "pool gold has 3 GiB left"})
	table := newDoctorTable(everyCSIAilment())
	t.Cleanup(func() { table.compare(t) })
	// Before the driver goes, its pods have to.
	t.Run("ailments", func(t *testing.T) {
		for _, a := range table.ailments {
			t.Run(a.title, func(t *testing.T) {
				t.Parallel()
				w := newWard(t, c, a, byHand)
				w.driver = driver
				a.prove(w, byHand, table)
			})
		}
		for title, values := range map[string][]string{
			"notes of a volume": {`backend="csi"`, fmt.Sprintf(`csi={"driver":%q,"volumeHandle":"notes"}`, serving)},
			"notes of a class":  {`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `keep=false`},
		} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				w := newWard(t, c, ailment{title: title}, byHand)
				w.install(append(values, `size="1Gi"`)...)
				w.followNotes()
			})
		}
	})
}

// repairs begins what the notes say of a store that is broken, which the lifecycle does where it is.
const repairs = "\nPutting it right"

// followNotes runs every command by which the notes look at a store that is in order.
func (w *ward) followNotes() {
	w.t.Helper()
	notes, _, _ := strings.Cut(w.helm("get", "notes", w.release), repairs)
	commands := 0
	for _, line := range strings.Split(notes, "\n") {
		if command := strings.TrimSpace(line); strings.HasPrefix(command, "kubectl ") || strings.HasPrefix(command, "helm ") {
			w.shell(command)
			commands++
		}
	}
	assert.GreaterOrEqual(w.t, commands, 3, notes)
}

// csiStore installs a volume of a driver; its handle is the namespace's name.
func (w *ward) csiStore(driver string, values ...string) {
	w.t.Helper()
	section := fmt.Sprintf(`csi={"driver":%q,"volumeHandle":%q}`, driver, w.ns)
	w.install(append([]string{`backend="csi"`, section, `size="1Gi"`}, values...)...)
	w.bound(release)
}

// refuses has the driver answer the mounts of the ward's volume with an error.
func refuses(code, message string, values ...string) func(*ward) {
	return func(w *ward) {
		w.mend = w.driver.Fail(w.t, csi.Failure{Driver: serving, Volume: w.ns, Call: "NodeStageVolume", Code: code, Message: message})
		w.t.Cleanup(w.mend)
		w.csiStore(serving, values...)
		w.train("trainer", w.onFirstWorker)
	}
}

// onFirstWorker has the scheduler put a pod on the first worker.
func (w *ward) onFirstWorker(spec *corev1.PodSpec) {
	spec.NodeSelector = onNode(w.cluster.Workers()[0])
}

// goesOn has the storage's administrator do what the doctor says.
func goesOn(w *ward) { w.mend() }

// anew does so too, and makes the pod that the doctor had deleted.
func anew(w *ward) {
	w.mend()
	w.train("trainer", w.onFirstWorker)
}

// everyCSIAilment are the situations that take a CSI driver.
func everyCSIAilment() []ailment {
	return []ailment{
		{
			title: "the volume's driver is not on the pod's node",
			breaks: func(w *ward) {
				w.csiStore(lonely)
				w.train("trainer", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(w.cluster.Workers()[1]) })
			},
			id: "driver-not-on-node", says: []string{"the CSI driver " + lonely, "is not: it runs on"},
			repair: func(w *ward) {
				w.kubectl("delete pod trainer")
				w.train("trainer", w.onFirstWorker)
			},
			mended: runs("trainer"),
		},
		{
			title: "a ReadWriteOnce volume is attached to another node",
			breaks: func(w *ward) {
				w.csiStore(attaching)
				w.start(w.pod("trainer", w.onFirstWorker, "echo ready; sleep 3600"), "ready")
				w.train("evaluator", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(w.cluster.Workers()[1]) })
			},
			id: "multi-attach", says: []string{"ReadWriteOnce, attached to one node at a time", "for pod trainer"},
			mended: runs("evaluator"),
		},
		{
			title:  "the driver refuses a mount option",
			breaks: refuses("INVALID_ARGUMENT", "unknown mount option: flock2", `mountOptions=["noatime","flock2"]`),
			id:     "mount-option-refused", says: []string{"mount option flock2 of volume $NS.checkpoints is refused"},
			repair: anew, mended: runs("trainer"),
		},
		{
			title:  "the storage does not let the node in",
			breaks: refuses("PERMISSION_DENIED", "export /ckpt: the address of this node is not among its clients"),
			id:     "mount-denied", says: []string{"does not let node", "not among its clients"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title:  "the storage does not answer",
			breaks: refuses("UNAVAILABLE", "mount.nfs: Connection timed out"),
			id:     "server-unreachable", says: []string{"does not answer node"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title:  "the storage was exported anew under the node's mount",
			breaks: refuses("INTERNAL", "stat /var/lib/export: stale NFS file handle"),
			id:     "stale-handle", says: []string{"a file system that is no longer there (stale nfs file handle)"}, repair: anew, mended: runs("trainer"),
		},
		{
			title:  "the storage gives another reason",
			breaks: refuses("INTERNAL", "device vol-7 has a dirty journal"),
			id:     "mount-failed", says: []string{"cannot be mounted on node", "device vol-7 has a dirty journal"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title: "the volume's secret is not there",
			breaks: func(w *ward) {
				w.install(`backend="csi"`, `size="1Gi"`, fmt.Sprintf(`csi={"driver":%q,"volumeHandle":%q,"nodeStageSecretRef":{"name":"share-login"}}`, serving, w.ns))
				w.train("trainer", w.onFirstWorker)
			},
			id: "secret-missing", says: []string{"needs secret share-login of namespace $NS"}, mended: runs("trainer"),
		},
		{
			title: "two volumes of one handle in a pod",
			breaks: func(w *ward) {
				w.csiStore(serving)
				volume, claim := w.volume("twin"), w.claim("twin", w.ns+".twin")
				volume.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: serving, VolumeHandle: w.ns}}
				volume.Spec.NodeAffinity = nil
				_, err := w.client.CoreV1().PersistentVolumes().Create(w.t.Context(), volume, create)
				require.NoError(w.t, err)
				_, err = w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), claim, create)
				require.NoError(w.t, err)
				w.bound("twin")
				w.train("trainer", func(spec *corev1.PodSpec) {
					second := *spec.Volumes[0].DeepCopy()
					second.Name, second.PersistentVolumeClaim.ClaimName = "twin", "twin"
					spec.Volumes = append(spec.Volumes, second)
					spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "twin", MountPath: "/twin"})
				})
			},
			id: "duplicate-handle", says: []string{"the same handle", "the kubelet takes them for one volume"},
			repair: func(w *ward) {
				w.kubectl("delete pod trainer")
				w.train("trainer", nil)
			},
			mended: runs("trainer"),
		},
		{
			title: "the provisioner cannot make the volume",
			breaks: func(w *ward) {
				w.install(`backend="csi"`, `provisioning="dynamic"`, fmt.Sprintf(`csi={"driver":%q}`, exhausted), `storageClass={"create":true,"volumeBindingMode":"Immediate"}`)
			},
			id: "provisioning-failed", says: []string{exhausted + " was asked for a volume and cannot make one", "pool gold has 3 GiB left"},
		},
	}
}
