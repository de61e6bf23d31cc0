package doctor

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	core "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

const manifest = `---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: training.checkpoints
  labels: {app.kubernetes.io/Instance: checkpoints}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: training, name: checkpoints}
  hostPath: {path: /mnt/a}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: checkpoints
  namespace: training
  labels: {app.kubernetes.io/Instance: checkpoints}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: ""
  volumeName: training.checkpoints
  resources: {requests: {storage: 1Gi}}
`

// stored returns the release's Secret as Helm writes it.
func stored(t *testing.T, manifest string) *corev1.Secret {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(`{"info":{"status":"deployed"},"manifest":` + quote(manifest) + `}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1.checkpoints.v1", Namespace: ns, Labels: map[string]string{
			"owner": "helm", "name": theRelease, "status": "deployed", "version": "1",
		}},
		Data: map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))},
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace(s) + `"`
}

// cluster returns a fake clientset with the objects of a healthy snapshot.
func fakeCluster(t *testing.T, secrets bool) *fake.Clientset {
	t.Helper()
	s := well()
	objects := []runtime.Object{&s.Claims[0], &s.Volumes[0]}
	if secrets {
		objects = append(objects, stored(t, manifest))
	}
	return fake.NewClientset(objects...)
}

// forbid makes listing a resource forbidden.
func forbid(client *fake.Clientset, resource string) {
	client.PrependReactor("list", resource, func(core.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	})
}

// TestReadStored checks that the newest revision gives the wanted objects.
func TestReadStored(t *testing.T) {
	client := fakeCluster(t, true)
	ctx := context.Background()
	require.NoError(t, client.CoreV1().PersistentVolumeClaims(ns).Delete(ctx, theRelease, metav1.DeleteOptions{}))
	s, err := Read(ctx, client, theRelease, ns)
	require.NoError(t, err)
	require.Len(t, s.WantClaims, 1)
	require.Len(t, s.WantVolumes, 1)
	s.Volumes[0].Status.Phase = corev1.VolumeReleased
	report := Of(s)
	require.Len(t, report.Diagnoses, 1)
	assert.Equal(t, "claim-deleted", report.Diagnoses[0].ID)

	// The repair changes both objects, and shows each change first.
	var shown []string
	require.NoError(t, Fix(ctx, client, report.Diagnoses, func(_ Diagnosis, c Change) { shown = append(shown, c.Command.String()) }))
	assert.Len(t, shown, 2)
	claim, err := client.CoreV1().PersistentVolumeClaims(ns).Get(ctx, theRelease, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, pv, claim.Spec.VolumeName)
	assert.Equal(t, theRelease, claim.Annotations["meta.helm.sh/release-name"], "Helm would not take it back")
	volume, err := client.CoreV1().PersistentVolumes().Get(ctx, pv, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, corev1.ObjectReference{Namespace: ns, Name: theRelease}, *volume.Spec.ClaimRef)
}

// TestFixIsLate checks that a volume that has changed since it was read is not touched.
func TestFixIsLate(t *testing.T) {
	for name, since := range map[string]func(*corev1.PersistentVolume){
		"changed":   func(v *corev1.PersistentVolume) { v.ResourceVersion = "6" },
		"recreated": func(v *corev1.PersistentVolume) { v.UID = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			client := fakeCluster(t, true)
			ctx := context.Background()
			s, err := Read(ctx, client, theRelease, ns)
			require.NoError(t, err)
			now := s.Volumes[0].DeepCopy()
			since(now)
			_, err = client.CoreV1().PersistentVolumes().Update(ctx, now, metav1.UpdateOptions{})
			require.NoError(t, err)
			s.Claims[0].Status.Phase, s.Volumes[0].Status.Phase = corev1.ClaimPending, corev1.VolumeReleased
			s.Volumes[0].Spec.ClaimRef.UID = uidOld
			report := Of(s)
			require.Equal(t, "volume-released", report.Diagnoses[0].ID)
			require.Error(t, Fix(ctx, client, report.Diagnoses, func(Diagnosis, Change) {}))
			volume, err := client.CoreV1().PersistentVolumes().Get(ctx, pv, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, uidNew, volume.Spec.ClaimRef.UID)
		})
	}
}

