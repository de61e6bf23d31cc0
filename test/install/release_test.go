package install

import (
	"fmt"
	"path/filepath"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestDefaults checks the first command of the README, without values.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s := newStore(t, "defaults", "baseline")
	s.validates = true
	s.install("--wait", "--timeout", "60s")
	claim, volume := s.bound(release)
	assert.Equal(t, "defaults."+release, volume.Name)
	assert.Equal(t, corev1.PersistentVolumeReclaimRetain, volume.Spec.PersistentVolumeReclaimPolicy)
	assert.Equal(t, "10Gi", claim.Spec.Resources.Requests.Storage().String())

	facts, err := s.client.CoreV1().ConfigMaps(s.ns).Get(t.Context(), release+"-store", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, release, facts.Data["CHECKPOINT_CLAIMS"])
	assert.Equal(t, volume.Name, facts.Data["CHECKPOINT_VOLUMES"])

	// Neither another install nor an upgrade to the same values changes anything.
	s.helm("upgrade", release, charts.Chart(), "--wait", "--timeout", "60s")
	assert.Equal(t, claim.UID, s.claimUID(release))
}

// TestDefaultsForNobody checks that the pods of helm test run as nobody on the default store, whose directory is root's:
// they report the fix, and pass once a Job has prepared a directory. Only that Job runs as root.
func TestDefaultsForNobody(t *testing.T) {
	t.Parallel()
	s := newStore(t, "defaults-nobody", "baseline")
	oneNode := fmt.Sprintf(`volume.nodeAffinity={"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":[%q]}]}]}}`, s.cluster.Workers()[0])
	run(t, s.cluster, "rm -rf /var/lib/checkpoint-storage/"+s.ns+"*")
	s.install("--wait", "--timeout", "60s", "--set-json", oneNode)
	out, err := s.tryHelm("test", release)
	require.Error(t, err, out)
	assert.Contains(t, out, "FAILED: cannot write as 65534:65534; the volume's root is 0:0 mode 755.")
	fix := "prepare.enabled=true,prepare.directory=team-a,prepare.owner=65534"
	require.Contains(t, out, "--set "+fix)

	out = s.helm("upgrade", release, charts.Chart(), "--set-json", oneNode, "--set", fix, "--wait", "--wait-for-jobs", "--timeout", "120s")
	assert.Contains(t, out, "ROOT: the Job that creates /checkpoints/team-a runs as root, to give it to prepare.owner and prepare.group.")
	assert.Contains(t, s.helm("test", release), "the claim can serve\n")
}

// TestRefused checks that invalid values never reach a running store: Helm refuses them and names the fix, and the claim and
// its volume do not change.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t, "refused", "baseline")
	s.install("--wait", "--timeout", "60s")
	before, _ := s.bound(release)
	for name, c := range map[string]struct {
		set  string
		want []string
	}{
		"missing section": {`backend="nfs"`, []string{"missing property 'nfs'"}},
		"wrong type":      {`keep="yes"`, []string{"keep", "boolean"}},
		"unknown key":     {`hostPath={"pth":"/mnt"}`, []string{"hostPath", "pth"}},
		"missing key":     {`backend="nfs",nfs={"path":"/export"}`, []string{"nfs", "missing property 'server'"}},
		"mode":            {`accessModes=["ReadWriteMany"]`, []string{"accessModes", "Fix:", "hostPath.sharedMount: true"}},
		"shrinking":       {`size="1Gi"`, []string{"can not be less than"}},
		"Delete":          {`volume.reclaimPolicy="Delete"`, []string{"volume.reclaimPolicy", "Fix:", "Retain"}},
		"storage as hook": {`claim.annotations={"helm.sh/hook":"pre-install"}`, []string{"claim.annotations", "Fix:"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := s.tryHelm("upgrade", release, charts.Chart(), "--set-json", c.set)
			require.Error(t, err)
			for _, want := range c.want {
				assert.Contains(t, out, want)
			}
			after, volume := s.bound(release)
			assert.Equal(t, before.UID, after.UID)
			assert.Equal(t, before.Spec, after.Spec)
			assert.Equal(t, corev1.PersistentVolumeReclaimRetain, volume.Spec.PersistentVolumeReclaimPolicy)
		})
	}
}

// TestParentChart installs a training chart with the chart as its dependency under two aliases: one pod, both claims.
func TestParentChart(t *testing.T) {
	t.Parallel()
	s := newStore(t, "parent", "baseline")
	parent := charts.Umbrella(t)
	directory := func(alias string) string {
		return alias + `.volume.nodeAffinity={"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["` +
			s.cluster.Workers()[0] + `"]}]}]}}`
	}
	s.helm("install", "train", parent, "--wait", "--timeout", "60s",
		"--values", filepath.Join(parent, "values.yaml"), "--set-json", directory("checkpoints"), "--set-json", directory("fastTier"))
	s.bound("train-checkpoints")
	s.bound("train-fast-tier")
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		log, err := s.client.CoreV1().Pods(s.ns).GetLogs("train-trainer", &corev1.PodLogOptions{}).DoRaw(t.Context())
		assert.NoError(c, err)
		assert.Equal(c, "saved\nsaved\n", string(log))
	}, patience, interval)
}
