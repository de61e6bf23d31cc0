package install

import (
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestCSIDriverMissing holds that a claim whose driver is not installed is Pending, and that the notes of the release,
// which `helm test` prints as well, say what to look at and which driver it is.
func TestCSIDriverMissing(t *testing.T) {
	t.Parallel()
	const absent = "absent.csi.example.com"
	s := newStore(t, "csi-missing", "baseline")
	notes := s.helm("install", release, charts.Chart(), "--set", "backend=csi,provisioning=dynamic,storageClass.create=true,csi.driver="+absent)
	want := []string{"kubectl -n csi-missing describe pvc " + release, "kubectl get csidriver " + absent}
	for _, line := range want {
		assert.Contains(t, notes, line)
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Contains(c, s.events(release), absent, "the claim's events do not name the driver")
	}, patience, interval)
	claim, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).Get(t.Context(), release, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, corev1.ClaimPending, claim.Status.Phase)

	out, err := s.tryHelm("test", release, "--timeout", "10s")
	require.Error(t, err, "helm test passed without a volume")
	for _, line := range want {
		assert.Contains(t, out, line)
	}
}

// TestCSIMountRefused holds that what a driver says when it refuses to mount is what an operator reads at the pod, and
// that the pod goes on by itself when the driver does.
func TestCSIMountRefused(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	const driver, why = "broken.csi.example.com", "export /ckpt: the address of this node is not among its clients"
	installed := csi.Install(t, c, "refused", []csi.Driver{{Name: driver, FSGroup: "None"}})
	s := newStore(t, "csi-refused", "baseline")
	s.helm("install", release, charts.Chart(), "--set", "backend=csi,csi.driver="+driver+",csi.volumeHandle=one")
	s.bound(release)
	stop := installed.Fail(t, csi.Failure{Driver: driver, Call: "NodeStageVolume", Code: "PERMISSION_DENIED", Message: why})
	s.launch(s.pod("reader", "true"))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Contains(c, s.events("reader"), why)
	}, patience, interval)
	stop()
	s.succeeded("reader")
}