// TestForbidden checks that a resource that may not be read is listed, that the others are read, and that nothing is
// concluded from it.
func TestForbidden(t *testing.T) {
	resources := []string{
		"secrets", "persistentvolumeclaims", "persistentvolumes", "pods", "events", "resourcequotas", "configmaps", "jobs",
		"statefulsets", "replicasets", "storageclasses", "csidrivers", "csinodes", "volumeattachments", "nodes",
	}
	for _, resource := range resources {
		t.Run(resource, func(t *testing.T) {
			client := fakeCluster(t, true)
			forbid(client, resource)
			s, err := Read(context.Background(), client, theRelease, ns)
			require.NoError(t, err)
			require.Len(t, s.Unread, 1)
			assert.Equal(t, resource, s.Unread[0].Resource)
			report := Of(s)
			assert.Empty(t, report.Diagnoses)
			assert.Equal(t, []string{theRelease}, report.Claims)
			var text strings.Builder
			require.NoError(t, report.WriteText(&text))
			assert.Contains(t, text.String(), resource+": ")
			if resource == "secrets" {
				assert.Contains(t, text.String(), "the objects labelled app.kubernetes.io/instance=checkpoints are used instead")
			}
		})
	}
	// All of them at once: a Released volume is still found.
	client := fakeCluster(t, false)
	for _, resource := range []string{"secrets", "storageclasses", "csidrivers", "csinodes", "volumeattachments", "nodes"} {
		forbid(client, resource)
	}
	s, err := Read(context.Background(), client, theRelease, ns)
	require.NoError(t, err)
	assert.Len(t, s.Unread, 6)
	s.Claims[0].Status.Phase, s.Volumes[0].Status.Phase, s.Volumes[0].Spec.ClaimRef.UID = corev1.ClaimPending, corev1.VolumeReleased, uidOld
	assert.Equal(t, "volume-released", Of(s).Diagnoses[0].ID)
}

// TestUnreachable checks that a cluster that does not answer is an error.
func TestUnreachable(t *testing.T) {
	client := fakeCluster(t, true)
	client.PrependReactor("list", "nodes", func(core.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no route to host") })
	_, err := Read(context.Background(), client, theRelease, ns)
	require.EqualError(t, err, "nodes cannot be read: no route to host")
}

// TestOfOthers checks that a claim that the release only publishes is examined.
func TestOfOthers(t *testing.T) {
	s := well()
	s.WantClaims, s.WantVolumes, s.Claims[0].Labels, s.Volumes[0].Labels = nil, nil, nil, nil
	assert.Empty(t, s.claimNames())
	s.ConfigMaps = []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{Instance: theRelease}}, Data: map[string]string{"CHECKPOINT_CLAIMS": "checkpoints fast"}}}
	assert.Equal(t, []string{"checkpoints", "fast"}, s.claimNames())
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "claim-missing", got[0].ID)
	assert.Equal(t, "claim training/fast", got[0].Object)
}

// TestManyWait checks that pods with the same cause share a diagnosis, and that the pods of a broken claim are listed with
// its diagnosis.
func TestManyWait(t *testing.T) {
	s := well()
	second := s.Pods[0]
	second.Name, second.UID = "second", "pod2"
	s.Pods = append(s.Pods, second)
	s.waits("FailedMount", "access denied by server")
	s.Pods[1].Status.Phase = corev1.PodPending
	s.event("pod2", "FailedMount", "access denied by server")
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, []string{"pod training/second"}, got[0].Waits)

	s.Volumes[0].Spec.ClaimRef.Name = "decoy"
	s.Claims[0].Status.Phase = corev1.ClaimPending
	got = Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "volume-taken", got[0].ID)
	assert.Equal(t, []string{"trainer", "second"}, got[0].Waits)
}

// TestMadeSince checks that an outdated event is no cause.
func TestMadeSince(t *testing.T) {
	s := well()
	s.StatefulSets = []appsv1.StatefulSet{{ObjectMeta: metav1.ObjectMeta{Name: "train", UID: "set"}, Spec: appsv1.StatefulSetSpec{Template: corev1.PodTemplateSpec{Spec: s.Pods[0].Spec}}}}
	s.event("set", "FailedCreate", `pods "train-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0`)
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "quota-exceeded", got[0].ID)
	s.Pods[0].OwnerReferences = []metav1.OwnerReference{{UID: "set", Controller: ptr.To(true)}}
	assert.Len(t, Examine(s), 1, "a pod from before the refusal")
	s.Pods[0].CreationTimestamp = at(0)
	assert.Empty(t, Examine(s))
}
