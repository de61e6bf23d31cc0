package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/stub"
	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
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
		"a store that becomes shards":    {dynamic, "shards: 2", []string{upgrade + " --set shards=0"}},
		"shards that become one store":   {dynamic + "shards: 3\nkeep: false\n", "shards: 0", []string{upgrade + " --set shards=3"}},
		"fewer shards, of another name":  {dynamic + "shards: 3\n", "{shards: 1, fullnameOverride: other}", []string{upgrade + " --set claim.name=rel"}},
		"a name of digits":               {dynamic + "fullnameOverride: \"2024\"\n", "fullnameOverride: other", []string{upgrade + " --set-string claim.name=2024"}},
		"one shard without a ConfigMap":  {dynamic + "shards: 1\nconfigMap: {create: false}\n", "fullnameOverride: other", []string{upgrade + " --set claim.name=rel"}},
		"a name that looks like a shard": {dynamic + "claim: {name: data-0}\nconfigMap: {create: false}\n", "claim: {name: other}", []string{upgrade + " --set claim.name=data-0"}},
		"a store whose directory the shards leave": {
			"backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\n", "{shards: 2, nfs: {path: \"/export/{shard}\"}}",
			[]string{upgrade, "kubectl --namespace storage get pvc rel"},
		},
		"another name, and what takes a new claim": {
			"backend: nfsCsi\naccessModes: [ReadWriteMany]\nnfsCsi: {server: 10.0.0.5, share: /export}\nkeep: false\n", "{provisioning: dynamic, storageClassName: nfs, claim: {name: other}}",
			[]string{keep, upgrade, "kubectl --namespace storage get pvc rel"},
		},
		"a class that is no longer named":                   {"provisioning: dynamic\nstorageClassName: fast\n", "storageClassName: null", []string{upgrade + " --set storageClassName=fast"}},
		"a class that is no longer named, and another mode": {dynamic, "{storageClassName: null, accessModes: [ReadWriteMany]}", []string{upgrade + " --set claim.name=rel-2 --set keep=true", "kubectl --namespace storage get pvc rel"}},
		"a class for claims of others, not kept": {"backend: csi\ncsi: {driver: d.example.com}\nprovisioning: dynamic\nkeep: false\nclaim: {create: false}\nstorageClass: {create: true, name: gold}\n", "storageClass: {parameters: {type: gold}}", []string{
			keep, upgrade + " --set keep=true --set storageClass.name=gold-2",
		}},
		"a prefix that a mount option names": {"backend: awsS3\naccessModes: [ReadWriteMany]\nawsS3: {bucketName: b, prefix: a/}\n", "awsS3: {prefix: c/}", []string{upgrade}},
		"another name and backend, on the same share, not kept": {
			"backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\nkeep: false\n", "{backend: nfsCsi, nfsCsi: {server: 10.0.0.5, share: /export}, fullnameOverride: other}",
			[]string{keep, upgrade, "kubectl --namespace storage get pvc rel"},
		},
		"a class of static volumes": {
			"backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\nstorageClass: {create: true}\n", "storageClass: {parameters: {type: gold}}",
			[]string{"kubectl delete storageclass storage.rel", upgrade},
		},
		"a volume that others make": {
			"backend: nfs\naccessModes: [ReadWriteMany]\nvolume: {create: false, name: theirs}\nnfs: {server: 10.0.0.5, path: /export}\n", "volume: {create: true}",
			[]string{"kubectl get PersistentVolume theirs --output yaml"},
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			lines := strings.Split(recipeOf(t, c.from, c.to), "\n")[1:]
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "#") })
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			assert.Equal(t, c.lines, lines)
		})
	}
}

// recipeOf is the one recipe for the errors of an upgrade, with FROM and TO for its files.
func recipeOf(t *testing.T, old, fresh string) string {
	t.Helper()
	from, to := file(t, "from.yaml", old), file(t, "to.yaml", fresh)
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
	return strings.NewReplacer(from, "FROM", to, "TO").Replace(hints[0])
}

