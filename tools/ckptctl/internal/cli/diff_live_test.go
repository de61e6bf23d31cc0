package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestDiffLive checks that a volume which leads to other storage at its next mount is seen of a live release too, whose values
// are not known: by what its volume is mounted with.
func TestDiffLive(t *testing.T) {
	const (
		bucket = "backend: gcpGcsFuse\naccessModes: [ReadWriteMany]\ngcpGcsFuse: {bucketName: b, onlyDir: %s}\n"
		option = "backend: gcpGcsFuse\naccessModes: [ReadWriteMany]\ngcpGcsFuse: {bucketName: b}\nmountOptions: [implicit-dirs, %s]\n"
		shards = "backend: awsS3\naccessModes: [ReadWriteMany]\nshards: 2\nawsS3: {bucketName: b, prefix: \"%s/{shard}/\"}\n"
		port   = "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\nmountOptions: [hard, %s]\n"
		moved  = "leads to other storage at the next mount"
	)
	for title, c := range map[string]struct{ from, to, says string }{
		"the same directory":                       {fmt.Sprintf(bucket, "a"), fmt.Sprintf(bucket, "a"), ""},
		"another directory":                        {fmt.Sprintf(bucket, "a"), fmt.Sprintf(bucket, "b"), moved + ", by the mount options [\"only-dir=b\"] instead of [\"only-dir=a\"]"},
		"the same directory, spelled another way":  {fmt.Sprintf(bucket, "a"), fmt.Sprintf(option, "only-dir=a/"), ""},
		"no directory any more":                    {fmt.Sprintf(bucket, "a"), "backend: gcpGcsFuse\naccessModes: [ReadWriteMany]\ngcpGcsFuse: {bucketName: b}\n", moved},
		"another directory, by an option":          {fmt.Sprintf(option, "only-dir=a"), fmt.Sprintf(option, "only-dir=b"), moved},
		"the same directory, by an option":         {fmt.Sprintf(bucket, "a"), fmt.Sprintf(option, "only-dir=a"), ""},
		"another option":                           {fmt.Sprintf(option, "uid=1"), fmt.Sprintf(option, "uid=2"), ""},
		"another prefix of shards":                 {fmt.Sprintf(shards, "a"), fmt.Sprintf(shards, "c"), moved + ", by the mount options [\"prefix c/0/\"] instead of [\"prefix a/0/\"]: its checkpoints stay behind. The same applies to"},
		"another port of the server":               {fmt.Sprintf(port, "port=2049"), fmt.Sprintf(port, "port=3049"), moved},
		"the port that the server has":             {fmt.Sprintf(port, "port=2049"), fmt.Sprintf(port, "nconnect=4"), ""},
		"another directory under another name":     {fmt.Sprintf(bucket, "a"), fmt.Sprintf(bucket, "b") + "fullnameOverride: other\n", "its checkpoints stay behind: the new volume is other storage"},
		"the same directory under another name":    {fmt.Sprintf(bucket, "a"), fmt.Sprintf(bucket, "a") + "fullnameOverride: other\n", "beside new ones on the same storage"},
		"options taken back, and the backend's in": {fmt.Sprintf(option, "only-dir=a"), fmt.Sprintf(bucket, "a"), ""},
	} {
		t.Run(title, func(t *testing.T) {
			code, out, errs := ckptctl("diff", "--release", "rel", "-n", "train", "--kubeconfig", released(t, c.from, "rel", "train"), "--to", file(t, "to.yaml", c.to))
			if c.says == "" {
				assert.Equal(t, OK, code, out+errs)
				assert.Equal(t, "ok: rel: the upgrade goes through, and the data stays where it is\n", out)
				return
			}
			assert.Contains(t, out, c.says, errs)
		})
	}
}

// released is the kubeconfig of an API server with the objects of a release.
func released(t *testing.T, given, release, namespace string) string {
	t.Helper()
	var values map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(given), &values))
	templates, err := upgrade.Load(embedded.FS)
	require.NoError(t, err)
	objects, err := templates.Render(values, release, namespace)
	require.NoError(t, err)
	paths, manifest := map[string]any{}, strings.Builder{}
	for kind, resource := range map[string]string{"PersistentVolume": "persistentvolumes", "PersistentVolumeClaim": "persistentvolumeclaims", "ConfigMap": "configmaps"} {
		for key, object := range objects[kind] {
			path := "/api/v1/" + resource + "/" + key.Name
			if key.Namespace != "" {
				path = "/api/v1/namespaces/" + key.Namespace + "/" + resource + "/" + key.Name
			}
			paths[path] = object.Object
			text, err := yaml.Marshal(object.Object)
			require.NoError(t, err)
			manifest.WriteString("---\n# Source: checkpoint-storage/templates/" + kind + ".yaml\n" + string(text))
		}
	}
	stored, err := json.Marshal(map[string]any{"manifest": manifest.String(), "info": map[string]any{"status": "deployed"}, "chart": map[string]any{"metadata": map[string]any{"version": templates.Version()}}})
	require.NoError(t, err)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(stored)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	// A Secret's data is in base64 in JSON, around that of Helm.
	paths["/api/v1/namespaces/"+namespace+"/secrets"] = map[string]any{"items": []any{map[string]any{
		"metadata": map[string]any{"name": "sh.helm.release.v1." + release + ".v1", "namespace": namespace, "labels": map[string]any{"owner": "helm", "name": release, "status": "deployed", "version": "1"}},
		"data":     map[string]any{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))},
	}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method, "it changes nothing")
		w.Header().Set("Content-Type", "application/json")
		object, there := paths[r.URL.Path]
		if !there {
			w.WriteHeader(http.StatusNotFound)
			object = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound}
		}
		assert.NoError(t, json.NewEncoder(w).Encode(object))
	}))
	t.Cleanup(server.Close)
	return file(t, "kubeconfig", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "`+server.URL+`"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`)
}
