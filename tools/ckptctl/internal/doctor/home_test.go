package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"checkpoint-storage/tools/ckptctl/internal/live"
)

// tenants is a claim namespace other than the release's.
const tenants = "tenants"

// away returns a healthy store whose claim is in another namespace than its release.
func away() *Snapshot {
	s := well()
	s.Home = tenants
	for _, o := range []*metav1.ObjectMeta{&s.Claims[0].ObjectMeta, &s.WantClaims[0].ObjectMeta} {
		o.Namespace, o.Annotations = tenants, s.Volumes[0].Annotations
	}
	s.Volumes[0].Spec.ClaimRef.Namespace, s.WantVolumes[0].Spec.ClaimRef.Namespace = tenants, tenants
	return s
}

// TestAway checks that the claim is read in the namespace of namespaceOverride, and that kubectl commands use that namespace
// and Helm's the release's.
func TestAway(t *testing.T) {
	s := away()
	report := Of(s)
	assert.Empty(t, report.Diagnoses)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	assert.Equal(t, "ok: checkpoints in training: bound, and its pods have started: checkpoints in tenants\n", text.String())

	s.ended(1, "sh: can't create /checkpoints/x: Permission denied")
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "pod tenants/trainer", got[0].Object)
	assert.Contains(t, pasted(got[0].Repair), "helm -n training get values")

	// --fix creates nothing that an editor of the release's Secret can choose.
	s = away()
	s.Claims, s.Pods, s.Volumes[0].Status.Phase = nil, nil, corev1.VolumeReleased
	got = Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "claim-deleted", got[0].ID)
	assert.Len(t, got[0].fix, 1, "the volume, which is marked as the release's, and not the claim")
	assert.Contains(t, pasted(got[0].Repair), "\n  namespace: tenants\n")
	s.Volumes[0].Annotations = nil
	got = Examine(s)
	require.Len(t, got, 1)
	assert.False(t, got[0].Safe)
}

// TestHome checks how the namespace of the claims is found.
func TestHome(t *testing.T) {
	elsewhere := strings.ReplaceAll(manifest, "namespace: training", "namespace: "+tenants)
	claim, volume, found := strings.Cut(elsewhere, "\n---\n")
	require.True(t, found)
	if strings.Contains(volume, "kind: PersistentVolume\n") {
		claim, volume = volume, claim
	}
	published := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: checkpoints, namespace: " + tenants + "}\ndata:\n  CHECKPOINT_CLAIMS: checkpoints\n"
	for name, want := range map[string]struct{ manifest, home string }{
		"its own namespace":        {manifest, ns},
		"of another":               {elsewhere, tenants},
		"the administrator's half": {volume, tenants},
		"the tenant's half":        {claim, tenants},
		"only published":           {published, tenants},
		"its own beside another":   {manifest + "\n---\n" + claim, ns},
		"nothing with a namespace": {"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: x\n", ns},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read(context.Background(), fake.NewClientset(stored(t, want.manifest)), theRelease, ns)
			require.NoError(t, err)
			assert.Equal(t, want.home, s.Home)
		})
	}
	// If the release may not be read, its volume's claimRef gives the namespace.
	v := &well().Volumes[0]
	v.Spec.ClaimRef.Namespace = tenants
	client := fake.NewClientset(v)
	forbid(client, "secrets")
	s, err := Read(context.Background(), client, theRelease, ns)
	require.NoError(t, err)
	assert.Equal(t, tenants, s.Home)
}

// TestHalves checks that two releases that share a store are both healthy.
func TestHalves(t *testing.T) {
	// The administrator's release creates the volume.
	s := away()
	s.WantClaims, s.Claims[0].Labels, s.Claims[0].Annotations = nil, map[string]string{Instance: "other"}, nil
	assert.Empty(t, Examine(s))
	assert.Equal(t, []string{theRelease}, s.claimNames())
	s.Claims, s.Pods, s.Volumes[0].Status.Phase = nil, nil, corev1.VolumeAvailable
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, Note, got[0].Severity)
	assert.Contains(t, got[0].Cause, "for a claim that does not exist yet; the volume is Available")
	s.Volumes[0].Status.Phase = corev1.VolumeReleased
	got = Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "claim-deleted", got[0].ID)
	assert.NotContains(t, pasted(got[0].Repair), "CHART", "the claim is another release's")
	s.Volumes = nil
	got = Examine(s)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].Cause, "does not exist")

	// The tenant's release creates the claim: its volume belongs to another release, with Helm's annotations or without.
	for _, known := range []bool{true, false} {
		s = well()
		s.WantVolumes = nil
		s.Volumes[0].Labels, s.Volumes[0].Annotations = map[string]string{Instance: "volumes"}, map[string]string{
			"meta.helm.sh/release-name": "volumes", "meta.helm.sh/release-namespace": "storage",
		}
		if !known {
			s.Stored, s.WantClaims = nil, nil
		}
		assert.Empty(t, Examine(s))
	}

	// A release that creates only a class.
	s = &Snapshot{Release: theRelease, Namespace: ns, Home: ns, Stored: &live.StoredRelease{Revision: 1, Status: "deployed"}}
	report := Of(s)
	assert.False(t, report.Nothing())
	assert.True(t, report.Healthy)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	assert.Equal(t, "ok: checkpoints in training: it has no claim, and nothing is broken\n", text.String())
	s.Stored = nil
	assert.True(t, Of(s).Nothing())
}

// TestAgain checks that a failed revision is installed again with its own values, at the chart's path in them.
func TestAgain(t *testing.T) {
	s := well()
	s.Stored.Revision, s.Stored.Status = 7, "failed"
	assert.Equal(t, "helm -n training get values checkpoints --revision 7 -o yaml | helm -n training upgrade checkpoints CHART --reset-values -f -", s.again().String())
	s.Place = placeOf("---\n# Source: platform/charts/training/charts/store/templates/persistent-volume-claim.yaml\nkind: PersistentVolumeClaim\n")
	assert.Contains(t, s.again("size=2Gi", "prepare.enabled=true").String(), " --reset-values -f - --set training.store.size=2Gi --set training.store.prepare.enabled=true")
	assert.Empty(t, placeOf("---\n# Source: checkpoint-storage/templates/config-map.yaml\n"))
	s.Stored = nil
	assert.Equal(t, "helm -n training upgrade --install checkpoints CHART -f VALUES", strings.ReplaceAll(s.again().String(), s.Place, ""))
}

// TestInterruptedButComplete checks that a pending release is reported although all of its objects exist.
func TestInterruptedButComplete(t *testing.T) {
	s := well()
	s.Stored.Status = "pending-upgrade"
	got := Examine(s)
	require.Len(t, got, 1)
	assert.Equal(t, "release-pending", got[0].ID)
	assert.Equal(t, Note, got[0].Severity)
}

// TestDefaultOfTheBeta checks that the beta annotation still makes a default class.
func TestDefaultOfTheBeta(t *testing.T) {
	s := well()
	s.dynamic("", storagev1.VolumeBindingImmediate)
	s.Claims[0].Spec.StorageClassName = nil
	s.Classes[0].Annotations = map[string]string{"storageclass.beta.kubernetes.io/is-default-class": "true"}
	got := Examine(s)
	require.Len(t, got, 1)
	assert.NotEqual(t, "no-default-class", got[0].ID)
}