// TestRecipesOfStorage checks that a recipe says whether the data is where the new volume leads.
func TestRecipesOfStorage(t *testing.T) {
	t.Parallel()
	const (
		share = "backend: nfsCsi\naccessModes: [ReadWriteMany]\nnfsCsi: {server: 10.0.0.5, share: /export}\n"
		disk  = "backend: awsEbs\nawsEbs: {volumeId: vol-0a1b2c3d4e5f60718, zone: eu-central-1a}\n"
		node  = "backend: local\nlocal: {path: /mnt/data}\nvolume: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}}\n"

		stays     = "recreate claim and volume; the data on the storage is kept:"
		may       = "recreate claim and volume; the data on the storage is kept. Where the other attributes lead elsewhere, copy the checkpoints there first:"
		elsewhere = "recreate claim and volume, on the other storage that the new values name: copy the checkpoints there first. The data on the old storage is kept:"
	)
	on := func(name string) string { return strings.Replace(node, "%s", name, 1) }
	for title, c := range map[string]struct{ from, to, says string }{
		"a handle that leads nowhere":          {share, "volume: {handle: other}", stays},
		"another name of such a volume":        {share, "volume: {name: other}", stays},
		"an option of the driver":              {share, "nfsCsi: {mountPermissions: \"0770\"}", may},
		"another share":                        {share, "nfsCsi: {share: /other}", elsewhere},
		"the same server, spelled in two ways": {share, "nfsCsi: {server: \"::ffff:10.0.0.5\"}", may},
		"the same export by another backend":   {share, "{backend: nfs, nfs: {server: 10.0.0.5, path: /export}}", may},
		"a handle that is the disk":            {disk, "awsEbs: {volumeId: vol-0b1b2c3d4e5f60718}", elsewhere},
		"a partition of the disk":              {disk, "awsEbs: {partition: \"1\"}", may},
		"another zone of a disk":               {disk, "awsEbs: {zone: eu-central-1b}", stays},
		"another node's directory":             {on("a"), on("b"), elsewhere},
		"a handle of an unknown driver":        {"backend: csi\ncsi: {driver: d.example.com, volumeHandle: h}\n", "csi: {volumeAttributes: {share: /b}}", elsewhere},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			says, _, _ := strings.Cut(recipeOf(t, c.from, c.to), "\n")
			assert.Equal(t, c.says, says)
		})
	}
}

// TestRecipesShow runs the commands that show what is in the way of an upgrade, as they are printed.
func TestRecipesShow(t *testing.T) {
	t.Parallel()
	grows := true
	server := stub.Serve(t, map[string]runtime.Object{
		"/api/v1/persistentvolumes/theirs": &corev1.PersistentVolume{
			TypeMeta: metav1.TypeMeta{Kind: "PersistentVolume", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: map[string]string{"made": "by-hand"}},
		},
		"/api/v1/namespaces/storage/persistentvolumeclaims/rel": &corev1.PersistentVolumeClaim{
			TypeMeta: metav1.TypeMeta{Kind: "PersistentVolumeClaim", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "rel", Namespace: "storage", Labels: map[string]string{"made": "by-hand"}},
			Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
		},
		"/apis/storage.k8s.io/v1/storageclasses/fast": &storagev1.StorageClass{
			TypeMeta: metav1.TypeMeta{Kind: "StorageClass", APIVersion: "storage.k8s.io/v1"}, ObjectMeta: metav1.ObjectMeta{Name: "fast"}, AllowVolumeExpansion: &grows,
		},
	})
	const nfs = "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\n"
	for title, c := range map[string]struct {
		from, to string
		shows    []string
	}{
		"a volume": {nfs + "volume: {create: false, name: theirs}\n", "volume: {create: true}", []string{"made: by-hand"}},
		"a claim":  {nfs + "claim: {create: false}\n", "claim: {create: true}", []string{"made: by-hand"}},
		"a class":  {"provisioning: dynamic\nstorageClassName: fast\n", "size: 20Gi", []string{"rel", "true"}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			from, to := file(t, "from.yaml", c.from), file(t, "to.yaml", c.to)
			_, out, errs := ckptctl("diff", "-o", "json", "--release", "rel", "-n", "storage", "--from", from, "--to", from, "--to", to)
			var got struct{ Findings []report.Finding }
			require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
			require.Len(t, got.Findings, 1)
			lines := strings.Split(got.Findings[0].Hint, "\n")[1:]
			require.Len(t, lines, len(c.shows))
			for i, line := range lines {
				assert.Contains(t, server.Run(strings.TrimSpace(line)), c.shows[i], line)
			}
		})
	}
}

