package render

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/gruntwork-io/terratest/modules/helm"
)

// manyNodes are values of a store that pods of several nodes mount.
func manyNodes(more map[string]string) map[string]string {
	values := map[string]string{"backend": `"nfs"`, "nfs": `{"server": "a", "path": "/b"}`, "accessModes": `["ReadWriteMany"]`}
	for key, value := range more {
		values[key] = value
	}
	return values
}

func TestHelmTestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	got := set(t, manyNodes(map[string]string{"benchmark": `{"enabled": true, "image": {"repository": "fio"}}`}))
	require.Len(t, got.jobs, 2)
	for _, job := range got.jobs {
		pod := job.Spec.Template.Spec
		assert.True(t, *pod.SecurityContext.RunAsNonRoot)
		assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
		assert.False(t, *pod.AutomountServiceAccountToken)
		container := pod.Containers[0]
		assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
		assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
		assert.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
	}
	own := set(t, manyNodes(map[string]string{"podSecurityContext": `{"runAsUser": 1000, "fsGroup": 1000}`}))
	assert.EqualValues(t, 1000, *own.jobs[0].Spec.Template.Spec.SecurityContext.RunAsUser)
	assert.EqualValues(t, 1000, *own.jobs[0].Spec.Template.Spec.SecurityContext.FSGroup)
}

// TestHelmTestMeetsAsTheModeAllows checks that two pods meet on two nodes, on one, one after the other, or not at all.
func TestHelmTestMeetsAsTheModeAllows(t *testing.T) {
	t.Parallel()
	job := func(mode string) *batchv1.Job {
		got := set(t, map[string]string{"backend": `"csi"`, "csi": `{"driver": "a", "volumeHandle": "b"}`, "accessModes": mode})
		require.Len(t, got.jobs, 1)
		return got.jobs[0]
	}
	script := func(j *batchv1.Job) string { return j.Spec.Template.Spec.Containers[0].Command[1] }
	for _, mode := range []string{`["ReadWriteMany"]`, `["ReadWriteOnce", "ReadWriteMany"]`} {
		spread := job(mode)
		assert.EqualValues(t, 2, *spread.Spec.Parallelism)
		endsAlone(t, spread)
		preferred := spread.Spec.Template.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
		require.Len(t, preferred, 1)
		assert.Equal(t, map[string]string{"job-name": spread.Name}, preferred[0].PodAffinityTerm.LabelSelector.MatchLabels)
	}
	together := job(`["ReadWriteOnce"]`)
	assert.EqualValues(t, 2, *together.Spec.Parallelism)
	endsAlone(t, together)
	required := together.Spec.Template.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	require.Len(t, required, 1, "a second node could not have the volume")
	assert.Equal(t, map[string]string{"job-name": together.Name}, required[0].LabelSelector.MatchLabels)

	after := job(`["ReadWriteOncePod"]`)
	assert.EqualValues(t, []int32{2, 1}, []int32{*after.Spec.Completions, *after.Spec.Parallelism})
	assert.EqualValues(t, 0, *after.Spec.BackoffLimit, "the second would wait for a first that has failed")
	assert.Nil(t, after.Spec.Template.Spec.Affinity)

	alone := job(`["ReadOnlyMany"]`)
	assert.EqualValues(t, 1, *alone.Spec.Completions)
	assert.Equal(t, "/helm-test/reader.sh", script(alone))
	assert.Equal(t, "/helm-test/framework.sh", script(after))

	block := set(t, map[string]string{
		"backend": `"iscsi"`, "volumeMode": `"Block"`, "mountPath": `"/dev/ckpt"`,
		"iscsi": `{"targetPortal": "a", "iqn": "iqn.2026-01.com.example:c", "lun": 0}`,
	})
	require.Len(t, block.jobs, 1)
	assert.Equal(t, "/helm-test/device.sh", script(block.jobs[0]))
	assert.NotContains(t, block.scripts[0].Data["device.sh"], "of=\"$CHECKPOINT_DIR\"", "a test must not write to a raw device")
	assert.Equal(t, "/dev/ckpt", block.jobs[0].Spec.Template.Spec.Containers[0].VolumeDevices[0].DevicePath)
}

// endsAlone checks that a pod that fails leaves the other to its end: a Job that has failed deletes the pods that still run,
// and Helm prints no log of any when it cannot have that of one.
func endsAlone(t *testing.T, j *batchv1.Job) {
	t.Helper()
	require.NotNil(t, j.Spec.BackoffLimitPerIndex)
	assert.Zero(t, *j.Spec.BackoffLimitPerIndex)
	assert.Nil(t, j.Spec.BackoffLimit)
}

