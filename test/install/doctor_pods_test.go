package install

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// podScenarios are pods that do not start, or cannot write, on a claim that is in order.
var podScenarios = []scenario{
	{
		title: "the volume is on a node that is gone",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.install(fmt.Sprintf(`hostPath={"path":%q}`, b.dir()), `size="1Gi"`, "volume.nodeAffinity="+affinityTo("gpu-07"))
			b.train("trainer", nil)
		},
		id: "node-lost", says: []string{"kubernetes.io/hostname In gpu-07", "has no such node"},
		words: func(b *brokenStore) map[string]string {
			return map[string]string{"NODE\"": b.cluster.Workers()[0] + "\""}
		},
		mended: func(b *brokenStore) { runs("trainer")(b); readsBack(b) },
	},
	{
		title: "the volume is on a node that takes no pods",
		breaks: func(b *brokenStore) {
			nodes, err := b.client.CoreV1().Nodes().List(b.t.Context(), listControlPlane)
			require.NoError(b.t, err)
			b.install(`hostPath={"path":"/mnt/checkpoints"}`, `size="1Gi"`, "volume.nodeAffinity="+affinityTo(nodes.Items[0].Name))
			b.train("trainer", nil)
		},
		id: "node-not-ready", says: []string{"has the taint node-role.kubernetes.io/control-plane", "does not tolerate"},
	},
	{
		title: "the pod's nodeSelector excludes the node of the volume",
		breaks: func(b *brokenStore) {
			b.static()
			b.train("trainer", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(b.cluster.Workers()[1]) })
		},
		id: "node-conflict", says: []string{"the pod's nodeSelector or affinity does not allow that"},
	},
	{
		title: "no node has what the pod requests",
		breaks: func(b *brokenStore) {
			b.static()
			b.train("trainer", func(spec *corev1.PodSpec) {
				spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
			})
		},
		id: "unschedulable", says: []string{"the claim is in order", "Insufficient cpu"},
	},
	{
		title: "the pod names its node and bypasses the scheduler",
		breaks: func(b *brokenStore) {
			b.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
			b.train("trainer", func(spec *corev1.PodSpec) { spec.NodeName = b.cluster.Workers()[0] })
		},
		id: "node-name-set", says: []string{"spec.nodeName", "bypasses the scheduler"},
		mended: isBound,
	},
	{
		title: "a second pod on a ReadWriteOncePod claim",
		breaks: func(b *brokenStore) {
			b.byOthers(func(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
				volume.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
				claim.Spec.AccessModes = volume.Spec.AccessModes
			})
			b.start(b.pod("trainer", nil, "echo ready; sleep 3600"), "ready")
			b.train("evaluator", nil)
		},
		id: "access-once-in-use", says: []string{"for one pod of the cluster at a time", "pod trainer uses it"},
		mended: runs("evaluator"),
	},
	{
		title: "no node has the volume's driver",
		breaks: func(b *brokenStore) {
			b.install(`backend="csi"`, `csi={"driver":"absent.csi.example.com","volumeHandle":"vol-7"}`)
			b.train("trainer", nil)
		},
		id: "no-driver", says: []string{"CSI driver absent.csi.example.com", "runs on no node of the cluster"},
	},
	{
		title: "the directory is not on the node",
		breaks: func(b *brokenStore) {
			run(b.t, b.cluster, "rm -rf "+b.dir())
			b.install(b.onFirst("hostPath")...)
			b.train("trainer", nil)
		},
		id: "directory-missing", says: []string{"the directory /mnt/checkpoints/$NS of node", "does not exist"},
		mended: runs("trainer"),
	},
	{
		title: "the local disk is not on the node",
		breaks: func(b *brokenStore) {
			run(b.t, b.cluster, "rm -rf "+b.dir())
			b.install(b.onFirst("local")...)
			b.train("trainer", nil)
		},
		id: "directory-missing", says: []string{"/mnt/checkpoints/$NS of node", "does not exist"},
		mended: runs("trainer"),
	},
	{
		title: "mount options on a directory of a node",
		breaks: func(b *brokenStore) {
			b.byOthers(func(volume *corev1.PersistentVolume, _ *corev1.PersistentVolumeClaim) {
				volume.Spec.MountOptions = []string{"noatime"}
			})
			b.train("trainer", nil)
		},
		id: "mount-option-refused", says: []string{"has mount options (noatime)", "no pod starts"},
		repair: func(b *brokenStore) { b.train("trainer", nil) },
		mended: runs("trainer"),
	},
	{
		title: "the program may not write to the directory",
		breaks: func(b *brokenStore) {
			b.makeDir()
			run(b.t, b.cluster, "chmod 755 "+b.dir())
			b.install(b.onFirst("hostPath")...)
			pod := b.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000)), FSGroup: ptr.To(int64(1000))}
			}, "echo x >/checkpoints/step-1")
			b.create(pod)
		},
		id: "permission-denied", says: []string{"may not write to it", "runs as user 1000", "fsGroup 1000 has no effect"},
		mended: func(b *brokenStore) {
			pod := b.pod("second", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000))}
			}, "until echo x >/checkpoints/checkpoints/step-1; do sleep 1; done; cat /checkpoints/bytes; sleep 3600")
			b.start(pod, b.bytes())
		},
	},
	{
		title: "the program is not in the group of the volume",
		breaks: func(b *brokenStore) {
			b.makeDir()
			run(b.t, b.cluster, "chmod 755 "+b.dir())
			b.install(b.onFirst("local")...)
			b.create(b.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000))}
			}, "echo x >/checkpoints/step-1"))
		},
		id: "permission-denied", says: []string{"may not write to it", "runs as user 1000"},
		repair: func(b *brokenStore) { b.kubectl("delete pod trainer") },
		mended: func(b *brokenStore) {
			pod := b.store.pod("trainer", "")
			pod.Spec.Containers[0].Command = []string{"sh", "-c", "echo x >/checkpoints/step-1; cat /checkpoints/bytes; sleep 3600"}
			b.start(pod, b.bytes())
		},
	},
	{
		title: "the pod's group comes after another pod's mount",
		breaks: func(b *brokenStore) {
			b.makeDir()
			run(b.t, b.cluster, "chmod 755 "+b.dir())
			b.install(b.onFirst("local")...)
			// A pod that is terminated ends only after its node has unmounted the volume.
			quick := func(spec *corev1.PodSpec) { spec.TerminationGracePeriodSeconds = ptr.To(int64(1)) }
			b.start(b.pod("evaluator", quick, "echo reads; sleep 3600"), "reads")
			b.create(b.pod("trainer", asGroup, "echo x >/checkpoints/step-1"))
		},
		id: "permission-denied", says: []string{"may not write to it", "fsGroup 2000 has no effect", "another pod had it mounted"},
		mended: func(b *brokenStore) {
			b.start(b.pod("trainer", asGroup, "echo x >/checkpoints/step-1; cat /checkpoints/bytes; sleep 3600"), b.bytes())
			b.healthy()
		},
	},
	{
		title: "the volume is full",
		breaks: func(b *brokenStore) {
			b.makeDir()
			mount := fmt.Sprintf("mount -t tmpfs -o size=1m tmpfs %[1]s; echo '%[2]s' >%[1]s/bytes", b.dir(), b.bytes())
			run(b.t, b.cluster, mount)
			b.t.Cleanup(func() {
				_, err := b.cluster.Exec(cleanup(b.t), b.cluster.Workers()[0], "umount --lazy "+b.dir())
				assert.NoError(b.t, err)
			})
			b.install(b.onFirst("hostPath")...)
			pod := b.pod("trainer", nil, "dd if=/dev/zero of=/checkpoints/shard bs=64k count=32")
			b.create(pod)
		},
		id: "no-space", says: []string{"no space left on the volume"},
		repair: func(b *brokenStore) {
			run(b.t, b.cluster, "mount -o remount,size=4m "+b.dir())
			b.kubectl("delete pod trainer")
			b.start(b.pod("trainer", nil, "dd if=/dev/zero of=/checkpoints/shard bs=64k count=32 && echo saved; sleep 3600"), "saved")
		},
		mended: readsBack,
	},
	{
		title: "the directory that the server exports was recreated", storage: true,
		breaks: func(b *brokenStore) {
			b.export()
			storage := b.cluster.Storage()
			b.install(`backend="nfs"`, fmt.Sprintf(`nfs={"server":%q,"path":%q}`, storage.Address, b.exported()), `size="1Gi"`)
			b.bound(release)
			b.start(b.pod("trainer", b.onStorageNode, "while cat /checkpoints/bytes; do sleep 1; done; exit 1"), b.bytes())
			b.export()
		},
		id: "stale-handle", says: []string{"a file system that no longer exists (stale file handle)"},
		mended: func(b *brokenStore) {
			b.start(b.pod("reader", b.onStorageNode, "cat /checkpoints/bytes; sleep 3600"), b.bytes())
			b.healthy()
		},
	},
	{
		title: "the program finds the volume read-only",
		breaks: func(b *brokenStore) {
			b.static()
			pod := b.pod("trainer", func(spec *corev1.PodSpec) { spec.Containers[0].VolumeMounts[0].ReadOnly = true }, "echo x >/checkpoints/step-1")
			b.create(pod)
		},
		id: "read-only", says: []string{"mounted read-only in the pod"},
	},
	{
		title: "every start checks every file",
		breaks: func(b *brokenStore) {
			b.makeDir()
			b.install(b.onFirst("local")...)
			b.start(b.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(1000))}
			}, "echo ready; sleep 3600"), "ready")
		},
		id: "ownership-walk", says: []string{"pod trainer has an fsGroup", "checks every file"}, note: true,
		repair: func(b *brokenStore) {
			b.kubectl("delete pod trainer")
			b.train("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(1000)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch)}
			})
		},
		mended: runs("trainer"),
	},
	{
		title: "the pod's image does not exist",
		breaks: func(b *brokenStore) {
			b.static()
			b.train("trainer", func(spec *corev1.PodSpec) { spec.Containers[0].Image = "absent.example.com/trainer:1" })
		},
		id: "not-storage", says: []string{"storage is not the cause", "ErrImageNeverPull"},
	},
	{
		title: "the program ends with an error",
		breaks: func(b *brokenStore) {
			b.static()
			b.create(b.pod("trainer", nil, "echo out of memory; exit 3"))
		},
		id: "not-storage", says: []string{"storage is not the cause", "exited with code 3"},
	},
	{
		title: "the program keeps ending with an error",
		breaks: func(b *brokenStore) {
			b.static()
			b.create(b.pod("trainer", func(spec *corev1.PodSpec) { spec.RestartPolicy = corev1.RestartPolicyAlways }, "echo out of memory; exit 3"))
			again := b.until(patience, func() bool {
				pod, err := b.client.CoreV1().Pods(b.ns).Get(b.t.Context(), "trainer", getOptions)
				return err == nil && len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].RestartCount > 0
			})
			require.True(b.t, again, "the kubelet does not start the program again")
		},
		id: "not-storage", says: []string{"storage is not the cause", "keeps exiting with code 3 (Error)"},
	},
}

// asGroup sets a user that is not root and an fsGroup.
func asGroup(spec *corev1.PodSpec) {
	spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsUser: ptr.To(int64(1000)), FSGroup: ptr.To(int64(2000)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
	}
}
