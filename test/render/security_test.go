package render

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// assertPodSecurity judges a pod as the API server's Pod Security admission does.
func assertPodSecurity(t *testing.T, level api.Level, template *corev1.PodTemplateSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	verdict := policy.AggregateCheckResults(evaluator.EvaluatePod(
		api.LevelVersion{Level: level, Version: api.LatestVersion()}, &template.ObjectMeta, &template.Spec))
	assert.True(t, verdict.Allowed, "%s: %s", level, verdict.ForbiddenDetail())
}

// withFSGroup has the pods of a store run with an fsGroup.
var withFSGroup = map[string]string{"podSecurityContext": `{"fsGroup": 1000, "runAsUser": 1000}`}

// assertFSGroupChangePolicy checks that pods with an fsGroup ask kubelet to look at the volume's root first wherever it
// applies fsGroup, and nowhere else.
func assertFSGroupChangePolicy(t *testing.T, policy string, f fixture, got objects) {
	t.Helper()
	text, err := os.ReadFile(f.file)
	require.NoError(t, err)
	store := map[string]any{}
	require.NoError(t, yaml.Unmarshal(text, &store))
	require.NotEmpty(t, got.jobs)
	security := got.jobs[0].Spec.Template.Spec.SecurityContext
	assert.EqualValues(t, 1000, *security.FSGroup)
	if applied(policy, got, store) {
		require.NotNil(t, security.FSGroupChangePolicy)
		assert.Equal(t, corev1.FSGroupChangeOnRootMismatch, *security.FSGroupChangePolicy)
	} else {
		assert.Nil(t, security.FSGroupChangePolicy)
	}
}

// TestFSGroupChangePolicyIsTheUsers checks that what the user says stands, and that without fsGroup nothing is said.
func TestFSGroupChangePolicyIsTheUsers(t *testing.T) {
	t.Parallel()
	policy := func(security string) *corev1.PodFSGroupChangePolicy {
		got := set(t, map[string]string{"backend": `"csi"`, "csi": `{"driver": "a", "volumeHandle": "b", "fsType": "ext4"}`, "podSecurityContext": security})
		return got.jobs[0].Spec.Template.Spec.SecurityContext.FSGroupChangePolicy
	}
	always, onRootMismatch := corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch
	assert.Equal(t, &onRootMismatch, policy(`{"fsGroup": 1000}`))
	assert.Equal(t, &always, policy(`{"fsGroup": 1000, "fsGroupChangePolicy": "Always"}`))
	assert.Nil(t, policy(`{"runAsUser": 1000}`))
}

// applied says what kubelet does with fsGroup, from the objects that it sees. Of a driver of which nothing is known it
// may.
func applied(policy string, got objects, store map[string]any) bool {
	if store["volumeMode"] == "Block" {
		return false
	}
	if policy != "ReadWriteOnceWithFSType" {
		return policy != "None"
	}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	if given, ok := store["accessModes"].([]any); ok {
		modes = nil
		for _, mode := range given {
			modes = append(modes, corev1.PersistentVolumeAccessMode(mode.(string)))
		}
	}
	if len(got.volumes) > 0 && got.volumes[0].Spec.CSI.FSType == "" {
		return false
	}
	for _, mode := range modes {
		if mode == corev1.ReadWriteOnce || mode == corev1.ReadWriteOncePod {
			return true
		}
	}
	return false
}
