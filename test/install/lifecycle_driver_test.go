package install

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lifecycleDriver are the cases that need a CSI driver that attaches, clones and takes snapshots.
var lifecycleDriver = []lifecycleCase{
	{title: "ReadWriteOnce on a second node: storage that is attached", prove: attachedOnce, one: noHelm},
	{title: "ReadWriteOncePod and a second pod", prove: onePod, one: noHelm},
	{title: "a store is filled from another claim: `claim.dataSourceRef`", prove: cloned},
	{title: "a store is filled from a VolumeSnapshot: `claim.dataSourceRef`", prove: restored},
	{title: "`shards: 3`, each filled from the VolumeSnapshot of its number", prove: restoredShards},
}

const lifecycleDriverName = "lifecycle.csi.example.com"

func TestLifecycleDriver(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	snapshotKinds(t, c)
	csi.Install(t, c, "lifecycle", []csi.Driver{{Name: lifecycleDriverName, Attach: true, FSGroup: "None", Copies: true}})
	t.Run("cases", func(t *testing.T) { runLifecycle(t, c, lifecycleDriver, true) })
}

// snapshotKinds installs the snapshot CRDs of the module that the driver is built with.
func snapshotKinds(t *testing.T, c cluster.Cluster) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-C", filepath.Join(charts.Root(), "test", "csidriver"), "-m", "-f", "{{.Dir}}",
		"github.com/kubernetes-csi/external-snapshotter/client/v8").Output()
	require.NoError(t, err)
	options := k8s.NewKubectlOptions("", c.Kubeconfig(), "")
	options.Logger = logger.Discard
	for _, kind := range []string{"volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots"} {
		file := filepath.Join(strings.TrimSpace(string(out)), "config", "crd", "snapshot.storage.k8s.io_"+kind+".yaml")
		said, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), options, "apply", "--server-side", "--filename", file)
		require.NoError(t, err, said)
		t.Cleanup(func() {
			said, err := k8s.RunKubectlAndGetOutputContextE(t, cleanup(t), options, "delete", "--ignore-not-found", "--filename", file)
			assert.NoError(t, err, said)
		})
		// A new CRD has no conditions yet, which is an error for kubectl wait.
		require.Eventually(t, func() bool {
			_, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), options, "wait", "--for=condition=Established", "--timeout=60s", "--filename", file)
			return err == nil
		}, patience, time.Second, file)
	}
}

// driven returns the values of a static store of the driver.
func (l *lifecycleStore) driven(mode string) string {
	return "backend: csi\nsize: 1Gi\ntest: {enabled: false}\naccessModes: [" + mode + "]\ncsi: {driver: " + lifecycleDriverName + ", volumeHandle: " + l.ns + "}\n"
}

// twoPods starts a pod that uses the claim and a second one, and checks the event on the second; then it deletes the first.
func (l *lifecycleStore) twoPods(first, second, words string) {
	l.t.Helper()
	holder := l.podOn(release, "echo holds; sleep 600")
	holder.Spec.NodeSelector = onNode(first)
	l.start(holder, "holds")
	pod := l.podOn(release, "true")
	pod.Spec.NodeSelector = onNode(second)
	l.create(pod)
	l.hears(pod.Name, words)
	got, err := l.client.CoreV1().Pods(l.ns).Get(l.t.Context(), pod.Name, metav1.GetOptions{})
	require.NoError(l.t, err)
	l.saw("the second pod stays %s: %q", got.Status.Phase, words)
	require.Equal(l.t, corev1.PodPending, got.Status.Phase)
	l.kill(holder.Name)
	done := l.until(patience, func() bool {
		got, err := l.client.CoreV1().Pods(l.ns).Get(l.t.Context(), pod.Name, metav1.GetOptions{})
		return err == nil && got.Status.Phase == corev1.PodSucceeded
	})
	require.True(l.t, done, l.events(pod.Name))
	l.kill(pod.Name)
	l.saw("it runs when the first has ended")
}

func attachedOnce(l *lifecycleStore) string {
	l.use(l.driven("ReadWriteOnce"))
	l.install("--wait", "--timeout", "60s")
	at := l.cluster.Workers()
	l.home = at[0]
	l.save(release)
	l.twoPods(at[0], at[1], "Volume is already used by pod(s)")
	l.kept(release)
	return "not mounted"
}

func onePod(l *lifecycleStore) string {
	l.use(l.driven("ReadWriteOncePod"))
	l.install("--wait", "--timeout", "60s")
	at := l.cluster.Workers()
	l.home = at[0]
	l.save(release)
	l.twoPods(at[0], at[0], "ReadWriteOncePod access mode already in-use by another pod")
	l.kept(release)
	return "not scheduled"
}

// copied returns the values of a store whose volumes can be cloned.
func (l *lifecycleStore) copied() string {
	return "backend: csi\nprovisioning: dynamic\nsize: 64Mi\ntest: {enabled: false}\naccessModes: [ReadWriteMany]\ncsi: {driver: " + lifecycleDriverName +
		"}\nstorageClass: {create: true, volumeBindingMode: Immediate}\n"
}

// filled installs a second store from the data of the first, and checks that they are independent.
func (l *lifecycleStore) filled(source string) {
	l.t.Helper()
	class := *l.claim(release).Spec.StorageClassName
	before := l.pair(release)
	out, err := l.tryUpgrade("--set-json", "claim.dataSourceRef="+source)
	l.refused(out, err, "immutable")
	assert.Equal(l.t, before, l.pair(release))
	l.saw("on the claim that is there already the API refuses it, and nothing changes")
	second := []string{"second", charts.Chart(), "--values", l.options.ValuesFiles[0], "--set-json", "storageClass={\"create\": false}",
		"--set", "storageClassName=" + class, "--set-json", "claim.dataSourceRef=" + source}
	l.helm("install", append(second, "--wait", "--timeout", "120s")...)
	l.bound("second")
	l.saved["second"] = l.saved[release]
	l.kept("second")
	l.ran(l.podOn("second", "echo other > /checkpoints/step-1/shard; sync"))
	l.kept(release)
	l.saw("a release of another name has a claim that begins with the bytes; what is written there does not reach the first")
	l.helm("upgrade", append(second, "--set", "claim.labels.team=a", "--wait", "--timeout", "60s")...)
	l.saw("its later upgrades go through with the data source in the values")
}

func cloned(l *lifecycleStore) string {
	l.use(l.copied())
	l.install("--wait", "--timeout", "120s")
	l.save(release)
	l.filled(fmt.Sprintf(`{"kind": "PersistentVolumeClaim", "name": %q}`, release))
	return "filled"
}
