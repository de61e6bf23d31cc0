package install

import (
	"fmt"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var (
	getOptions = metav1.GetOptions{}
	create     = metav1.CreateOptions{}
)

// brokenStore is a store that a scenario breaks.
type brokenStore struct {
	*store
	release, kubeconfig, folder string
	// driver is the tests' CSI driver, if the scenario needs one; mend ends its failure.
	driver *csi.Installation
	mend   func()
}

// made labels volumes that a test created without the chart: no claim may be bound to them.
const made = "checkpoint-storage-doctor"

func newBrokenStore(t *testing.T, c cluster.Cluster, a scenario, way way) *brokenStore {
	t.Helper()
	profile := a.profile
	if profile == "" {
		profile = "baseline"
	}
	s := newStoreOn(t, c, way.namespace+doctorName(a.title), profile)
	b := &brokenStore{store: s, release: release, kubeconfig: s.cluster.Kubeconfig()}
	b.takeDown()
	t.Cleanup(b.takeDown)
	t.Cleanup(s.removeClasses)
	s.removeClasses()
	return b
}

// doctorName makes a namespace of a title, short enough that names derived from it are not cut.
func doctorName(title string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out.WriteRune(r)
		case out.Len() > 0 && !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
	}
	return strings.Trim(out.String()[:min(out.Len(), 40)], "-")
}

func (b *brokenStore) takeDown() {
	ctx := cleanup(b.t)
	volumes := b.client.CoreV1().PersistentVolumes()
	left, err := volumes.List(ctx, metav1.ListOptions{LabelSelector: made + "=" + b.ns})
	require.NoError(b.t, err)
	for _, v := range left.Items {
		_, _ = volumes.Patch(ctx, v.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		_ = volumes.Delete(ctx, v.Name, metav1.DeleteOptions{})
	}
}

// dir is the volume's directory on the first worker, bytes is its content before the store is broken.
func (b *brokenStore) dir() string   { return "/mnt/checkpoints/" + b.ns }
func (b *brokenStore) bytes() string { return "saved by " + b.ns }

func (b *brokenStore) makeDir() {
	run(b.t, b.cluster, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s; echo '%[2]s' >%[1]s/bytes", b.dir(), b.bytes()))
}

// exported is the directory that the storage node exports for the store; export creates it, or recreates it.
func (b *brokenStore) exported() string { return "/srv/export/" + b.ns }
func (b *brokenStore) export() {
	b.t.Helper()
	onStorage(b.t, b.cluster, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; echo '%[2]s' >%[1]s/bytes", b.exported(), b.bytes()))
}

// onStorageNode schedules a pod on the storage node.
func (b *brokenStore) onStorageNode(spec *corev1.PodSpec) {
	spec.NodeSelector = onNode(b.cluster.Storage().Node)
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

// install installs the chart with values as JSON members.
func (b *brokenStore) install(values ...string) {
	b.t.Helper()
	args := []string{"install", b.release, charts.Chart()}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	b.helm(args[0], args[1:]...)
}

// onFirst returns the values for a directory of the first worker.
func (b *brokenStore) onFirst(backend string) []string {
	return []string{
		fmt.Sprintf("backend=%q", backend), fmt.Sprintf(`%s={"path":%q}`, backend, b.dir()),
		`size="1Gi"`, "volume.nodeAffinity=" + affinityTo(b.cluster.Workers()[0]),
	}
}

func affinityTo(node string) string {
	return fmt.Sprintf(`{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":[%q]}]}]}}`, node)
}

// static installs a store on a directory of the first worker with bytes in it, and waits for the claim.
func (b *brokenStore) static() {
	b.t.Helper()
	b.makeDir()
	b.install(b.onFirst("hostPath")...)
	b.bound(release)
}

// byOthers installs a release that creates nothing, and creates a volume and a claim without the chart.
func (b *brokenStore) byOthers(change func(*corev1.PersistentVolume, *corev1.PersistentVolumeClaim)) {
	b.t.Helper()
	b.makeDir()
	b.publish()
	volume, claim := b.volume("by-hand"), b.claim(release, b.ns+".by-hand")
	change(volume, claim)
	_, err := b.client.CoreV1().PersistentVolumes().Create(b.t.Context(), volume, create)
	require.NoError(b.t, err)
	_, err = b.client.CoreV1().PersistentVolumeClaims(b.ns).Create(b.t.Context(), claim, create)
	require.NoError(b.t, err)
}

// publish installs a release that only publishes an existing claim.
func (b *brokenStore) publish() {
	b.t.Helper()
	b.release = "store"
	b.install(`provisioning="existing"`, fmt.Sprintf("claim.existing=%q", release))
}

// volume returns a volume on a directory of the first worker, without a claimRef.
func (b *brokenStore) volume(name string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: b.ns + "." + name, Labels: map[string]string{made: b.ns}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: b.dir()}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{b.cluster.Workers()[0]}}},
			}}}},
		},
	}
}

// claim returns a claim for the named volume, or for any if the name is empty.
func (b *brokenStore) claim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeName: volume, StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

// pod returns a pod that mounts the claim and runs a script, changed as given.
func (b *brokenStore) pod(name string, change func(*corev1.PodSpec), script string) *corev1.Pod {
	spec := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: ptr.To(int64(0)), AutomountServiceAccountToken: ptr.To(false),
		Containers: []corev1.Container{{
			Name: "trainer", Image: "busybox:1.37.0", ImagePullPolicy: corev1.PullNever, Command: []string{"sh", "-c", script},
			VolumeMounts: []corev1.VolumeMount{{Name: "checkpoints", MountPath: "/checkpoints"}},
		}},
		Volumes: []corev1.Volume{{Name: "checkpoints", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: release},
		}}},
	}
	if change != nil {
		change(&spec)
	}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.ns}, Spec: spec}
}

// train creates a training pod, and does not wait for it.
func (b *brokenStore) train(name string, change func(*corev1.PodSpec)) {
	b.t.Helper()
	b.create(b.pod(name, change, "sleep 3600"))
}

// kubectl runs kubectl in the namespace.
func (b *brokenStore) kubectl(args ...string) {
	b.t.Helper()
	b.shell("kubectl -n " + b.ns + " " + strings.Join(args, " "))
}

// deleteClaim deletes the claim and waits until it is gone.
func (b *brokenStore) deleteClaim() {
	b.t.Helper()
	b.kubectl("delete pvc " + release)
}

// deleteVolume deletes the volume under the claim, with its finalizers, and waits until the claim is Lost.
func (b *brokenStore) deleteVolume() {
	b.t.Helper()
	name := b.ns + "." + release
	b.kubectl("delete pv " + name + " --wait=false")
	b.kubectl("patch pv " + name + ` --type=merge -p '{"metadata":{"finalizers":null}}'`)
	lost := b.until(patience, func() bool {
		claim, err := b.client.CoreV1().PersistentVolumeClaims(b.ns).Get(b.t.Context(), release, getOptions)
		return err == nil && claim.Status.Phase == corev1.ClaimLost
	})
	require.True(b.t, lost, "the claim is not Lost")
}
