package install

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// volumeName returns the chart's name for the volume of a claim.
func (l *lifecycleStore) volumeName(claim string) string { return l.ns + "." + claim }

// profile sets the Pod Security profile of the namespace.
func (l *lifecycleStore) profile(name string) {
	l.t.Helper()
	_, err := l.client.CoreV1().Namespaces().Patch(l.t.Context(), l.ns, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"`+name+`"}}}`), metav1.PatchOptions{})
	require.NoError(l.t, err)
}

func (l *lifecycleStore) claim(name string) *corev1.PersistentVolumeClaim {
	l.t.Helper()
	claim, err := l.client.CoreV1().PersistentVolumeClaims(l.ns).Get(l.t.Context(), name, metav1.GetOptions{})
	require.NoError(l.t, err)
	return claim
}

func (l *lifecycleStore) volume(name string) *corev1.PersistentVolume {
	l.t.Helper()
	volume, err := l.client.CoreV1().PersistentVolumes().Get(l.t.Context(), name, metav1.GetOptions{})
	require.NoError(l.t, err)
	return volume
}

// deleteClaim deletes the release's claim and waits until it is gone.
func (l *lifecycleStore) deleteClaim() {
	l.t.Helper()
	claims := l.client.CoreV1().PersistentVolumeClaims(l.ns)
	require.NoError(l.t, claims.Delete(l.t.Context(), release, metav1.DeleteOptions{}))
	gone := l.until(patience, func() bool {
		_, err := claims.Get(l.t.Context(), release, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	require.True(l.t, gone, "claim %s does not go away", release)
}

// volumeGone waits until the volume is deleted.
func (l *lifecycleStore) volumeGone(name string) {
	l.t.Helper()
	gone := l.until(patience, func() bool {
		_, err := l.client.CoreV1().PersistentVolumes().Get(l.t.Context(), name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	require.True(l.t, gone, "volume %s does not go away", name)
}

// claimBecomes waits until the claim is in a phase, and returns the phase.
func (l *lifecycleStore) claimBecomes(name string, phase corev1.PersistentVolumeClaimPhase) corev1.PersistentVolumeClaimPhase {
	l.t.Helper()
	var claim *corev1.PersistentVolumeClaim
	so := l.until(patience, func() bool {
		var err error
		claim, err = l.client.CoreV1().PersistentVolumeClaims(l.ns).Get(l.t.Context(), name, metav1.GetOptions{})
		return err == nil && claim.Status.Phase == phase
	})
	require.True(l.t, so, "claim %s is %s and not %s: %s", name, claim.Status.Phase, phase, l.events(name))
	return claim.Status.Phase
}

// volumeBecomes waits until the volume is in a phase, and returns the phase.
func (l *lifecycleStore) volumeBecomes(name string, phase corev1.PersistentVolumePhase) corev1.PersistentVolumePhase {
	l.t.Helper()
	var volume *corev1.PersistentVolume
	so := l.until(patience, func() bool {
		var err error
		volume, err = l.client.CoreV1().PersistentVolumes().Get(l.t.Context(), name, metav1.GetOptions{})
		return err == nil && volume.Status.Phase == phase
	})
	require.True(l.t, so, "volume %s is %s and not %s: %s", name, volume.Status.Phase, phase, volume.Status.Message)
	return volume.Status.Phase
}

// hears waits for an event on an object of the namespace with these words, and returns them.
func (l *lifecycleStore) hears(name, words string) string {
	l.t.Helper()
	heard := l.until(patience, func() bool { return strings.Contains(l.events(name), words) })
	require.True(l.t, heard, "%s: no event says %q: %s", name, words, l.events(name))
	return words
}

// stays checks that the claim stays in its phase for as long as the controllers need to act.
func (l *lifecycleStore) stays(name string, phase corev1.PersistentVolumeClaimPhase) corev1.PersistentVolumeClaimPhase {
	l.t.Helper()
	changed := l.until(3*time.Second, func() bool { return l.claim(name).Status.Phase != phase })
	require.False(l.t, changed, "claim %s does not stay %s", name, phase)
	return phase
}

// release removes the uid from the claimRef of a Released volume, so that a new claim of the same name can bind. The claim
// with that uid no longer exists.
func (l *lifecycleStore) release(volume string) {
	l.t.Helper()
	_, err := l.client.CoreV1().PersistentVolumes().Patch(l.t.Context(), volume, types.JSONPatchType,
		[]byte(`[{"op":"remove","path":"/spec/claimRef/uid"}]`), metav1.PatchOptions{})
	require.NoError(l.t, err)
}

// asNotesSay runs the command that the release's notes give below a line that begins with the words.
func (l *lifecycleStore) asNotesSay(words string) {
	l.t.Helper()
	_, rest, found := strings.Cut(l.helm("get", "notes", release), "\n  "+words)
	require.True(l.t, found, "the notes do not say what to do when: %s", words)
	command := strings.ReplaceAll(strings.TrimSpace(strings.Split(rest, "\n")[1]), "helm ", l.program+" ")
	run := exec.CommandContext(l.t.Context(), "sh", "-euc", command)
	run.Env = append(os.Environ(), "KUBECONFIG="+l.cluster.Kubeconfig())
	out, err := run.CombinedOutput()
	require.NoError(l.t, err, "%s: %s", command, out)
}

func (l *lifecycleStore) patchVolume(name string, patch map[string]any) {
	l.t.Helper()
	text, err := json.Marshal(patch)
	require.NoError(l.t, err)
	_, err = l.client.CoreV1().PersistentVolumes().Patch(l.t.Context(), name, types.MergePatchType, text, metav1.PatchOptions{})
	require.NoError(l.t, err)
}

// pair is the state that a refused upgrade must not change.
type pair struct {
	Claim  types.UID
	Volume types.UID
	Asked  corev1.PersistentVolumeClaimSpec
	Given  corev1.PersistentVolumeSpec
	Labels [2]map[string]string
}

func (l *lifecycleStore) pair(claim string) pair {
	l.t.Helper()
	l.claimBecomes(claim, corev1.ClaimBound)
	pvc := l.claim(claim)
	pv := l.volume(pvc.Spec.VolumeName)
	given := *pv.Spec.DeepCopy()
	// It changes with every change of the claim, even of a label.
	given.ClaimRef.ResourceVersion = ""
	return pair{Claim: pvc.UID, Volume: pv.UID, Asked: pvc.Spec, Given: given, Labels: [2]map[string]string{pvc.Labels, pv.Labels}}
}

// makeClass creates a class without a provisioner: its volumes are created by hand. Its name begins with the namespace, so
// that removeClasses finds it.
func (l *lifecycleStore) makeClass(name string, grows bool) string {
	l.t.Helper()
	name = l.ns + "." + name
	binding := storagev1.VolumeBindingImmediate
	_, err := l.client.StorageV1().StorageClasses().Create(l.t.Context(), &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: name},
		Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &binding, AllowVolumeExpansion: &grows,
	}, metav1.CreateOptions{})
	require.NoError(l.t, err)
	return name
}

// makeVolume creates a volume with the policy Retain on the directory of the case. Any claim can bind it if claim is "".
func (l *lifecycleStore) makeVolume(name, class, claim string) {
	l.t.Helper()
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			StorageClassName:              class,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: l.dir + "/data"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: "kubernetes.io/hostname", Operator: corev1.NodeSelectorOpIn, Values: []string{l.cluster.Workers()[0]},
				}},
			}}}},
		},
	}
	if claim != "" {
		volume.Spec.ClaimRef = &corev1.ObjectReference{Namespace: l.ns, Name: claim}
	}
	_, err := l.client.CoreV1().PersistentVolumes().Create(l.t.Context(), volume, metav1.CreateOptions{})
	require.NoError(l.t, err)
	// An unbound volume would remain.
	l.t.Cleanup(func() {
		err := l.client.CoreV1().PersistentVolumes().Delete(cleanup(l.t), name, metav1.DeleteOptions{})
		assert.True(l.t, err == nil || apierrors.IsNotFound(err), err)
	})
}

// makeClaim creates a claim for the volume, or for any of the class if volume is "".
func (l *lifecycleStore) makeClaim(name, class, volume string) {
	l.t.Helper()
	_, err := l.client.CoreV1().PersistentVolumeClaims(l.ns).Create(l.t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class, VolumeName: volume,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	require.NoError(l.t, err)
}