// TestHelmTestDoesNotWaitForAPodThatFailed has one of two pods fail, and holds that the other does not wait for it.
func TestHelmTestDoesNotWaitForAPodThatFailed(t *testing.T) {
	t.Parallel()
	claim := t.TempDir()
	pod := func(index, script string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), "sh", "-euc", `. "$0"; start; `+script, filepath.Join(charts.Chart(), "files", "test", "lib.sh"))
		command.Env = append(os.Environ(), "CHECKPOINT_DIR="+claim, "CLAIM=a/b", "RUN=1", "PATIENCE=240", "JOB_COMPLETION_INDEX="+index)
		return command
	}
	waits := pod("1", `await done "the first pod went away"`)
	var said bytes.Buffer
	waits.Stderr = &said
	require.NoError(t, waits.Start())
	out, err := pod("0", `die "no room"`).CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, "FAILED: no room\n", string(out))
	require.Error(t, waits.Wait())
	assert.Equal(t, "FAILED: the other pod has failed, and says why\n", said.String())
}

// TestHelmTestNeedsWhatFrameworksNeed checks the test's input: operation, declared by the backend, needed by which frameworks.
func TestHelmTestNeedsWhatFrameworksNeed(t *testing.T) {
	t.Parallel()
	wants := func(values map[string]string) map[string]string {
		out := map[string]string{}
		for _, line := range strings.Split(strings.TrimSpace(set(t, values).scripts[0].Data["operations"]), "\n") {
			part := strings.Split(line, "|")
			require.Len(t, part, 4, line)
			out[part[0]] = part[1] + " " + part[2]
		}
		return out
	}
	undeclared := wants(manyNodes(nil))
	assert.Equal(t, "yes all", undeclared["renameFile"], "most frameworks publish by a rename")
	assert.Equal(t, "yes all", undeclared["fsync"])
	assert.Equal(t, "yes ReadWriteMany", undeclared["visible"])
	assert.Equal(t, "yes -", undeclared["renameDirectory"])

	declared := wants(manyNodes(map[string]string{"frameworks": `["orbax", "huggingface"]`}))
	assert.Equal(t, "yes orbax", declared["renameDirectory"])
	assert.Equal(t, "yes huggingface,orbax", declared["renameFile"])
	assert.Equal(t, "yes -", declared["append"], "neither appends")

	assert.Equal(t, "no -", wants(nil)["visible"], "one node's directory")
	assert.Equal(t, "unknown -", wants(map[string]string{"provisioning": `"existing"`, "claim.existing": `"theirs"`})["lockExcludes"], "an existing claim can be on any storage")
	shared := map[string]string{"hostPath": `{"path": "/mnt", "sharedMount": true}`}
	assert.Equal(t, "unknown -", wants(shared)["lockExcludes"], "a shared mount is of any kind")
}

// TestBenchmark checks that fio is run where it is asked for, with an image that the values have to name.
func TestBenchmark(t *testing.T) {
	t.Parallel()
	assert.Len(t, set(t, nil).jobs, 1, "off by default")
	_, err := render(t, &helm.Options{SetJSONValues: map[string]string{"benchmark.enabled": "true"}})
	require.ErrorContains(t, err, "set benchmark.image.repository to an image with a shell, awk and fio")

	got := set(t, map[string]string{"benchmark": `{"enabled": true, "image": {"repository": "fio"}, "writers": 4}`, "test.enabled": "false"})
	require.Len(t, got.jobs, 1)
	container := got.jobs[0].Spec.Template.Spec.Containers[0]
	assert.Equal(t, "fio:latest", container.Image)
	assert.Contains(t, container.Env, corev1.EnvVar{Name: "WRITERS", Value: "4"})
	assert.EqualValues(t, 1830, *got.jobs[0].Spec.ActiveDeadlineSeconds)
}

// TestThousandShards checks that a store of many ranks renders, its tests included.
func TestThousandShards(t *testing.T) {
	t.Parallel()
	manifest, err := render(t, &helm.Options{SetJSONValues: map[string]string{"shards": "1000", "hostPath.path": `"/mnt/{shard}"`}})
	require.NoError(t, err)
	assert.Equal(t, 1000, strings.Count(manifest, "\nkind: Job\n"))
}
