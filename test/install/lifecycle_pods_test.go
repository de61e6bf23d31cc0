package install

import (
	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noHelm is why a case that is about pods is shown with one Helm.
const noHelm = "no part in it"

// withFSGroup is a directory that root has for itself, under the restricted Pod Security profile.
func withFSGroup(l *life) string {
	l.directories("other")
	run(l.t, l.cluster, "chmod 755 "+l.dir+"/data "+l.dir+"/other")
	l.install("--wait", "--timeout", "60s")
	// A pod that is stopped goes when its node has unmounted the volume, one that has ended may go before: and while it is
	// mounted for one, the kubelet does not give it to the group of the next.
	plain := l.podOn(release, "touch /checkpoints/it 2>&1; echo that is all; sleep 600")
	assert.Contains(l.t, l.start(plain, "that is all"), "Permission denied")
	l.kill(plain.Name)
	l.saw("without fsGroup: %q", "Permission denied")

	group := int64(2000)
	pod := l.podOn(release, "cd /checkpoints && mkdir step-1 && head -c 1048576 /dev/urandom > step-1/shard && sync && echo digest $(sha256sum < step-1/shard)")
	pod.Spec.SecurityContext.FSGroup = &group
	l.saved[release] = digest(l.t, l.ran(pod))
	l.kept(release)
	l.saw("with it, and the backend `local`, kubelet gives the directory to the group, and the pod saves; who has no fsGroup can read it then, and not write")
	log := l.ran(l.podOn(release, "touch /checkpoints/it 2>&1 || echo it is refused"))
	assert.Contains(l.t, log, "Permission denied")

	l.helm("install", "second", charts.Chart(), "--values", l.options.ValuesFiles[0],
		"--set", "backend=hostPath,hostPath.path="+l.dir+"/other", "--wait", "--timeout", "60s")
	pod = l.podOn("second", "touch /checkpoints/it 2>&1 || echo it is refused")
	pod.Spec.SecurityContext.FSGroup = &group
	assert.Contains(l.t, l.ran(pod), "Permission denied")
	l.saw("with the backend `hostPath`, the default, kubelet leaves the directory alone: %q with fsGroup too; its owner and mode are set by `prepare`, or on the node", "Permission denied")
	return "as asked"
}

// elsewhere sends a pod to a node that the volume is not on.
func elsewhere(l *life) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	pod := l.podOn(release, "true")
	pod.Spec.NodeSelector = onNode(l.cluster.Workers()[1])
	l.create(pod)
	words := l.hears(pod.Name, "didn't match PersistentVolume's node affinity")
	l.saw("the pod stays %s: %q; way out: let the scheduler choose the node, or use storage that more than one reaches", corev1.PodPending, words)
	now := int64(0)
	require.NoError(l.t, l.client.CoreV1().Pods(l.ns).Delete(l.t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	l.kept(release)
	return "not scheduled"
}

// onceOnTwoNodes is storage that every node has mounted and that is attached to none: nothing counts its nodes.
func onceOnTwoNodes(l *life) string {
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
	l.saw("nobody refuses the second node: ReadWriteOnce is held only where volumes are attached; way out: ReadWriteMany where two nodes are meant, node affinity or ReadWriteOncePod where one is")
	return "not held"
}
