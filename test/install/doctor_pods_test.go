package install

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// ailmentsOfPods are pods that do not start, or cannot save, on a claim that is in order.
var ailmentsOfPods = []ailment{
	{
		title: "the volume is on a node that is gone",
		breaks: func(w *ward) {
			w.makeDir()
			w.install(fmt.Sprintf(`hostPath={"path":%q}`, w.dir()), `size="1Gi"`, "volume.nodeAffinity="+affinityTo("gpu-07"))
			w.train("trainer", nil)
		},
		id: "node-lost", says: []string{"kubernetes.io/hostname In gpu-07", "has no such node"},
		words:  func(w *ward) map[string]string { return map[string]string{"NODE\"": w.cluster.Workers()[0] + "\""} },
		mended: func(w *ward) { runs("trainer")(w); readsBack(w) },
	},
	{
		title: "the volume is on a node that takes no pods",
		breaks: func(w *ward) {
			nodes, err := w.client.CoreV1().Nodes().List(w.t.Context(), listControlPlane)
			require.NoError(w.t, err)
			w.install(`hostPath={"path":"/mnt/checkpoints"}`, `size="1Gi"`, "volume.nodeAffinity="+affinityTo(nodes.Items[0].Name))
			w.train("trainer", nil)
		},
		id: "node-not-ready", says: []string{"has the taint node-role.kubernetes.io/control-plane", "does not tolerate"},
	},
	{
		title: "the pod may not go where the volume is",
		breaks: func(w *ward) {
			w.static()
			w.train("trainer", func(spec *corev1.PodSpec) { spec.NodeSelector = onNode(w.cluster.Workers()[1]) })
		},
		id: "node-conflict", says: []string{"the pod's own nodeSelector or affinity keeps it away"},
	},
	{
		title: "no node has what the pod asks for",
		breaks: func(w *ward) {
			w.static()
			w.train("trainer", func(spec *corev1.PodSpec) {
				spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
			})
		},
		id: "unschedulable", says: []string{"the claim is in order", "Insufficient cpu"},
	},
	{
		title: "the pod names its node, past the scheduler",
		breaks: func(w *ward) {
			w.install(`backend="localPath"`, `provisioning="dynamic"`, `storageClassName="standard"`, `size="1Gi"`)
			w.train("trainer", func(spec *corev1.PodSpec) { spec.NodeName = w.cluster.Workers()[0] })
		},
		id: "node-name-set", says: []string{"spec.nodeName", "the scheduler never sees it"},
		mended: isBound,
	},
	{
		title: "a second pod on a ReadWriteOncePod claim",
		breaks: func(w *ward) {
			w.byOthers(func(volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
				volume.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
				claim.Spec.AccessModes = volume.Spec.AccessModes
			})
			w.start(w.pod("trainer", nil, "echo ready; sleep 3600"), "ready")
			w.train("evaluator", nil)
		},
		id: "access-once-in-use", says: []string{"for one pod of the whole cluster at a time", "pod trainer has it"},
		mended: runs("evaluator"),
	},
	{
		title: "no node has the volume's driver",
		breaks: func(w *ward) {
			w.install(`backend="csi"`, `csi={"driver":"absent.csi.example.com","volumeHandle":"vol-7"}`)
			w.train("trainer", nil)
		},
		id: "no-driver", says: []string{"CSI driver absent.csi.example.com", "no node of the cluster has"},
	},
	{
		title: "the directory is not on the node",
		breaks: func(w *ward) {
			run(w.t, w.cluster, "rm -rf "+w.dir())
			w.install(w.onFirst("hostPath")...)
			w.train("trainer", nil)
		},
		id: "directory-missing", says: []string{"the directory /mnt/checkpoints/$NS of node", "there is none"},
		mended: runs("trainer"),
	},
	{
		title: "the local disk is not on the node",
		breaks: func(w *ward) {
			run(w.t, w.cluster, "rm -rf "+w.dir())
			w.install(w.onFirst("local")...)
			w.train("trainer", nil)
		},
		id: "directory-missing", says: []string{"/mnt/checkpoints/$NS of node", "there is none"},
		mended: runs("trainer"),
	},
	{
		title: "mount options on a directory of a node",
		breaks: func(w *ward) {
			w.byOthers(func(volume *corev1.PersistentVolume, _ *corev1.PersistentVolumeClaim) {
				volume.Spec.MountOptions = []string{"noatime"}
			})
			w.train("trainer", nil)
		},
		id: "mount-option-refused", says: []string{"has mount options (noatime)", "no pod starts"},
		repair: func(w *ward) { w.train("trainer", nil) },
		mended: runs("trainer"),
	},
	{
		title: "the program may not write to the directory",
		breaks: func(w *ward) {
			w.makeDir()
			run(w.t, w.cluster, "chmod 755 "+w.dir())
			w.install(w.onFirst("hostPath")...)
			pod := w.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000)), FSGroup: ptr.To(int64(1000))}
			}, "echo x >/checkpoints/step-1")
			w.create(pod)
		},
		id: "permission-denied", says: []string{"may not write to it", "runs as user 1000", "fsGroup 1000 has no effect"},
		mended: func(w *ward) {
			pod := w.pod("second", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000))}
			}, "until echo x >/checkpoints/checkpoints/step-1; do sleep 1; done; cat /checkpoints/bytes; sleep 3600")
			w.start(pod, w.bytes())
		},
	},
	{
		title: "the program is not in the group of the volume",
		breaks: func(w *ward) {
			w.makeDir()
			run(w.t, w.cluster, "chmod 755 "+w.dir())
			w.install(w.onFirst("local")...)
			w.create(w.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To(int64(1000))}
			}, "echo x >/checkpoints/step-1"))
		},
		id: "permission-denied", says: []string{"may not write to it", "runs as user 1000"},
		repair: func(w *ward) { w.kubectl("delete pod trainer") },
		mended: func(w *ward) {
			pod := w.store.pod("trainer", "")
			pod.Spec.Containers[0].Command = []string{"sh", "-c", "echo x >/checkpoints/step-1; cat /checkpoints/bytes; sleep 3600"}
			w.start(pod, w.bytes())
		},
	},
	{
		title: "the pod's group comes after another pod's mount",
		breaks: func(w *ward) {
			w.makeDir()
			run(w.t, w.cluster, "chmod 755 "+w.dir())
			w.install(w.onFirst("local")...)
			// One that is told to stop goes when its node has unmounted the volume, and not before.
			told := func(spec *corev1.PodSpec) { spec.TerminationGracePeriodSeconds = ptr.To(int64(1)) }
			w.start(w.pod("evaluator", told, "echo reads; sleep 3600"), "reads")
			w.create(w.pod("trainer", asGroup, "echo x >/checkpoints/step-1"))
		},
		id: "permission-denied", says: []string{"may not write to it", "fsGroup 2000 came too late", "another pod had it mounted"},
		mended: func(w *ward) {
			w.start(w.pod("trainer", asGroup, "echo x >/checkpoints/step-1; cat /checkpoints/bytes; sleep 3600"), w.bytes())
			w.healthy()
		},
	},
	{
		title: "the volume is full",
		breaks: func(w *ward) {
			w.makeDir()
			mount := fmt.Sprintf("mount -t tmpfs -o size=1m tmpfs %[1]s; echo '%[2]s' >%[1]s/bytes", w.dir(), w.bytes())
			run(w.t, w.cluster, mount)
			w.t.Cleanup(func() {
				_, err := w.cluster.Exec(cleanup(w.t), w.cluster.Workers()[0], "umount --lazy "+w.dir())
				assert.NoError(w.t, err)
			})
			w.install(w.onFirst("hostPath")...)
			pod := w.pod("trainer", nil, "dd if=/dev/zero of=/checkpoints/shard bs=64k count=32")
			w.create(pod)
		},
		id: "no-space", says: []string{"no space left on the volume"},
		repair: func(w *ward) {
			run(w.t, w.cluster, "mount -o remount,size=4m "+w.dir())
			w.kubectl("delete pod trainer")
			w.start(w.pod("trainer", nil, "dd if=/dev/zero of=/checkpoints/shard bs=64k count=32 && echo saved; sleep 3600"), "saved")
		},
		mended: readsBack,
	},
	{
		title: "the directory that the server exports was recreated", storage: true,
		breaks: func(w *ward) {
			w.export()
			storage := w.cluster.Storage()
			w.install(`backend="nfs"`, fmt.Sprintf(`nfs={"server":%q,"path":%q}`, storage.Address, w.exported()), `size="1Gi"`)
			w.bound(release)
			w.start(w.pod("trainer", w.onStorageNode, "while cat /checkpoints/bytes; do sleep 1; done; exit 1"), w.bytes())
			w.export()
		},
		id: "stale-handle", says: []string{"a file system that is no longer there (stale file handle)"},
		mended: func(w *ward) {
			w.start(w.pod("reader", w.onStorageNode, "cat /checkpoints/bytes; sleep 3600"), w.bytes())
			w.healthy()
		},
	},
	{
		title: "the program finds the volume read-only",
		breaks: func(w *ward) {
			w.static()
			pod := w.pod("trainer", func(spec *corev1.PodSpec) { spec.Containers[0].VolumeMounts[0].ReadOnly = true }, "echo x >/checkpoints/step-1")
			w.create(pod)
		},
		id: "read-only", says: []string{"mounted read-only in the pod"},
	},
	{
		title: "every start looks at every file",
		breaks: func(w *ward) {
			w.makeDir()
			w.install(w.onFirst("local")...)
			w.start(w.pod("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(1000))}
			}, "echo ready; sleep 3600"), "ready")
		},
		id: "ownership-walk", says: []string{"pod trainer has an fsGroup", "looks at every file"}, note: true,
		repair: func(w *ward) {
			w.kubectl("delete pod trainer")
			w.train("trainer", func(spec *corev1.PodSpec) {
				spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr.To(int64(1000)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch)}
			})
		},
		mended: runs("trainer"),
	},
	{
		title: "the pod's image is not there",
		breaks: func(w *ward) {
			w.static()
			w.train("trainer", func(spec *corev1.PodSpec) { spec.Containers[0].Image = "absent.example.com/trainer:1" })
		},
		id: "not-storage", says: []string{"it is not the storage", "ErrImageNeverPull"},
	},
	{
		title: "the program ends with an error",
		breaks: func(w *ward) {
			w.static()
			w.create(w.pod("trainer", nil, "echo out of memory; exit 3"))
		},
		id: "not-storage", says: []string{"it is not the storage", "ended with exit code 3"},
	},
	{
		title: "the program ends with an error, again and again",
		breaks: func(w *ward) {
			w.static()
			w.create(w.pod("trainer", func(spec *corev1.PodSpec) { spec.RestartPolicy = corev1.RestartPolicyAlways }, "echo out of memory; exit 3"))
			again := w.until(patience, func() bool {
				pod, err := w.client.CoreV1().Pods(w.ns).Get(w.t.Context(), "trainer", getOptions)
				return err == nil && len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].RestartCount > 0
			})
			require.True(w.t, again, "the kubelet does not start the program again")
		},
		id: "not-storage", says: []string{"it is not the storage", "ends with exit code 3 (Error), again and again"},
	},
}

// asGroup has a pod that is not root ask for the group of its volumes.
func asGroup(spec *corev1.PodSpec) {
	spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsUser: ptr.To(int64(1000)), FSGroup: ptr.To(int64(2000)), FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
	}
}
