package install

import (
	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noHelm marks a case about pods, which is run with one Helm only.
const noHelm = "not involved"

// withFSGroup uses directories of root under the restricted Pod Security profile.
func withFSGroup(l *lifecycleStore) string {
	l.directories("other")
	run(l.t, l.cluster, "chmod 755 "+l.dir+"/data "+l.dir+"/other")
	l.install("--wait", "--timeout", "60s")
	// A pod that is deleted ends after its node has unmounted the volume; a completed one may be removed before. The kubelet
	// does not apply another pod's fsGroup while the volume is mounted.
	plain := l.podOn(release, "touch /checkpoints/it 2>&1; echo that is all; sleep 600")
	assert.Contains(l.t, l.start(plain, "that is all"), "Permission denied")
	l.kill(plain.Name)
	l.saw("without fsGroup: %q", "Permission denied")

	group := int64(2000)
	pod := l.podOn(release, "cd /checkpoints && mkdir step-1 && head -c 1048576 /dev/urandom > step-1/shard && sync && echo digest $(sha256sum < step-1/shard)")
	pod.Spec.SecurityContext.FSGroup = &group
	l.saved[release] = digest(l.t, l.ran(pod))
	l.kept(release)
	l.saw("with it, and the backend `local`, the kubelet changes the group of the directory, and the pod can write; a pod without fsGroup can then read and not write")
	log := l.ran(l.podOn(release, "touch /checkpoints/it 2>&1 || echo it is refused"))
	assert.Contains(l.t, log, "Permission denied")

	l.helm("install", "second", charts.Chart(), "--values", l.options.ValuesFiles[0],
		"--set", "backend=hostPath,hostPath.path="+l.dir+"/other", "--wait", "--timeout", "60s")
	pod = l.podOn("second", "touch /checkpoints/it 2>&1 || echo it is refused")
	pod.Spec.SecurityContext.FSGroup = &group
	assert.Contains(l.t, l.ran(pod), "Permission denied")
	l.saw("with the backend `hostPath`, the default, the kubelet does not change the directory: %q also with fsGroup; its owner and mode are set by `prepare`, or on the node", "Permission denied")
	return "as asked"
}

// elsewhere schedules a pod on a node that the volume is not on.
func elsewhere(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	pod := l.podOn(release, "true")
	pod.Spec.NodeSelector = onNode(l.cluster.Workers()[1])
	l.create(pod)
	words := l.hears(pod.Name, "didn't match PersistentVolume's node affinity")
	l.saw("the pod stays %s: %q; fix: let the scheduler choose the node, or use storage that several nodes reach", corev1.PodPending, words)
	now := int64(0)
	require.NoError(l.t, l.client.CoreV1().Pods(l.ns).Delete(l.t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	l.kept(release)
	return "not scheduled"
}

// onceOnTwoNodes uses storage that every node has mounted and that is not attached, so that ReadWriteOnce is not enforced.
func onceOnTwoNodes(l *lifecycleStore) string {
	shared := "/mnt/shared/" + l.ns
	run(l.t, l.cluster, "rm -rf "+shared+"; mkdir -p "+shared+"; chmod 1777 "+shared)
	l.t.Cleanup(func() {
		_, err := l.cluster.Exec(cleanup(l.t), l.cluster.Workers()[0], "rm -rf "+shared)
		assert.NoError(l.t, err)
	})
	l.use("hostPath: {path: " + shared + ", sharedMount: true}\nsize: 1Gi\naccessModes: [ReadWriteOnce]\ntest: {enabled: false}\n")
	l.install("--wait", "--timeout", "60s")
	holder := l.podOn(release, "echo holds; sleep 600")
	holder.Spec.NodeSelector = onNode(l.cluster.Workers()[0])
	l.start(holder, "holds")
	for i, worker := range l.cluster.Workers() {
		pod := l.podOn(release, "head -c 1048576 /dev/urandom > /checkpoints/of-$(hostname); sync; echo digest $(sha256sum < /checkpoints/of-$(hostname))")
		pod.Spec.NodeSelector = onNode(worker)
		log := l.ran(pod)
		pod = l.podOn(release, "echo digest $(sha256sum < /checkpoints/of-"+pod.Name+")")
		pod.Spec.NodeSelector = onNode(l.cluster.Workers()[1-i])
		require.Equal(l.t, digest(l.t, log), digest(l.t, l.ran(pod)))
	}
	l.kill(holder.Name)
	l.bytes = "yes"
	l.saw("the second node is not refused: ReadWriteOnce is enforced only for volumes that are attached; fix: ReadWriteMany for several nodes, node affinity or ReadWriteOncePod for one")
	return "not enforced"
}
