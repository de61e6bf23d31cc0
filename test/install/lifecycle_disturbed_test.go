package install

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lifecycleDisturbed are the cases that disturb the whole cluster; they run one after the other.
var lifecycleDisturbed = []lifecycleCase{
	{title: "the node stops and starts while a pod saves", prove: nodeStopped, one: noHelm},
	{title: "kubelet is killed while a pod saves", prove: kubeletKilled, one: noHelm},
	{title: "the API server is killed during an install", prove: apiServerKilled},
}

// TestLifecycleDisturbed checks that saved checkpoints survive the failure of a node, a kubelet and the API server. Nothing
// else can use the cluster meanwhile.
func TestLifecycleDisturbed(t *testing.T) {
	t.Parallel()
	runLifecycle(t, cluster.Alone(t), lifecycleDisturbed, false)
}

// saveOn saves checkpoints one after the other, each published by a rename once it is on the disk, and logs each. It
// continues after the checkpoints that it finds.
const saveOn = `
set -eu
cd /checkpoints
set -- save-*[0-9]
[ -d "$1" ] || shift
n=$#
while :; do
  n=$((n + 1))
  rm -rf save-$n.part
  mkdir save-$n.part
  head -c 262144 /dev/urandom > save-$n.part/shard
  (cd save-$n.part && sha256sum shard > SHA256SUMS)
  sync
  mv save-$n.part save-$n
  sync
  echo "saved $n"
  sleep 0.2
done
`

// wholeSaves verifies every published checkpoint, and prints their number.
const wholeSaves = `
cd /checkpoints
n=0
while [ -d save-$((n + 1)) ]; do
  n=$((n + 1))
  (cd save-$n && sha256sum -c -s SHA256SUMS) || echo "torn: save-$n"
done
echo "whole $n"
`

// writer starts a pod that keeps saving, and restarts with its node.
func (l *lifecycleStore) writer() *corev1.Pod {
	l.t.Helper()
	pod := l.podOn(release, saveOn)
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	l.start(pod, "saved 3\n")
	pod, err := l.client.CoreV1().Pods(l.ns).Get(l.t.Context(), pod.Name, metav1.GetOptions{})
	require.NoError(l.t, err)
	return pod
}

// published counts the published checkpoints on the node's disk, without the API server.
func (l *lifecycleStore) published() int {
	l.t.Helper()
	out, err := l.cluster.Exec(l.t.Context(), l.cluster.Workers()[0], "cd "+l.dir+`/data; set -- save-*[0-9]; [ -d "$1" ] || shift; echo $#`)
	require.NoError(l.t, err)
	n, err := strconv.Atoi(out)
	require.NoError(l.t, err)
	return n
}

// savesOn waits until the pod has saved more checkpoints, stops it, and verifies all that were published.
func (l *lifecycleStore) savesOn(pod *corev1.Pod, least int) {
	l.t.Helper()
	more := l.until(patience, func() bool { return l.published() > least+2 })
	require.True(l.t, more, "nothing is saved since: %s", l.events(pod.Name))
	l.bound(release)
	l.kill(pod.Name)
	log := l.ran(l.podOn(release, wholeSaves))
	require.NotContains(l.t, log, "torn")
	_, count, _ := strings.Cut(log, "whole ")
	var whole int
	_, err := fmt.Sscan(count, &whole)
	require.NoError(l.t, err)
	require.Greater(l.t, whole, least, "checkpoints that were published are gone")
	l.bytes = "yes, every checkpoint that was published"
}

// restartNode stops and starts a node, and waits for its container runtime.
func restartNode(t *testing.T, c cluster.Cluster, node string) {
	t.Helper()
	require.NoError(t, c.Docker(t.Context(), "stop", "--time", "1", node))
	require.NoError(t, c.Docker(t.Context(), "start", node))
	_, err := c.Exec(t.Context(), node, "timeout 60 sh -c 'until crictl ps >/dev/null 2>&1; do sleep 0.2; done'")
	require.NoError(t, err)
}

func nodeStopped(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	before := l.pair(release)
	pod := l.writer()
	least := l.published()
	restartNode(l.t, l.cluster, pod.Spec.NodeName)
	// It kept saving until the node stopped.
	l.savesOn(pod, max(least, l.published()))
	assert.Equal(l.t, before, l.pair(release))
	l.saw("the claim stays Bound, the pod starts again and saves on; an unfinished save is started again")
	return "kept"
}

func kubeletKilled(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	before := l.pair(release)
	pod := l.writer()
	least := l.published()
	// There may be no kubelet for a moment, in which case pidof fails.
	pid := func() string {
		out, err := l.cluster.Exec(l.t.Context(), pod.Spec.NodeName, "pidof kubelet || true")
		require.NoError(l.t, err)
		return out
	}
	first := pid()
	require.NotEmpty(l.t, first)
	_, err := l.cluster.Exec(l.t.Context(), pod.Spec.NodeName, "kill -9 "+first)
	require.NoError(l.t, err)
	back := l.until(patience, func() bool { now := pid(); return now != "" && now != first })
	require.True(l.t, back, "kubelet does not come back")
	l.savesOn(pod, least)
	assert.Equal(l.t, before, l.pair(release))
	l.saw("the claim stays Bound and the pod saves on")
	return "kept"
}

// apiServerKilled kills the API server as soon as the first of many volumes exists.
func apiServerKilled(l *lifecycleStore) string {
	l.rankDirectories(4 * ranks)
	l.use(l.shards(4*ranks) + "keep: false\n")
	l.install("--wait", "--timeout", "60s")
	l.save(release + "-0")
	l.helm("uninstall", release, "--wait", "--timeout", "120s")

	done := make(chan error, 1)
	go func() {
		// Claims are bound one after the other, so Helm is busy for a while.
		_, err := l.tryInstall("--wait", "--timeout", "60s")
		done <- err
	}()
	begun := l.until(patience, func() bool {
		_, err := l.client.CoreV1().PersistentVolumes().Get(l.t.Context(), l.ns+"."+release+"-0", metav1.GetOptions{})
		return err == nil
	})
	require.True(l.t, begun)
	_, err := l.cluster.Exec(l.t.Context(), l.cluster.ControlPlane(), "kill -9 $(pidof kube-apiserver)")
	require.NoError(l.t, err)
	select {
	case err := <-done:
		require.Fail(l.t, "the install was over before the API server was killed", "%v", err)
	default:
	}
	l.t.Log("the install:", <-done)
	back := l.until(patience, func() bool {
		_, err := l.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(l.t.Context())
		return err == nil
	})
	require.True(l.t, back, "the API server does not come back")

	// Helm may have recorded the failure, or not.
	out, err := l.tryHelm("upgrade", release, "--install", charts.Chart(), "--values", l.options.ValuesFiles[0])
	l.t.Log("the upgrade:", out, err)
	if err != nil {
		require.Contains(l.t, out, "another operation")
		l.helm("uninstall", release, "--wait", "--timeout", "120s")
		l.install()
	}
	for rank := range 4 * ranks {
		l.bound(fmt.Sprintf("%s-%d", release, rank))
	}
	l.kept(release + "-0")
	l.saw("fix: `helm upgrade --install`; where that says that another operation is in progress, `helm uninstall` and install again, which with `keep: false`, as here, deletes claims and volumes and recreates them on the same directories; every claim is Bound")
	return "repaired"
}
