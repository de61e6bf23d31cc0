package render

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
)

// TestVolumeKeys checks that the keys of which W22 says that they describe static volumes alone change nothing that is
// rendered of a dynamic store.
func TestVolumeKeys(t *testing.T) {
	t.Parallel()
	all, err := catalog.Load(os.DirFS(chartPath))
	require.NoError(t, err)
	backends := map[string]catalog.Backend{}
	for _, b := range all {
		backends[b.Name] = b
	}
	tried := map[string]bool{}
	for _, f := range sample.Of(fixtures(t, "accept-class")) {
		b := backends[f.backend]
		paths := b.Facts().OnlyVolumeKeys
		if len(paths) == 0 || tried[b.Name] {
			continue
		}
		tried[b.Name] = true
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			without, err := render(t, &helm.Options{ValuesFiles: []string{f.file}})
			require.NoError(t, err)
			all := map[string]string{}
			for _, path := range paths {
				examples, _ := b.Schema.Properties[strings.TrimPrefix(path, b.Name+".")]["examples"].([]any)
				if len(examples) > 0 {
					text, err := json.Marshal(examples[0])
					require.NoError(t, err)
					all[path] = string(text)
				}
			}
			with, err := render(t, &helm.Options{ValuesFiles: []string{f.file}, SetJSONValues: all})
			require.NoError(t, err)
			assert.Equal(t, without, with)
		})
	}
}

// TestClassOfStaticVolume checks that a class beside a static volume is the label that volume and claim share, and makes
// nothing by itself.
func TestClassOfStaticVolume(t *testing.T) {
	t.Parallel()
	values := map[string]string{"backend": `"awsEfs"`, "awsEfs": `{"fileSystemId": "fs-0123456789abcdef0"}`, "accessModes": `["ReadWriteMany"]`, "storageClass": `{"create": true, "name": "efs"}`}
	got := set(t, values)
	require.Len(t, got.classes, 1)
	class := got.classes[0]
	assert.Equal(t, "efs", class.Name)
	assert.Equal(t, "efs", got.volumes[0].Spec.StorageClassName)
	assert.Equal(t, "efs", *got.claims[0].Spec.StorageClassName)
	assert.Equal(t, "kubernetes.io/no-provisioner", class.Provisioner)
	assert.Empty(t, class.Parameters)
	assert.Empty(t, class.MountOptions)
	assert.NotEmpty(t, got.volumes[0].Spec.MountOptions)

	values["storageClass"] = `{"create": true, "name": "efs", "provisioner": "efs.csi.aws.com", "parameters": {"provisioningMode": "efs-ap"}}`
	class = set(t, values).classes[0]
	assert.Equal(t, "efs.csi.aws.com", class.Provisioner)
	assert.Equal(t, map[string]string{"provisioningMode": "efs-ap"}, class.Parameters)
}

// TestClassMetadata checks the labels, annotations and topologies of a class.
func TestClassMetadata(t *testing.T) {
	t.Parallel()
	class := func(class string) *storagev1.StorageClass {
		return set(t, map[string]string{
			"backend": `"awsEbs"`, "provisioning": `"dynamic"`, "awsEbs": `{"zone": "eu-central-1a"}`, "storageClass": class,
		}).classes[0]
	}
	got := class(`{"create": true, "labels": {"team": "research"}, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}`)
	assert.Equal(t, "research", got.Labels["team"])
	assert.Equal(t, "true", got.Annotations["storageclass.kubernetes.io/is-default-class"])
	assert.Equal(t, "keep", got.Annotations["helm.sh/resource-policy"])
	assert.Equal(t, []string{"eu-central-1a"}, got.AllowedTopologies[0].MatchLabelExpressions[0].Values)

	got = class(`{"create": true, "allowedTopologies": [{"matchLabelExpressions": [{"key": "a", "values": ["b"]}]}, {"matchLabelExpressions": [{"key": "a", "values": ["c"]}]}]}`)
	require.Len(t, got.AllowedTopologies, 2)
	assert.Equal(t, []string{"c"}, got.AllowedTopologies[1].MatchLabelExpressions[0].Values)
}

// TestClassFileSystem checks that the file system of a class stands in it once: the provisioner refuses it under both names.
func TestClassFileSystem(t *testing.T) {
	t.Parallel()
	parameters := func(parameters string) map[string]string {
		return set(t, map[string]string{
			"backend": `"awsEbs"`, "provisioning": `"dynamic"`, "awsEbs": `{"fsType": "ext4"}`, "storageClass": `{"create": true, "parameters": ` + parameters + `}`,
		}).classes[0].Parameters
	}
	assert.Equal(t, map[string]string{"csi.storage.k8s.io/fstype": "ext4"}, fileSystems(parameters(`{}`)))
	assert.Equal(t, map[string]string{"fsType": "xfs"}, fileSystems(parameters(`{"fsType": "xfs"}`)))
	assert.Equal(t, map[string]string{"csi.storage.k8s.io/fstype": "xfs"}, fileSystems(parameters(`{"csi.storage.k8s.io/fstype": "xfs"}`)))
}

// fileSystems are the parameters that name a file system.
func fileSystems(parameters map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range parameters {
		if strings.HasSuffix(strings.ToLower(key), "fstype") {
			out[key] = value
		}
	}
	return out
}

// TestVolumeLargerThanClaim checks that volume.size is the volume's alone.
func TestVolumeLargerThanClaim(t *testing.T) {
	t.Parallel()
	got := set(t, manyNodes(map[string]string{"size": `"100Gi"`, "volume": `{"size": "1Ti"}`}))
	assert.Equal(t, "1Ti", got.volumes[0].Spec.Capacity.Storage().String())
	assert.Equal(t, "100Gi", got.claims[0].Spec.Resources.Requests.Storage().String())
}

// TestVolumeAttributes checks that volume.attributes stand beside those of the backend's section, and have the last word.
func TestVolumeAttributes(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{
		"backend": `"nfsCsi"`, "nfsCsi": `{"server": "10.0.0.5", "share": "/export"}`, "accessModes": `["ReadWriteMany"]`,
		"volume": `{"attributes": {"share": "/other", "mountPermissions": "0"}}`,
	})
	assert.Equal(t, map[string]string{"server": "10.0.0.5", "share": "/other", "mountPermissions": "0"}, got.volumes[0].Spec.CSI.VolumeAttributes)
}
