package render

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGitops checks that GitOps tools are configured to leave the storage alone, and that this is set on storage
// only: the ConfigMap and the Jobs are for it to replace and to prune.
func TestGitops(t *testing.T) {
	t.Parallel()
	const keep = "helm.sh/resource-policy"
	for name, c := range map[string]struct {
		values map[string]string
		want   map[string]string
	}{
		"none":          {nil, map[string]string{keep: "keep"}},
		"none, no keep": {map[string]string{"keep": "false"}, nil},
		"argocd": {map[string]string{"gitops": `"argocd"`},
			map[string]string{keep: "keep", "argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}},
		"argocd, no keep": {map[string]string{"gitops": `"argocd"`, "keep": "false"}, nil},
		"argocd, with options of its user": {
			map[string]string{"gitops": `"argocd"`, "commonAnnotations": `{"argocd.argoproj.io/sync-options": "Prune=false,Delete=false,ServerSideApply=true"}`},
			map[string]string{keep: "keep", "argocd.argoproj.io/sync-options": "Prune=false,Delete=false,ServerSideApply=true"}},
		"argocd, with options of its user alone": {
			map[string]string{"gitops": `"argocd"`, "commonAnnotations": `{"argocd.argoproj.io/sync-options": "ServerSideApply=true"}`},
			map[string]string{keep: "keep", "argocd.argoproj.io/sync-options": "Prune=false,Delete=false,ServerSideApply=true"}},
		"options for Argo CD, no keep": {
			map[string]string{"gitops": `"argocd"`, "keep": "false", "commonAnnotations": `{"argocd.argoproj.io/sync-options": "ServerSideApply=true"}`},
			map[string]string{"argocd.argoproj.io/sync-options": "ServerSideApply=true"}},
		"flux": {map[string]string{"gitops": `"flux"`},
			map[string]string{keep: "keep", "helm.toolkit.fluxcd.io/driftDetection": "disabled", "kustomize.toolkit.fluxcd.io/prune": "disabled"}},
		"flux, no keep": {map[string]string{"gitops": `"flux"`, "keep": "false"},
			map[string]string{"helm.toolkit.fluxcd.io/driftDetection": "disabled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := set(t, c.values)
			assert.Equal(t, c.want, got.volumes[0].Annotations)
			assert.Equal(t, c.want, got.claims[0].Annotations)
			if c.values["commonAnnotations"] == "" {
				assert.Empty(t, got.configMaps[0].Annotations)
			}
			dynamic := map[string]string{
				"backend": `"csi"`, "csi.driver": `"block.csi.example.com"`, "provisioning": `"dynamic"`, "storageClass.create": "true",
			}
			for key, value := range c.values {
				dynamic[key] = value
			}
			assert.Equal(t, c.want, set(t, dynamic).classes[0].Annotations)
		})
	}
}

// TestParts checks that an administrator's release and a tenant's make together what one release makes, and nothing twice.
func TestParts(t *testing.T) {
	t.Parallel()
	whole := set(t, nil)
	tenant := set(t, map[string]string{"volume.create": "false"})
	assert.Empty(t, tenant.volumes)
	assert.Equal(t, whole.claims, tenant.claims)
	assert.Equal(t, whole.configMaps, tenant.configMaps)
	assert.Equal(t, whole.jobs, tenant.jobs)

	// With another name and namespace: the release is the administrator's, the claim is not.
	admin := renderAs(t, "volumes-of-train", "storage", map[string]string{
		"claim.create": "false", "namespaceOverride": `"` + namespace + `"`, "fullnameOverride": `"` + release + `"`,
		"prepare": `{"enabled": true, "directory": "a"}`, "benchmark": `{"enabled": true, "image": {"repository": "fio"}}`,
	})
	require.Len(t, admin.volumes, 1)
	assert.Equal(t, whole.volumes[0].Name, admin.volumes[0].Name)
	assert.Equal(t, whole.volumes[0].Spec, admin.volumes[0].Spec)
	assert.Empty(t, admin.claims)
	assert.Empty(t, admin.configMaps)
	assert.Empty(t, admin.jobs)
	assert.Empty(t, admin.scripts)
	assert.Empty(t, admin.prepares)

	shards := set(t, map[string]string{"claim.create": "false", "shards": "3", "hostPath.path": `"/mnt/{shard}"`})
	assert.Len(t, shards.volumes, 3)

	class := set(t, map[string]string{
		"backend": `"csi"`, "csi.driver": `"block.csi.example.com"`, "provisioning": `"dynamic"`, "storageClass.create": "true", "claim.create": "false",
	})
	assert.Len(t, class.classes, 1)
	assert.Empty(t, class.claims)
}
