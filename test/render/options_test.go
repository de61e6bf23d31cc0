package render

import (
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/gruntwork-io/terratest/modules/logger"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"checkpoint-storage/test/internal/charts"
)

// set renders the chart's defaults with some values changed, given as JSON.
func set(t *testing.T, json map[string]string) objects {
	t.Helper()
	manifest, err := render(t, &helm.Options{SetJSONValues: json})
	require.NoError(t, err)
	return decode(t, manifest)
}

func TestStorageClassNameHasThreeStates(t *testing.T) {
	t.Parallel()
	class := func(values map[string]string) *string { return set(t, values).claims[0].Spec.StorageClassName }
	name := func(s string) *string { return &s }

	assert.Equal(t, name(""), class(nil), "static and left out")
	assert.Equal(t, name(""), class(map[string]string{"storageClassName": `""`}), "static and empty")
	assert.Equal(t, name("gold"), class(map[string]string{"storageClassName": `"gold"`}), "static and named")
	assert.Nil(t, class(map[string]string{"provisioning": `"dynamic"`}), "dynamic and left out")
	assert.Nil(t, class(map[string]string{"provisioning": `"dynamic"`, "storageClassName": "null"}), "dynamic and taken back by null")
	assert.Equal(t, name("gold"), class(map[string]string{"provisioning": `"dynamic"`, "storageClassName": `"gold"`}), "dynamic and named")
}

func TestMountOptionsHaveThreeStates(t *testing.T) {
	t.Parallel()
	options := func(mountOptions string) []string {
		values := map[string]string{"backend": `"nfs"`, "nfs": `{"server": "a", "path": "/b"}`, "accessModes": `["ReadWriteMany"]`}
		if mountOptions != "" {
			values["mountOptions"] = mountOptions
		}
		return set(t, values).volumes[0].Spec.MountOptions
	}
	assert.Contains(t, options(""), "hard")
	assert.Contains(t, options("null"), "hard")
	assert.Equal(t, []string{"ro"}, options(`["ro"]`))
	assert.Empty(t, options("[]"))
}

func TestKeepIsOnBothOrOnNeither(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"true": "keep", "false": ""} {
		got := set(t, map[string]string{"keep": value})
		assert.Equal(t, want, got.volumes[0].Annotations["helm.sh/resource-policy"])
		assert.Equal(t, want, got.claims[0].Annotations["helm.sh/resource-policy"])
	}
}

func TestFalseOverridesADefault(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{"backend": `"nfs"`, "accessModes": `["ReadWriteMany"]`, "nfs": `{"server": "a", "path": "/b", "readOnly": false}`})
	assert.False(t, got.volumes[0].Spec.NFS.ReadOnly)
}

func TestShards(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{"shards": "12", "hostPath.path": `"/mnt/{shard}"`})
	require.Len(t, got.claims, 12)
	assert.Equal(t, "checkpoints-0", got.claims[0].Name)
	assert.Equal(t, "checkpoints-11", got.claims[11].Name)
	assert.Equal(t, "/mnt/11", got.volumes[11].Spec.HostPath.Path)
	assert.Equal(t, "train.checkpoints-11", got.volumes[11].Name)
	require.Len(t, got.jobs, 12, "each shard is tested")
	assert.Equal(t, "checkpoints-11-test", got.jobs[11].Name)
	assert.Len(t, got.scripts, 1)

	byDefault := set(t, map[string]string{"shards": "2"})
	assert.NotEqual(t, byDefault.volumes[0].Spec.HostPath.Path, byDefault.volumes[1].Spec.HostPath.Path)

	existing := set(t, map[string]string{"shards": "2", "provisioning": `"existing"`, "claim.existing": `"theirs"`})
	assert.Equal(t, "theirs-0 theirs-1", existing.configMaps[0].Data["CHECKPOINT_CLAIMS"])
}

