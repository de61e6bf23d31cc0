package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

// forged is a release written by a user who may edit only the namespace.
const forged = `---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: mine
  annotations: {pv.kubernetes.io/bound-by-controller: "yes", note: kept}
  ownerReferences: [{apiVersion: v1, kind: Node, name: node-a, uid: abc}]
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Delete
  claimRef: {namespace: training, name: checkpoints}
  hostPath: {path: /}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: checkpoints
  namespace: training
spec: {volumeName: mine, storageClassName: "", accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: elsewhere, namespace: production}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// TestNoVolumeOutOfASecret checks that --fix creates no volume from a Secret and nothing in another namespace, and that the
// printed command shows the whole volume and creates only that.
func TestNoVolumeOutOfASecret(t *testing.T) {
	claim := func(phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: theRelease, Namespace: ns, UID: uidNew, Labels: map[string]string{Instance: theRelease}},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "mine"}, Status: corev1.PersistentVolumeClaimStatus{Phase: phase},
		}
	}
	for id, client := range map[string]*fake.Clientset{
		"claim-missing":  fake.NewClientset(stored(t, forged)),
		"volume-missing": fake.NewClientset(stored(t, forged), claim(corev1.ClaimPending)),
		"volume-deleted": fake.NewClientset(stored(t, forged), claim(corev1.ClaimLost)),
	} {
		t.Run(id, func(t *testing.T) {
			ctx := context.Background()
			s, err := Read(ctx, client, theRelease, ns)
			require.NoError(t, err)
			report := Of(s)
			require.Len(t, report.Diagnoses, 1)
			d := report.Diagnoses[0]
			assert.Equal(t, id, d.ID)
			assert.False(t, d.Safe)
			require.NoError(t, Fix(ctx, client, report.Diagnoses, func(Diagnosis, Change) {}))
			for _, a := range client.Actions() {
				assert.Contains(t, []string{"list", "get"}, a.GetVerb(), "%v", a)
			}

			_, shown, found := strings.Cut(pasted(d.Repair), "kubectl apply --server-side --field-manager=helm -f - <<<'\n")
			require.True(t, found, pasted(d.Repair))
			shown, _, _ = strings.Cut(shown, "'")
			var volume corev1.PersistentVolume
			require.NoError(t, yaml.UnmarshalStrict([]byte(shown), &volume))
			assert.Equal(t, "/", volume.Spec.HostPath.Path)
			assert.Equal(t, corev1.PersistentVolumeReclaimDelete, volume.Spec.PersistentVolumeReclaimPolicy)
			assert.Equal(t, map[string]string{"note": "kept", "meta.helm.sh/release-name": theRelease, "meta.helm.sh/release-namespace": ns}, volume.Annotations)
			assert.Empty(t, volume.OwnerReferences)
			assert.NotContains(t, pasted(d.Repair), "production")
			assert.Contains(t, pasted(d.Repair), "# this manifest comes from a Secret of namespace training")
		})
	}
}

// TestRetainOfOthers checks that --fix does not change a volume that the claim names but that is not reserved for it.
func TestRetainOfOthers(t *testing.T) {
	for name, breaks := range map[string]func(*Snapshot){
		"claim terminating":  func(s *Snapshot) { now := at(0); s.Claims[0].DeletionTimestamp = &now },
		"volume terminating": func(s *Snapshot) { now := at(0); s.Volumes[0].DeletionTimestamp = &now },
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			breaks(s)
			s.Volumes[0].Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
			got := Examine(s)
			require.Len(t, got, 1)
			assert.True(t, got[0].Safe)
			s.Volumes[0].Spec.ClaimRef.Namespace = "production"
			got = Examine(s)
			require.NotEmpty(t, got)
			assert.False(t, got[0].Safe)
		})
	}
}
