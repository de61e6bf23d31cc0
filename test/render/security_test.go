package render

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"
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

// TestFSGroupChangePolicy holds, for every fixture of every backend, that pods with an fsGroup ask kubelet to look at
// the volume's root first wherever it applies fsGroup, and nowhere else.
func TestFSGroupChangePolicy(t *testing.T) {
	t.Parallel()
	backends, err := catalog.Load(os.DirFS(chartPath))
	require.NoError(t, err)
	policies := map[string]string{}
	for _, b := range backends {
		policies[b.Name] = b.Capabilities.FSGroup
	}
	chart := charts.Umbrella(t)
	render := func(t *testing.T, store map[string]any) (objects, *corev1.Pod) {
		text, err := yaml.Marshal(map[string]any{"checkpoints": store, "fastTier": map[string]any{"enabled": false}})
		require.NoError(t, err)
		values := filepath.Join(t.TempDir(), "values.yaml")
		require.NoError(t, os.WriteFile(values, text, 0o600))
		manifest, err := helm.RenderTemplateContextE(t, t.Context(), &helm.Options{
			KubectlOptions: k8s.NewKubectlOptions("", "", namespace), ValuesFiles: []string{values}, Logger: logger.Discard,
		}, chart, "run", nil)
		require.NoError(t, err)
		got := decode(t, manifest)
		for _, pod := range got.pods {
			if pod.Name == "run-trainer" {
				return got, pod
			}
		}
		require.Fail(t, "the parent's pod is not there")
		return got, nil
	}
	for _, f := range fixtures(t, "accept") {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f.file)
			require.NoError(t, err)
			store := map[string]any{}
			require.NoError(t, yaml.Unmarshal(text, &store))
			store["podSecurityContext"] = map[string]any{"fsGroup": 1000, "runAsUser": 1000}
			got, pod := render(t, store)
			want := applied(policies[f.backend], got, store)
			assert.EqualValues(t, 1000, *pod.Spec.SecurityContext.FSGroup)
			if want {
				require.NotNil(t, pod.Spec.SecurityContext.FSGroupChangePolicy)
				assert.Equal(t, corev1.FSGroupChangeOnRootMismatch, *pod.Spec.SecurityContext.FSGroupChangePolicy)
			} else {
				assert.Nil(t, pod.Spec.SecurityContext.FSGroupChangePolicy)
			}

			store["podSecurityContext"] = map[string]any{"fsGroup": 1000, "fsGroupChangePolicy": "Always"}
			_, pod = render(t, store)
			assert.Equal(t, corev1.FSGroupChangeAlways, *pod.Spec.SecurityContext.FSGroupChangePolicy, "the user's own stands")

			store["podSecurityContext"] = map[string]any{"runAsUser": 1000}
			_, pod = render(t, store)
			assert.Nil(t, pod.Spec.SecurityContext.FSGroupChangePolicy, "without fsGroup there is nothing to change")
		})
	}
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
