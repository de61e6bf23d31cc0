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

// ward is a store to be broken, with what it takes to break it.
type ward struct {
	*store
	release, kubeconfig, folder string
	// driver is the tests' CSI driver, for those that need it; mend has it go on after what it was told to refuse.
	driver *csi.Installation
	mend   func()
}

// made marks volumes that a test made by hand: a claim may never have had them.
const made = "checkpoint-storage-doctor"

func newWard(t *testing.T, c cluster.Cluster, a ailment, way way) *ward {
	t.Helper()
	profile := a.profile
	if profile == "" {
		profile = "baseline"
	}
	s := newStoreOn(t, c, way.namespace+doctorName(a.title), profile)
	w := &ward{store: s, release: release, kubeconfig: s.cluster.Kubeconfig()}
	w.takeDown()
	t.Cleanup(w.takeDown)
	t.Cleanup(s.removeClasses)
	s.removeClasses()
	return w
}

// doctorName makes a name of a title, so short that the names of what is made in it need no cutting.
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

func (w *ward) takeDown() {
	ctx := cleanup(w.t)
	volumes := w.client.CoreV1().PersistentVolumes()
	left, err := volumes.List(ctx, metav1.ListOptions{LabelSelector: made + "=" + w.ns})
	require.NoError(w.t, err)
	for _, v := range left.Items {
		_, _ = volumes.Patch(ctx, v.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		_ = volumes.Delete(ctx, v.Name, metav1.DeleteOptions{})
	}
}

// dir is the directory of the first worker that the volume is, bytes what is in it before anything is broken.
func (w *ward) dir() string   { return "/mnt/checkpoints/" + w.ns }
func (w *ward) bytes() string { return "saved by " + w.ns }

func (w *ward) makeDir() {
	run(w.t, w.cluster, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s; echo '%[2]s' >%[1]s/bytes", w.dir(), w.bytes()))
}

// exported is the directory that the storage node exports for the ward, export makes it, anew where it was there.
func (w *ward) exported() string { return "/srv/export/" + w.ns }
func (w *ward) export() {
	w.t.Helper()
	onStorage(w.t, w.cluster, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; echo '%[2]s' >%[1]s/bytes", w.exported(), w.bytes()))
}

// onStorageNode has the scheduler put a pod on the storage node.
func (w *ward) onStorageNode(spec *corev1.PodSpec) {
	spec.NodeSelector = onNode(w.cluster.Storage().Node)
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

// install installs the chart with values as JSON members.
func (w *ward) install(values ...string) {
	w.t.Helper()
	args := []string{"install", w.release, charts.Chart()}
	for _, v := range values {
		args = append(args, "--set-json", v)
	}
	w.helm(args[0], args[1:]...)
}

// onFirst are the values of a directory of the first worker.
func (w *ward) onFirst(backend string) []string {
	return []string{
		fmt.Sprintf("backend=%q", backend), fmt.Sprintf(`%s={"path":%q}`, backend, w.dir()),
		`size="1Gi"`, "volume.nodeAffinity=" + affinityTo(w.cluster.Workers()[0]),
	}
}

func affinityTo(node string) string {
	return fmt.Sprintf(`{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":[%q]}]}]}}`, node)
}

// static installs a directory of the first worker with bytes in it, and waits for the claim.
func (w *ward) static() {
	w.t.Helper()
	w.makeDir()
	w.install(w.onFirst("hostPath")...)
	w.bound(release)
}

// byOthers installs a release that makes nothing, and a volume and a claim by hand, as clusters without the chart have them.
func (w *ward) byOthers(change func(*corev1.PersistentVolume, *corev1.PersistentVolumeClaim)) {
	w.t.Helper()
	w.makeDir()
	w.publish()
	volume, claim := w.volume("by-hand"), w.claim(release, w.ns+".by-hand")
	change(volume, claim)
	_, err := w.client.CoreV1().PersistentVolumes().Create(w.t.Context(), volume, create)
	require.NoError(w.t, err)
	_, err = w.client.CoreV1().PersistentVolumeClaims(w.ns).Create(w.t.Context(), claim, create)
	require.NoError(w.t, err)
}

// publish installs a release that only publishes the claim, which is somebody else's.
func (w *ward) publish() {
	w.t.Helper()
	w.release = "store"
	w.install(`provisioning="existing"`, fmt.Sprintf("claim.existing=%q", release))
}

// volume is a directory of the first worker that no claim is named in.
func (w *ward) volume(name string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns + "." + name, Labels: map[string]string{made: w.ns}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: w.dir()}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{w.cluster.Workers()[0]}}},
			}}}},
		},
	}
}

// claim asks for a volume of a name, or for any where there is none.
func (w *ward) claim(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeName: volume, StorageClassName: ptr.To(""),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

// pod mounts the claim and runs a script; nothing else is special about it, until change makes it so.
func (w *ward) pod(name string, change func(*corev1.PodSpec), script string) *corev1.Pod {
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
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.ns}, Spec: spec}
}

// train makes a pod that would train, and does not wait for it.
func (w *ward) train(name string, change func(*corev1.PodSpec)) {
	w.t.Helper()
	w.create(w.pod(name, change, "sleep 3600"))
}

// kubectl runs kubectl in the namespace.
func (w *ward) kubectl(args ...string) {
	w.t.Helper()
	w.shell("kubectl -n " + w.ns + " " + strings.Join(args, " "))
}

// deleteClaim deletes the claim and waits until it is gone.
func (w *ward) deleteClaim() {
	w.t.Helper()
	w.kubectl("delete pvc " + release)
}

// deleteVolume deletes the volume under the claim, which takes its protection away first, and waits until the claim knows.
func (w *ward) deleteVolume() {
	w.t.Helper()
	name := w.ns + "." + release
	w.kubectl("delete pv " + name + " --wait=false")
	w.kubectl("patch pv " + name + ` --type=merge -p '{"metadata":{"finalizers":null}}'`)
	lost := w.until(patience, func() bool {
		claim, err := w.client.CoreV1().PersistentVolumeClaims(w.ns).Get(w.t.Context(), release, getOptions)
		return err == nil && claim.Status.Phase == corev1.ClaimLost
	})
	require.True(w.t, lost, "the claim is not Lost")
}
