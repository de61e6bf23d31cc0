package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecipes checks what is printed to be pasted: the objects' own names and namespaces, all shards at once, what keeps data
// before what deletes it, and the upgrade last.
func TestRecipes(t *testing.T) {
	t.Parallel()
	const (
		nfs     = "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: \"/export/{shard}\"}\nshards: 2\n"
		tenants = "backend: nfs\naccessModes: [ReadWriteMany]\nclaim: {create: false}\nnamespaceOverride: train\nfullnameOverride: checkpoints\nnfs: {server: 10.0.0.5, path: /export}\n"
		dynamic = "provisioning: dynamic\nstorageClassName: fast\n"
		classed = "backend: csi\nprovisioning: dynamic\nkeep: false\nshards: 2\ncsi: {driver: d.example.com}\nstorageClass: {create: true, reclaimPolicy: Delete}\n"
		keep    = "helm upgrade rel ./charts/checkpoint-storage --namespace storage --reuse-values --set keep=true"
		upgrade = "helm upgrade rel ./charts/checkpoint-storage --namespace storage --values FROM --values TO"
		retain  = `--patch '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`
	)
	for title, c := range map[string]struct {
		from, to string
		lines    []string
	}{
		"the claim of a tenant": {tenants, "nfs: {path: /other}", []string{
			"kubectl --namespace train describe pvc checkpoints | grep 'Used By'",
			"kubectl patch pv train.checkpoints " + retain,
			"kubectl --namespace train delete pvc checkpoints",
			"kubectl delete pv train.checkpoints",
			upgrade,
		}},
		"the volume of a tenant's claim, not kept": {tenants + "keep: false\n", "volume: {name: other}", []string{keep, upgrade}},
		"all shards": {nfs, "nfs: {path: \"/other/{shard}\"}", []string{
			"kubectl --namespace storage describe pvc rel-0 rel-1 | grep 'Used By'",
			"kubectl patch pv storage.rel-0 storage.rel-1 " + retain,
			"kubectl --namespace storage delete pvc rel-0 rel-1",
			"kubectl delete pv storage.rel-0 storage.rel-1",
			upgrade,
		}},
		"a claim whose volume is another release's": {
			"backend: nfs\naccessModes: [ReadWriteMany]\nvolume: {create: false, name: theirs}\nnfs: {server: 10.0.0.5, path: /export}\n", "accessModes: [ReadWriteOnce]", []string{
				"kubectl --namespace storage describe pvc rel | grep 'Used By'",
				"kubectl patch pv theirs " + retain,
				"kubectl --namespace storage delete pvc rel",
				`kubectl patch pv theirs --type json --patch '[{"op":"remove","path":"/spec/claimRef/uid"}]'`,
				upgrade,
			},
		},
		"shards of another name":       {dynamic + "shards: 2\n", "fullnameOverride: other", []string{upgrade + " --set claim.name=rel"}},
		"a name that ends in a number": {dynamic + "claim: {name: data-3}\n", "claim: {name: other}", []string{upgrade + " --set claim.name=data-3"}},
		"another namespace": {dynamic + "keep: false\nnamespaceOverride: a\n", "namespaceOverride: b", []string{
			upgrade + " --set claim.name=rel --set namespaceOverride=a",
		}},
		"another mode, in another namespace": {dynamic + "namespaceOverride: train\n", "accessModes: [ReadWriteMany]", []string{
			upgrade + " --set claim.name=rel-2 --set keep=true", "kubectl --namespace train get pvc rel",
		}},
		"a class of shards, not kept": {classed, "storageClass: {parameters: {type: gold}}", []string{
			keep, upgrade + " --set claim.name=rel-2 --set keep=true --set storageClass.name=storage.rel-2",
			"kubectl --namespace storage get pvc rel-0", "kubectl --namespace storage get pvc rel-1",
		}},
		"a snapshot for a claim that is there, not kept": {
			dynamic + "keep: false\n", "claim: {dataSourceRef: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: before}}",
			[]string{keep, upgrade + " --set claim.name=rel-2 --set keep=true", "kubectl --namespace storage get pvc rel"},
		},
		"an attributes class taken back": {"backend: csi\ncsi: {driver: d.example.com}\n" + dynamic + "claim: {volumeAttributesClassName: gold}\n", "claim: {volumeAttributesClassName: \"\"}", []string{
			upgrade + " --set claim.volumeAttributesClassName=gold",
		}},
		"growth where no volume of the backend grows": {"backend: localPath\nprovisioning: dynamic\nstorageClass: {create: true}\n", "size: 20Gi", []string{upgrade + " --set size=10Gi"}},
		"growth where the class does not let it": {classed + "size: 1Gi\n", "size: 2Gi\nstorageClass: {allowVolumeExpansion: false}", []string{
			"helm upgrade rel ./charts/checkpoint-storage --namespace storage --reuse-values --set storageClass.allowVolumeExpansion=true",
			upgrade + " --set storageClass.allowVolumeExpansion=true",
		}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			from, to := file(t, "from.yaml", c.from), file(t, "to.yaml", c.to)
			code, out, errs := ckptctl("diff", "-o", "json", "--release", "rel", "-n", "storage", "--from", from, "--to", from, "--to", to)
			require.Equal(t, Found, code, "%s%s", out, errs)
			var got struct{ Findings []report.Finding }
			require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
			var hints []string
			for _, f := range got.Findings {
				if f.Severity == report.Error && !slices.Contains(hints, f.Hint) {
					hints = append(hints, f.Hint)
				}
			}
			require.Len(t, hints, 1)
			var lines []string
			for _, line := range strings.Split(hints[0], "\n")[1:] {
				if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
					lines = append(lines, strings.NewReplacer(from, "FROM", to, "TO").Replace(line))
				}
			}
			assert.Equal(t, c.lines, lines)
		})
	}
}