// TestShardsAreFilledFromTheirOwn checks that each claim names the source of its number.
func TestShardsAreFilledFromTheirOwn(t *testing.T) {
	t.Parallel()
	restored := map[string]string{
		"provisioning": `"dynamic"`, "shards": "3",
		"claim": `{"name": "restored", "dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before-{shard}"}}`,
	}
	sources := func() (names []string) {
		for _, claim := range set(t, restored).claims {
			require.NotNil(t, claim.Spec.DataSourceRef)
			assert.Equal(t, "VolumeSnapshot", claim.Spec.DataSourceRef.Kind)
			names = append(names, claim.Spec.DataSourceRef.Name)
		}
		return names
	}
	assert.Equal(t, []string{"before-0", "before-1", "before-2"}, sources())
	restored["shardOverrides"] = `[{}, {"dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "by-hand"}}, {}]`
	assert.Equal(t, []string{"before-0", "by-hand", "before-2"}, sources())
}

func TestStorageClass(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{
		"backend": `"csi"`, "provisioning": `"dynamic"`, "csi.driver": `"block.csi.example.com"`, "mountOptions": `["noatime"]`,
		"storageClass": `{"create": true, "parameters": {"type": "gp3"}, "volumeBindingMode": "WaitForFirstConsumer"}`,
	})
	require.Len(t, got.classes, 1)
	class := got.classes[0]
	assert.Equal(t, "train.checkpoints", class.Name, "a class has no namespace, so its name carries it")
	assert.Equal(t, class.Name, *got.claims[0].Spec.StorageClassName)
	assert.Equal(t, "block.csi.example.com", class.Provisioner)
	assert.Equal(t, corev1.PersistentVolumeReclaimRetain, *class.ReclaimPolicy)
	assert.Equal(t, storagev1.VolumeBindingWaitForFirstConsumer, *class.VolumeBindingMode)
	assert.Equal(t, map[string]string{"type": "gp3"}, class.Parameters)
	assert.Equal(t, []string{"noatime"}, class.MountOptions)
	assert.True(t, *class.AllowVolumeExpansion)
}

func TestNothingButStorage(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{"configMap.create": "false", "test.enabled": "false", "global": `{"region": "eu"}`, "enabled": "true"})
	assert.Empty(t, got.configMaps)
	assert.Empty(t, got.jobs)
	assert.Empty(t, got.scripts)
	assert.Len(t, got.claims, 1)
}

// renderAs renders with the given release and namespace.
func renderAs(t *testing.T, release, namespace string, values map[string]string) objects {
	t.Helper()
	manifest, err := helm.RenderTemplateContextE(t, t.Context(), &helm.Options{
		KubectlOptions: k8s.NewKubectlOptions("", "", namespace), SetJSONValues: values, Logger: logger.Discard,
	}, charts.Chart(), release, nil)
	require.NoError(t, err)
	return decode(t, manifest)
}

func TestVolumeNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	a := renderAs(t, "checkpoints", "team-a", nil).volumes[0].Name
	b := renderAs(t, "checkpoints", "team-b", nil).volumes[0].Name
	assert.NotEqual(t, a, b, "the same release in two namespaces")

	// The longest release name Helm takes (53) in the longest namespace (63), and one that differs in its last letter.
	long := strings.Repeat("n", 62)
	first := renderAs(t, strings.Repeat("r", 53), long+"a", map[string]string{"shards": "11"})
	second := renderAs(t, strings.Repeat("r", 53), long+"b", map[string]string{"shards": "11"})
	seen := map[string]bool{}
	for _, got := range []objects{first, second} {
		for i, volume := range got.volumes {
			assertStorage(t, volume.Name, volume.Labels, volume.Annotations)
			assertPair(t, volume, got.claims[i])
			assert.False(t, seen[volume.Name], "%s stands twice", volume.Name)
			seen[volume.Name] = true
		}
	}
}

func TestNameOverrides(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values map[string]string
		claim  string
		volume string
	}{
		{nil, "checkpoints", "train.checkpoints"},
		{map[string]string{"nameOverride": `"Fast"`}, "checkpoints-fast", "train.checkpoints-fast"},
		{map[string]string{"fullnameOverride": `"ckpt"`}, "ckpt", "train.ckpt"},
		{map[string]string{"namespaceOverride": `"other"`}, "checkpoints", "other.checkpoints"},
		{map[string]string{"claim.name": `"c"`, "volume.name": `"v"`}, "c", "v"},
	} {
		got := set(t, test.values)
		assert.Equal(t, test.claim, got.claims[0].Name)
		assert.Equal(t, test.volume, got.volumes[0].Name)
		assert.Equal(t, got.claims[0].Namespace, got.volumes[0].Spec.ClaimRef.Namespace)
	}
}
