package render

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"checkpoint-storage/tools/catalog"
)

// TestAccepted checks what is true of every store, whatever its backend.
func TestAccepted(t *testing.T) {
	t.Parallel()
	backends, err := catalog.Load(os.DirFS(chartPath))
	require.NoError(t, err)
	fsGroup := map[string]string{}
	for _, b := range backends {
		fsGroup[b.Name] = b.Capabilities.FSGroup
		if b.Capabilities.MountGroup {
			// Nothing is left for the kubelet to do.
			fsGroup[b.Name] = "None"
		}
	}
	for _, f := range fixtures(t, "accept") {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			options := &helm.Options{ValuesFiles: []string{f.file}, SetJSONValues: withFSGroup}
			manifest, err := render(t, options)
			require.NoError(t, err)
			here, err := renderHere(options)
			require.NoError(t, err)
			require.Equal(t, manifest, here)
			got := decode(t, manifest)
			assertFSGroupChangePolicy(t, fsGroup[f.backend], f, got)
			require.Len(t, got.configMaps, 1)
			published := got.configMaps[0].Data
			if published["CHECKPOINT_PROVISIONING"] == "existing" {
				assert.Empty(t, got.volumes)
				assert.Empty(t, got.claims)
				return
			}
			require.NotEmpty(t, got.claims)
			if published["CHECKPOINT_PROVISIONING"] == "dynamic" {
				assert.Empty(t, got.volumes)
			} else {
				require.Len(t, got.volumes, len(got.claims))
			}
			var claims, volumes []string
			for i, claim := range got.claims {
				claims = append(claims, claim.Name)
				assertStorage(t, claim.Name, claim.Labels, claim.Annotations)
				assert.Equal(t, namespace, claim.Namespace)
				if len(got.volumes) == 0 {
					continue
				}
				volume := got.volumes[i]
				volumes = append(volumes, volume.Name)
				assertStorage(t, volume.Name, volume.Labels, volume.Annotations)
				assertPair(t, volume, claim)
			}
			assert.Equal(t, strings.Join(claims, " "), published["CHECKPOINT_CLAIMS"])
			assert.Equal(t, strings.Join(volumes, " "), published["CHECKPOINT_VOLUMES"])
			require.Len(t, got.jobs, len(claims), "each claim is tested")
			for i, job := range got.jobs {
				assert.Equal(t, "test", job.Annotations["helm.sh/hook"])
				// A pod's host name, the Job's with an index, is a label of 63 characters.
				assert.LessOrEqual(t, len(job.Name), 60)
				volumes := job.Spec.Template.Spec.Volumes
				assert.Equal(t, claims[i], volumes[0].PersistentVolumeClaim.ClaimName)
				assert.Equal(t, got.scripts[0].Name, volumes[1].ConfigMap.Name)
			}
		})
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

func assertStorage(t *testing.T, name string, labels, annotations map[string]string) {
	t.Helper()
	assert.LessOrEqual(t, len(name), 63)
	assert.Regexp(t, label, name)
	for key, value := range labels {
		assert.LessOrEqual(t, len(value), 63, key)
	}
	for key := range annotations {
		assert.False(t, strings.HasPrefix(key, "helm.sh/hook"), "storage must never be a hook")
	}
	if policy, ok := annotations["helm.sh/resource-policy"]; ok {
		assert.Equal(t, "keep", policy)
	}
}

// assertPair checks that the two can bind to each other and to nothing else.
func assertPair(t *testing.T, volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) {
	t.Helper()
	require.NotNil(t, volume.Spec.ClaimRef)
	assert.Equal(t, claim.Namespace, volume.Spec.ClaimRef.Namespace)
	assert.Equal(t, claim.Name, volume.Spec.ClaimRef.Name)
	assert.Empty(t, volume.Spec.ClaimRef.UID)
	assert.Equal(t, volume.Name, claim.Spec.VolumeName)
	require.NotNil(t, claim.Spec.StorageClassName, "left out, the default class would be written in")
	assert.Equal(t, volume.Spec.StorageClassName, *claim.Spec.StorageClassName)
	assert.Equal(t, volume.Spec.VolumeAttributesClassName, claim.Spec.VolumeAttributesClassName)
	assert.Equal(t, volume.Spec.AccessModes, claim.Spec.AccessModes)
	assert.Equal(t, volume.Spec.VolumeMode, claim.Spec.VolumeMode)
	assert.Equal(t, corev1.PersistentVolumeReclaimRetain, volume.Spec.PersistentVolumeReclaimPolicy)
	assert.GreaterOrEqual(t, volume.Spec.Capacity.Storage().Cmp(*claim.Spec.Resources.Requests.Storage()), 0, "a claim binds to a volume of its size or more")
	assert.Equal(t, volume.Annotations["helm.sh/resource-policy"], claim.Annotations["helm.sh/resource-policy"], "keep both or neither")
}

// TestRejected checks that each bad values file is refused, in the words that its first line gives.
func TestRejected(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures(t, "reject") {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f.file)
			require.NoError(t, err)
			line, _, _ := strings.Cut(string(text), "\n")
			want, found := strings.CutPrefix(line, "# want: ")
			require.True(t, found, "the first line of a reject fixture is `# want: MESSAGE`")
			_, err = renderHere(&helm.Options{ValuesFiles: []string{f.file}})
			require.Error(t, err)
			assert.Contains(t, err.Error(), want)
		})
	}
}

// TestTwoObjects holds, field by field, that the values of the well-known example give the well-known two objects.
func TestTwoObjects(t *testing.T) {
	t.Parallel()
	manifest, err := render(t, &helm.Options{SetValues: map[string]string{
		"backend": "hostPath", "hostPath.path": "/mnt/data", "size": "10Gi",
		"volume.name": "checkpoints-vol", "claim.name": "checkpoints-pvc",
	}})
	require.NoError(t, err)
	got := decode(t, manifest)
	require.Len(t, got.volumes, 1)
	require.Len(t, got.claims, 1)
	volume, claim := got.volumes[0], got.claims[0]
	assert.Equal(t, "checkpoints-vol", volume.Name)
	assert.Equal(t, resource.MustParse("10Gi"), volume.Spec.Capacity[corev1.ResourceStorage])
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, volume.Spec.AccessModes)
	assert.Equal(t, corev1.PersistentVolumeReclaimRetain, volume.Spec.PersistentVolumeReclaimPolicy)
	require.NotNil(t, volume.Spec.HostPath)
	assert.Equal(t, "/mnt/data", volume.Spec.HostPath.Path)
	assert.Equal(t, "checkpoints-pvc", claim.Name)
	assert.Equal(t, resource.MustParse("10Gi"), claim.Spec.Resources.Requests[corev1.ResourceStorage])
	assert.Equal(t, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, claim.Spec.AccessModes)
	assertPair(t, volume, claim)
}
