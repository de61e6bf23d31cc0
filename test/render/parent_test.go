package render

import (
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"checkpoint-storage/test/internal/charts"
)

// parent renders the umbrella chart and returns its objects and its own pod.
func parent(t *testing.T, chart string, values map[string]string) (objects, *corev1.Pod) {
	t.Helper()
	manifest, err := helm.RenderTemplateContextE(t, t.Context(), &helm.Options{
		KubectlOptions: k8s.NewKubectlOptions("", "", namespace), SetJSONValues: values, Logger: logger.Discard,
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

// mounts maps each claim that a pod mounts to the path it is mounted at.
func mounts(t *testing.T, pod *corev1.Pod) map[string]string {
	t.Helper()
	paths := map[string]string{}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		paths[mount.Name] = mount.MountPath
	}
	claims := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		require.Contains(t, paths, volume.Name)
		claims[volume.PersistentVolumeClaim.ClaimName] = paths[volume.Name]
	}
	return claims
}

// TestParent checks what a training chart relies on: the named templates work through .Subcharts, whatever the store.
func TestParent(t *testing.T) {
	t.Parallel()
	chart := charts.Umbrella(t)

	t.Run("two aliases", func(t *testing.T) {
		got, pod := parent(t, chart, map[string]string{"fastTier.keep": "false"})
		assert.Equal(t, map[string]string{"run-checkpoints": "/checkpoints", "run-fast-tier": "/fast"}, mounts(t, pod))
		assert.Equal(t, []corev1.EnvVar{{Name: "CHECKPOINT_DIR", Value: "/checkpoints"}}, pod.Spec.Containers[0].Env)
		require.Len(t, got.scripts, 2)
		for _, scripts := range got.scripts {
			assert.Contains(t, scripts.Data, "framework.sh", "the files of a dependency are not found")
		}
		require.Len(t, got.volumes, 2)
		assert.NotEqual(t, got.volumes[0].Name, got.volumes[1].Name)
		for i, volume := range got.volumes {
			assertPair(t, volume, got.claims[i])
		}
		kept := map[string]string{}
		for _, claim := range got.claims {
			kept[claim.Name] = claim.Annotations["helm.sh/resource-policy"]
		}
		assert.Equal(t, map[string]string{"run-checkpoints": "keep", "run-fast-tier": ""}, kept, "values leak between aliases")
	})

	t.Run("a disabled alias", func(t *testing.T) {
		got, pod := parent(t, chart, map[string]string{"fastTier.enabled": "false"})
		assert.Equal(t, map[string]string{"run-checkpoints": "/checkpoints"}, mounts(t, pod))
		assert.Len(t, got.claims, 1)
	})

	t.Run("an existing claim", func(t *testing.T) {
		_, pod := parent(t, chart, map[string]string{
			"checkpoints.provisioning": `"existing"`, "checkpoints.claim.existing": `"theirs"`, "fastTier.enabled": "false",
		})
		assert.Equal(t, map[string]string{"theirs": "/checkpoints"}, mounts(t, pod))
	})

	t.Run("names and security from values", func(t *testing.T) {
		_, pod := parent(t, chart, map[string]string{
			"checkpoints.claim.name": `"mine"`, "checkpoints.podSecurityContext": `{"runAsUser": 1000}`, "fastTier.nameOverride": `"scratch"`,
		})
		assert.Equal(t, map[string]string{"mine": "/checkpoints", "run-scratch": "/fast"}, mounts(t, pod))
		assert.EqualValues(t, 1000, *pod.Spec.SecurityContext.RunAsUser)
	})

	t.Run("what a backend asks of a pod", func(t *testing.T) {
		_, pod := parent(t, chart, map[string]string{
			"checkpoints.backend": `"gcpGcsFuse"`, "checkpoints.accessModes": `["ReadWriteMany"]`,
			"checkpoints.gcpGcsFuse": `{"bucketName": "ckpt", "podServiceAccountName": "trainer", "sidecarMemoryLimit": "16Gi"}`,
			"fastTier.enabled":       "false",
		})
		assert.Equal(t, "true", pod.Annotations["gke-gcsfuse/volumes"])
		assert.Equal(t, "16Gi", pod.Annotations["gke-gcsfuse/memory-limit"])
		assert.Equal(t, "trainer", pod.Spec.ServiceAccountName)
	})

	t.Run("pods are root where a value says so", func(t *testing.T) {
		_, pod := parent(t, chart, nil)
		assert.Nil(t, pod.Spec.SecurityContext)
		_, pod = parent(t, chart, map[string]string{"checkpoints.podSecurityContext": `{"runAsUser": 0}`})
		assert.EqualValues(t, 0, *pod.Spec.SecurityContext.RunAsUser)
	})
}