// TestRecipesLive checks that a recipe for a live release names its cluster, and the chart that changes nothing.
func TestRecipesLive(t *testing.T) {
	t.Parallel()
	const manifest = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: rel, namespace: storage}\nspec: {accessModes: [ReadWriteOnce], volumeMode: Filesystem, storageClassName: fast, resources: {requests: {storage: 10Gi}}}\n"
	var claim corev1.PersistentVolumeClaim
	require.NoError(t, yaml.Unmarshal([]byte(manifest), &claim))
	claim.Spec.VolumeName, claim.Status.Phase = "pvc-1", corev1.ClaimBound
	to := file(t, "to.yaml", "provisioning: dynamic\nstorageClassName: fast\nclaim: {name: other}\naccessModes: [ReadWriteMany]\n")
	text, err := fs.ReadFile(os.DirFS(chartFolder), "Chart.yaml")
	require.NoError(t, err)
	current := regexp.MustCompile(`(?m)^version: (.+)$`).FindStringSubmatch(string(text))[1]
	for version, comment := range map[string]string{current: "", "0.0.1": "# with version 0.0.1 of the chart, which the release has:"} {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		release := map[string]any{"manifest": manifest, "chart": map[string]any{"metadata": map[string]any{"version": version}}, "info": map[string]any{"status": "deployed"}}
		require.NoError(t, json.NewEncoder(zip).Encode(release))
		require.NoError(t, zip.Close())
		server := stub.Serve(t, map[string]runtime.Object{
			"/api/v1/namespaces/storage/persistentvolumeclaims/rel": &claim,
			"/api/v1/namespaces/storage/secrets": &corev1.SecretList{Items: []corev1.Secret{{
				ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1.rel.v1", Labels: map[string]string{"name": "rel", "version": "1", "status": "deployed", "owner": "helm"}},
				Data:       map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))},
			}}},
		})
		code, out, errs := ckptctl("diff", "-o", "json", "--release", "rel", "-n", "storage", "--kubeconfig", server.Kubeconfig, "--kube-context", "c", "--to", to)
		require.Equal(t, Found, code, out+errs)
		var got struct{ Findings []report.Finding }
		require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
		require.Len(t, got.Findings, 1)
		var lines []string
		for _, line := range strings.Split(got.Findings[0].Hint, "\n")[1:] {
			lines = append(lines, strings.TrimSpace(line))
		}
		if comment != "" {
			require.Equal(t, comment, lines[0])
			lines = lines[1:]
		}
		assert.Equal(t, []string{
			"helm --kubeconfig " + server.Kubeconfig + " --kube-context c upgrade rel ./charts/checkpoint-storage --namespace storage --reuse-values --set keep=true",
			"helm --kubeconfig " + server.Kubeconfig + " --kube-context c upgrade rel ./charts/checkpoint-storage --namespace storage --values " + to,
		}, lines[:2])
		assert.Equal(t, "kubectl --kubeconfig "+server.Kubeconfig+" --context c --namespace storage get pvc rel", lines[len(lines)-1])
	}
}
