package install

import (
	"strings"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func waitImmediate(l *lifecycleStore) string {
	class := l.makeClass("immediate", false)
	l.makeVolume(l.ns+"-made", class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	return waitStatic(l)
}

// waitStatic checks --wait for a claim that is bound without a pod.
func waitStatic(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	require.Equal(l.t, corev1.ClaimBound, l.claim(release).Status.Phase)
	l.saw("Helm returns when the claim is %s", corev1.ClaimBound)
	l.save(release)
	l.upgrade("--wait", "--timeout", "60s", "--set", "claim.labels.team=a")
	l.kept(release)
	return "waits"
}

func waitFirstConsumer(l *lifecycleStore) string {
	l.use("backend: localPath\nprovisioning: dynamic\nsize: 64Mi\ntest: {enabled: false}\n")
	out, err := l.tryInstall("--wait", "--timeout", "5s")
	require.Error(l.t, err, out)
	l.saw("Helm times out, and the release is failed: the claim is %s, %q", l.claimBecomes(release, corev1.ClaimPending),
		l.hears(release, "waiting for first consumer to be created before binding"))
	before := l.claimUID(release)
	l.upgrade()
	l.save(release)
	l.saw("fix: upgrade without `--wait`; the first pod binds the same claim")
	l.upgrade("--wait", "--timeout", "60s")
	assert.Equal(l.t, before, l.claimUID(release))
	l.kept(release)
	l.saw("from then on `--wait` returns; with `prepare.enabled` it returns on the first install, because its Job is the first pod")
	return "times out"
}

// quota limits the namespace's storage below the size of the claim.
func quota(l *lifecycleStore) string {
	l.use(l.local("data") + "keep: false\n")
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.helm("uninstall", release, "--wait")
	l.volumeGone(l.volumeName(release))
	quotas := l.client.CoreV1().ResourceQuotas(l.ns)
	limit := func(size string) corev1.ResourceQuotaSpec {
		return corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse(size)}}
	}
	_, err := quotas.Create(l.t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "storage"}, Spec: limit("500Mi")}, metav1.CreateOptions{})
	require.NoError(l.t, err)
	var out string
	refused := l.until(patience, func() bool {
		// The quota refuses for another reason until its controller has counted.
		out, err = l.tryHelm("upgrade", release, "--install", charts.Chart(), "--values", l.options.ValuesFiles[0])
		require.Error(l.t, err, out)
		return strings.Contains(out, "exceeded quota")
	})
	require.True(l.t, refused, out)
	l.saw("the API refuses the claim (%q); a static volume counts with its nominal size; the volume exists already, %s",
		"exceeded quota", l.volumeBecomes(l.volumeName(release), corev1.VolumeAvailable))
	raise := l.until(patience, func() bool {
		storage, err := quotas.Get(l.t.Context(), "storage", metav1.GetOptions{})
		require.NoError(l.t, err)
		storage.Spec = limit("2Gi")
		_, err = quotas.Update(l.t.Context(), storage, metav1.UpdateOptions{})
		require.True(l.t, err == nil || apierrors.IsConflict(err), err)
		return err == nil
	})
	require.True(l.t, raise)
	l.helm("upgrade", release, "--install", charts.Chart(), "--values", l.options.ValuesFiles[0], "--wait", "--timeout", "60s")
	l.bound(release)
	l.kept(release)
	l.saw("fix: a smaller `size`, or more quota; then `helm upgrade --install`: Bound to the same directory")
	return "refused"
}
