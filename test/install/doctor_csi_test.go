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

// The drivers that the tests' own simulates: one that attaches volumes, a file server, one on the first worker only, and one
// that cannot provision.
const (
	attaching = "disk.csi.example.com"
	serving   = "share.csi.example.com"
	lonely    = "lonely.csi.example.com"
	exhausted = "exhausted.csi.example.com"
)

// TestDoctorCSI is TestDoctor for scenarios that need a CSI driver.
func TestDoctorCSI(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	driver := csi.Install(t, c, "doctor", []csi.Driver{
		{Name: attaching, Attach: true}, {Name: serving, FSGroup: "None"}, {Name: exhausted, FSGroup: "None"},
		{Name: lonely, FSGroup: "None", Nodes: []string{c.Workers()[0]}},
	})
	driver.Fail(t, csi.Failure{Driver: exhausted, Call: "CreateVolume", Code: "RESOURCE_EXHAUSTED", Message: "pool gold has 3 GiB left"})
	table := newDoctorTable(csiScenarios())
	t.Cleanup(func() { table.compare(t) })
	// The pods must end before the driver is removed.
	t.Run("scenarios", func(t *testing.T) {
		table.proveOn(t, c, driver)
		for title, values := range map[string][]string{
			"notes of a volume": {`backend="csi"`, fmt.Sprintf(`csi={"driver":%q,"volumeHandle":"notes"}`, serving)},
			"notes of a class":  {`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `keep=false`},
		} {
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				b := newBrokenStore(t, c, scenario{title: title}, byHand)
				b.install(append(values, `size="1Gi"`)...)
				b.followNotes()
			})
		}
	})
}

// repairs is the heading in the notes of the commands for a broken store, which the lifecycle tests run.
const repairs = "\nRecovery without data loss"

// followNotes runs every command of the notes for a healthy store.
func (b *brokenStore) followNotes() {
	b.t.Helper()
	notes, _, _ := strings.Cut(b.helm("get", "notes", b.release), repairs)
	commands := 0
	for _, line := range strings.Split(notes, "\n") {
		if command := strings.TrimSpace(line); strings.HasPrefix(command, "kubectl ") || strings.HasPrefix(command, "helm ") {
			b.shell(command)
			commands++
		}
	}
	assert.GreaterOrEqual(b.t, commands, 3, notes)
}

// csiStore installs a volume of a driver; its handle is the name of the namespace.
func (b *brokenStore) csiStore(driver string, values ...string) {
	b.t.Helper()
	section := fmt.Sprintf(`csi={"driver":%q,"volumeHandle":%q}`, driver, b.ns)
	b.install(append([]string{`backend="csi"`, section, `size="1Gi"`}, values...)...)
	b.bound(release)
}

// refuses makes the driver answer NodeStageVolume of the store's volume with an error.
func refuses(code, message string, values ...string) func(*brokenStore) {
	return func(b *brokenStore) {
		b.mend = b.driver.Fail(b.t, csi.Failure{Driver: serving, Volume: b.ns, Call: "NodeStageVolume", Code: code, Message: message})
		b.t.Cleanup(b.mend)
		b.csiStore(serving, values...)
		b.train("trainer", b.onFirstWorker)
	}
}

// onFirstWorker schedules a pod on the first worker.
func (b *brokenStore) onFirstWorker(spec *corev1.PodSpec) {
	spec.NodeSelector = onNode(b.cluster.Workers()[0])
}

// goesOn ends the driver's failure, as the storage's administrator would.
func goesOn(b *brokenStore) { b.mend() }

// goesOnAgain ends the failure, and recreates the pod that the repair deleted.
func goesOnAgain(b *brokenStore) {
	b.mend()
	b.train("trainer", b.onFirstWorker)
}

// csiScenarios returns the scenarios that need a CSI driver.
func csiScenarios() []scenario {
	return []scenario{
		{
			title: "the volume's driver is not on the pod's node",
			breaks: func(b *brokenStore) {
				b.csiStore(lonely)
				b.train("trainer", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(b.cluster.Workers()[1]) })
			},
			id: "driver-not-on-node", says: []string{"the CSI driver " + lonely, "does not run: it runs on"},
			repair: func(b *brokenStore) {
				b.kubectl("delete pod trainer")
				b.train("trainer", b.onFirstWorker)
			},
			mended: runs("trainer"),
		},
		{
			title: "a ReadWriteOnce volume is attached to another node",
			breaks: func(b *brokenStore) {
				b.csiStore(attaching)
				b.start(b.pod("trainer", b.onFirstWorker, "echo ready; sleep 3600"), "ready")
				b.train("evaluator", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(b.cluster.Workers()[1]) })
			},
			id: "multi-attach", says: []string{"ReadWriteOnce, so it is attached to one node at a time", "by pod trainer"},
			mended: runs("evaluator"),
		},
		{
			title:  "the driver refuses a mount option",
			breaks: refuses("INVALID_ARGUMENT", "unknown mount option: flock2", `mountOptions=["noatime","flock2"]`),
			id:     "mount-option-refused", says: []string{"mount option flock2 of volume $NS.checkpoints is refused"},
			repair: goesOnAgain, mended: runs("trainer"),
		},
		{
			title:  "the storage denies access to the node",
			breaks: refuses("PERMISSION_DENIED", "export /ckpt: the address of this node is not among its clients"),
			id:     "mount-denied", says: []string{"denies access to node", "not among its clients"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title:  "the storage does not answer",
			breaks: refuses("UNAVAILABLE", "mount.nfs: Connection timed out"),
			id:     "server-unreachable", says: []string{"does not answer node"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title:  "the storage was re-exported under the node's mount",
			breaks: refuses("INTERNAL", "stat /var/lib/export: stale NFS file handle"),
			id:     "stale-handle", says: []string{"a file system that no longer exists (stale nfs file handle)"}, repair: goesOnAgain, mended: runs("trainer"),
		},
		{
			title:  "the storage gives another reason",
			breaks: refuses("INTERNAL", "device vol-7 has a dirty journal"),
			id:     "mount-failed", says: []string{"cannot be mounted on node", "device vol-7 has a dirty journal"}, repair: goesOn, mended: runs("trainer"),
		},
		{
			title: "the volume's Secret does not exist",
			breaks: func(b *brokenStore) {
				b.install(`backend="csi"`, `size="1Gi"`, fmt.Sprintf(`csi={"driver":%q,"volumeHandle":%q,"nodeStageSecretRef":{"name":"share-login"}}`, serving, b.ns))
				b.train("trainer", b.onFirstWorker)
			},
			id: "secret-missing", says: []string{"needs Secret share-login of namespace $NS"}, mended: runs("trainer"),
		},
		{
			// What a pod with both gets is the kubelet's to decide: some never start, and with 1.37.2 some do.
			title: "two volumes of one handle",
			breaks: func(b *brokenStore) {
				b.csiStore(serving)
				volume, claim := b.volume("twin"), b.claim("twin", b.ns+".twin")
				volume.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: serving, VolumeHandle: b.ns}}
				volume.Spec.NodeAffinity = nil
				_, err := b.client.CoreV1().PersistentVolumes().Create(b.t.Context(), volume, create)
				require.NoError(b.t, err)
				_, err = b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), claim, create)
				require.NoError(b.t, err)
				b.bound("twin")
			},
			id: "duplicate-handle", note: true, says: []string{"the same handle", "may never start"},
		},
		{
			title: "the provisioner cannot make the volume",
			breaks: func(b *brokenStore) {
				b.install(`backend="csi"`, `provisioning="dynamic"`, fmt.Sprintf(`csi={"driver":%q}`, exhausted), `storageClass={"create":true,"volumeBindingMode":"Immediate"}`)
			},
			id: "provisioning-failed", says: []string{exhausted + " failed to provision a volume", "pool gold has 3 GiB left"},
		},
	}
}
