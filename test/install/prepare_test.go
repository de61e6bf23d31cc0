package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// directories are values for shards on directories of the first worker that only root may use. The files in the first must
// not be touched.
func directories(t *testing.T, s string, node func(script string) string, host string) string {
	t.Helper()
	root := "/mnt/checkpoints/" + s
	node("rm -rf " + root + "; mkdir -p " + root + "/0/old/deep " + root + "/1; chmod 755 " + root + "/0 " + root + "/1; touch " + root + "/0/old/deep/file; chown -R 7:7 " + root + "/0/old")
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
hostPath: {path: "`+root+`/{shard}"}
shards: 2
volume: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [`+host+`]}]}]}}}
prepare: {enabled: true, directory: team-a, owner: 1000, group: 2000, mode: "2770"}
podSecurityContext: {runAsUser: 1000, runAsGroup: 2000}
test: {enabled: false}
`), 0o600))
	return file
}

// prepared waits until the Jobs of the release have succeeded, and returns their logs by name.
func (s *store) prepared(count int) map[string]string {
	s.t.Helper()
	said := map[string]string{}
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		jobs, err := s.client.BatchV1().Jobs(s.ns).List(s.t.Context(), metav1.ListOptions{})
		if !assert.NoError(c, err) || !assert.Len(c, jobs.Items, count) {
			return
		}
		for _, job := range jobs.Items {
			pods, err := s.client.CoreV1().Pods(s.ns).List(s.t.Context(), metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + job.Name})
			if !assert.NoError(c, err) || !assert.NotEmpty(c, pods.Items, "%s: %s", job.Name, s.events(job.Name)) {
				return
			}
			pod := pods.Items[0].Name
			log, _ := s.client.CoreV1().Pods(s.ns).GetLogs(pod, &corev1.PodLogOptions{}).DoRaw(s.t.Context())
			assert.EqualValues(c, 1, job.Status.Succeeded, "%s: %s %s", job.Name, log, s.events(pod))
			assert.Zero(c, job.Status.Failed, "%s: %s", job.Name, log)
			said[job.Name] = string(log)
		}
	}, patience, interval)
	return said
}

// TestPrepareMakesOneDirectory prepares a directory on each of two shards under the baseline profile, saves in it from an
// unprivileged pod, then changes and repeats the settings: nothing else on the claim is ever touched.
func TestPrepareMakesOneDirectory(t *testing.T) {
	t.Parallel()
	s := newStore(t, "prepare", "baseline")
	node := func(script string) string { return run(t, s.cluster, script) }
	values := directories(t, "prepare", node, s.cluster.Workers()[0])
	state := func(path string) string { return node("stat -c '%u:%g %a' /mnt/checkpoints/prepare/" + path) }
	s.helm("install", release, charts.Chart(), "--values", values, "--wait", "--wait-for-jobs", "--timeout", "120s")

	for name, log := range s.prepared(2) {
		assert.Contains(t, log, "team-a: 0:0 755 -> 1000:2000 2770", name)
	}
	untouched := func() {
		t.Helper()
		for _, shard := range []string{"0", "1"} {
			assert.Equal(t, "0:0 755", state(shard), "the root of the claim")
		}
		for _, old := range []string{"0/old", "0/old/deep", "0/old/deep/file"} {
			assert.Equal(t, "7:7", strings.Fields(state(old))[0], old)
		}
	}
	for _, shard := range []string{"0", "1"} {
		assert.Equal(t, "1000:2000 2770", state(shard+"/team-a"))
	}
	untouched()

	// Its owner can save there without any privileges.
	facts, err := s.client.CoreV1().ConfigMaps(s.ns).Get(t.Context(), release+"-store", metav1.GetOptions{})
	require.NoError(t, err)
	dir := facts.Data["CHECKPOINT_DIR"]
	assert.Equal(t, "/checkpoints/team-a", dir)
	id, group, no, yes := int64(1000), int64(2000), false, true
	s.start(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "trainer"}, Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser: &id, RunAsGroup: &group, RunAsNonRoot: &yes,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "trainer", Image: "busybox:1.37.0", ImagePullPolicy: corev1.PullIfNotPresent,
			Command:         []string{"sh", "-euc", "mkdir " + dir + "/step-1; echo saved > " + dir + "/step-1/shard; ! touch /checkpoints/elsewhere; echo saved"},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			VolumeMounts:    []corev1.VolumeMount{{Name: "c", MountPath: "/checkpoints"}},
		}},
		Volumes: []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: release + "-0"}}}},
	}}, "saved")
	saved := state("0/team-a/step-1")

	// The same values keep the same completed Jobs. Another mode replaces the Jobs and changes nothing else.
	s.helm("upgrade", release, charts.Chart(), "--values", values)
	before := s.prepared(2)
	s.helm("upgrade", release, charts.Chart(), "--values", values, "--set-string", "prepare.mode=0750", "--wait", "--wait-for-jobs", "--timeout", "120s")
	for name, log := range s.prepared(2) {
		assert.NotContains(t, before, name)
		assert.Contains(t, log, "team-a: 1000:2000 2770 -> 1000:2000 750", name)
	}
	assert.Equal(t, "1000:2000 750", state("0/team-a"))
	assert.Equal(t, saved, state("0/team-a/step-1"), "what is in the directory was changed")
	untouched()
}

// TestPrepareTakesNothing checks that an existing directory of another user is not changed until the values say so, and that
// even then the files in it keep their owner.
func TestPrepareTakesNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, "prepare-theirs", "baseline")
	node := func(script string) string { return run(t, s.cluster, script) }
	values := directories(t, "prepare-theirs", node, s.cluster.Workers()[0])
	theirs := "/mnt/checkpoints/prepare-theirs/0/old"
	s.helm("install", release, charts.Chart(), "--values", values, "--set", "prepare.directory=old")
	s.says("FAILED: old is there already, with files in it, and belongs to user 7 (group 7, mode 755).", "prepare.takeOver: true")
	assert.Equal(t, "7:7 755", node("stat -c '%u:%g %a' "+theirs))

	s.helm("upgrade", release, charts.Chart(), "--values", values, "--set", "prepare.directory=old,prepare.takeOver=true", "--wait", "--wait-for-jobs", "--timeout", "120s")
	assert.Equal(t, "1000:2000 2770", node("stat -c '%u:%g %a' "+theirs))
	assert.Equal(t, "7:7", strings.Fields(node("stat -c '%u:%g %a' " + theirs + "/deep"))[0], "the files in it keep their owner")
}

// says waits until a pod of the store has logged all the words.
func (s *store) says(words ...string) {
	s.t.Helper()
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		pods, err := s.client.CoreV1().Pods(s.ns).List(s.t.Context(), metav1.ListOptions{})
		if !assert.NoError(c, err) {
			return
		}
		said := ""
		for _, pod := range pods.Items {
			log, _ := s.client.CoreV1().Pods(s.ns).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(s.t.Context())
			said += string(log)
		}
		for _, word := range words {
			assert.Contains(c, said, word)
		}
	}, patience, interval)
}

// TestPrepareRefusesALink checks that the Job, which runs as root, does not follow a symbolic link to a directory elsewhere,
// and says so.
func TestPrepareRefusesALink(t *testing.T) {
	t.Parallel()
	s := newStore(t, "prepare-link", "baseline")
	node := func(script string) string { return run(t, s.cluster, script) }
	values := directories(t, "prepare-link", node, s.cluster.Workers()[0])
	node("ln -s old /mnt/checkpoints/prepare-link/0/team-a")
	s.helm("install", release, charts.Chart(), "--values", values)
	s.says("FAILED: team-a is a symbolic link")
	assert.Equal(t, "7:7", strings.Fields(node("stat -c '%u:%g %a' /mnt/checkpoints/prepare-link/0/old"))[0])
}

// TestPrepareIsTheFirstPod checks that the Job's pod binds a claim with WaitForFirstConsumer, so that `helm install --wait`
// returns, and that this pod needs no privileges to create a directory for its own user.
func TestPrepareIsTheFirstPod(t *testing.T) {
	t.Parallel()
	s := newStore(t, "prepare-first", "restricted")
	s.install("--set", "provisioning=dynamic,prepare.enabled=true,prepare.directory=team-a", "--set", "podSecurityContext.runAsUser=1000,podSecurityContext.runAsGroup=1000",
		"--wait", "--wait-for-jobs", "--timeout", "180s")
	s.bound(release)
	for name, log := range s.prepared(1) {
		assert.Contains(t, log, "-> 1000:1000 770", name)
	}
}
