package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"checkpoint-storage/test/internal/charts"
)

// prepared renders a store on a directory that every node has, with prepare on and some values changed, given as JSON.
func prepared(t *testing.T, json map[string]string) objects {
	t.Helper()
	values := map[string]string{
		"hostPath": `{"path": "/mnt/checkpoints", "sharedMount": true}`, "prepare.enabled": "true", "prepare.directory": `"team-a"`,
	}
	for key, value := range json {
		values[key] = value
	}
	return set(t, values)
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	got := prepared(t, nil)
	require.Len(t, got.prepares, 1)
	job := got.prepares[0]
	pod := job.Spec.Template.Spec
	assert.Equal(t, namespace, job.Namespace)
	assert.Equal(t, "checkpoints", pod.Volumes[0].PersistentVolumeClaim.ClaimName)
	assert.Equal(t, "/checkpoints/team-a", got.configMaps[0].Data["CHECKPOINT_DIR"])
	assert.NotContains(t, job.Annotations, "helm.sh/hook", "a hook runs after the wait for the claim, which may be waiting for this pod")
	assert.NotContains(t, pod.Containers[0].Args[0], " -R")
	assert.Equal(t, "prepare", job.Spec.Template.Labels["app.kubernetes.io/component"])
	assertPodSecurity(t, api.LevelRestricted, &job.Spec.Template)
}

// TestPrepareGivesAway checks that only a directory for another user needs root, and only what
// baseline allows of it; and that the pod's own fsGroup does not have kubelet go through the whole claim.
func TestPrepareGivesAway(t *testing.T) {
	t.Parallel()
	for _, values := range []map[string]string{
		{"prepare.owner": "0"}, {"prepare.group": "1000000"}, {"prepare.owner": "1000", "podSecurityContext": `{"fsGroup": 1000, "runAsUser": 1000}`},
	} {
		template := prepared(t, values).prepares[0].Spec.Template
		assertPodSecurity(t, api.LevelBaseline, &template)
		assert.EqualValues(t, 0, *template.Spec.SecurityContext.RunAsUser)
		assert.Nil(t, template.Spec.SecurityContext.FSGroup)
		assert.Equal(t, []corev1.Capability{"ALL"}, template.Spec.Containers[0].SecurityContext.Capabilities.Drop)
	}
	assert.Contains(t, prepared(t, map[string]string{"prepare.group": "1000000"}).prepares[0].Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "GROUP", Value: "1000000"})
}

// TestPrepareShards checks that every shard is prepared by its own Job.
func TestPrepareShards(t *testing.T) {
	t.Parallel()
	got := prepared(t, map[string]string{"shards": "12", "hostPath": `{"path": "/mnt/{shard}", "sharedMount": true}`})
	require.Len(t, got.prepares, 12)
	names := map[string]bool{}
	for i, job := range got.prepares {
		names[job.Name] = true
		assert.Equal(t, got.claims[i].Name, job.Spec.Template.Spec.Volumes[0].PersistentVolumeClaim.ClaimName)
	}
	assert.Len(t, names, 12)
}

// TestPrepareIsNotChanged checks that a Job keeps its name only as long as nothing of it changes: the API server refuses
// every other change.
func TestPrepareIsNotChanged(t *testing.T) {
	t.Parallel()
	job := func(values map[string]string) *batchv1.Job { return prepared(t, values).prepares[0] }
	first := job(nil)
	assert.Equal(t, first, job(map[string]string{"size": `"20Gi"`}))
	for key, value := range map[string]string{
		"prepare.directory": `"b"`, "prepare.takeOver": "true", "prepare.mode": `"0700"`, "prepare.owner": "0", "prepare.image.tag": `"1.36"`, "mountPath": `"/ckpt"`,
	} {
		other := job(map[string]string{key: value})
		assert.NotEqual(t, first.Name, other.Name, key)
		assert.NotEqual(t, first.Spec, other.Spec, key)
	}
	long := renderAs(t, strings.Repeat("r", 53), "n", map[string]string{
		"prepare.enabled": "true", "prepare.directory": `"a"`, "shards": "2", "nameOverride": `"` + strings.Repeat("x", 63) + `"`,
	})
	for _, job := range long.prepares {
		assert.LessOrEqual(t, len(job.Name), 63)
	}
}

// TestPrepareIsOneScript checks that no value is part of the script: each reaches it as text, and Kubernetes, which fills in
// $(NAME) in a container's env, leaves it as it is.
func TestPrepareIsOneScript(t *testing.T) {
	t.Parallel()
	script := func(values map[string]string) (string, map[string]string) {
		container := prepared(t, values).prepares[0].Spec.Template.Spec.Containers[0]
		env := map[string]string{}
		for _, e := range container.Env {
			env[e.Name] = strings.ReplaceAll(e.Value, "$$", "$")
		}
		assert.Equal(t, env["MOUNT"], container.VolumeMounts[0].MountPath)
		return container.Args[0], env
	}
	first, _ := script(nil)
	other, env := script(map[string]string{"mountPath": `"/x y$z"`, "prepare.directory": `"b"`, "prepare.owner": "1", "prepare.group": "2", "prepare.mode": `"0700"`, "prepare.takeOver": "true"})
	assert.Equal(t, first, other)
	assert.Equal(t, map[string]string{"MOUNT": "/x y$z", "DIRECTORY": "b", "MODE": "0700", "OWNER": "1", "GROUP": "2", "TAKE_OVER": "true"}, env)
	assert.NotContains(t, first, "$$", "Kubernetes makes one $ of two in args")
}

// TestDirectory checks the directory that is published to consumers.
func TestDirectory(t *testing.T) {
	t.Parallel()
	chart := charts.Umbrella(t)
	_, pod := parent(t, chart, map[string]string{"checkpoints.prepare": `{"enabled": true, "directory": "team-a"}`, "checkpoints.mountPath": `"/ckpt/"`})
	assert.Equal(t, []corev1.EnvVar{{Name: "CHECKPOINT_DIR", Value: "/ckpt/team-a"}}, pod.Spec.Containers[0].Env)
	_, pod = parent(t, chart, map[string]string{"checkpoints.mountPath": `"/ckpt"`, "below": `"rank-$(RANK)"`})
	assert.Equal(t, []corev1.EnvVar{{Name: "CHECKPOINT_DIR", Value: "/ckpt/rank-$(RANK)"}}, pod.Spec.Containers[0].Env)
}
