package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStores checks the exit codes, both formats, and which requests are sent, against an API server with one store.
func TestStores(t *testing.T) {
	lists := map[string]string{
		"persistentvolumeclaims": `{"metadata":{"name":"checkpoints","namespace":"training","labels":{"app.kubernetes.io/component":"checkpoint-storage","app.kubernetes.io/instance":"checkpoints"}},"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}`,
		"pods":                   `{"metadata":{"name":"trainer","namespace":"training"},"spec":{"nodeName":"node-1","volumes":[{"name":"c","persistentVolumeClaim":{"claimName":"checkpoints"}}]},"status":{"phase":"Running"}}`,
	}
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method, "it changes nothing")
		paths = append(paths, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		parts := strings.Split(r.URL.Path, "/")
		if parts[len(parts)-1] == "summary" {
			fmt.Fprint(w, `{"pods":[{"volume":[{"usedBytes":536870912,"capacityBytes":1073741824,"pvcRef":{"namespace":"training","name":"checkpoints"}}]}]}`)
			return
		}
		fmt.Fprintf(w, `{"items":[%s]}`, lists[parts[len(parts)-1]])
	}))
	t.Cleanup(server.Close)
	kubeconfig := file(t, "kubeconfig", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "`+server.URL+`"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`)
	stores := func(args ...string) (int, string, string) {
		return ckptctl(append([]string{"stores", "--kubeconfig", kubeconfig}, args...)...)
	}

	code, out, errs := stores("-n", "training")
	assert.Equal(t, OK, code, errs)
	assert.Regexp(t, `(?m)^training +checkpoints +checkpoints \(without Helm\) +Bound +1Gi +512 MiB of 1 GiB +trainer +unknown$`, out)
	assert.Contains(t, paths, "/api/v1/namespaces/training/persistentvolumeclaims")
	assert.Contains(t, paths, "/api/v1/nodes/node-1/proxy/stats/summary")

	paths = nil
	code, out, _ = stores("-A", "-o", "json")
	assert.Equal(t, OK, code)
	assert.Contains(t, paths, "/api/v1/persistentvolumeclaims")
	var report struct {
		Namespace string
		Stores    []struct{ Used struct{ Bytes int64 } }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Stores, 1)
	assert.EqualValues(t, 512<<20, report.Stores[0].Used.Bytes)

	for problem, args := range map[string][]string{
		"-o yaml: must be text or json": {"-o", "yaml"}, "-A lists all namespaces": {"-A", "-n", "training"}, "unknown command": {"checkpoints"},
	} {
		code, _, errs = stores(args...)
		assert.Equal(t, Unusable, code)
		assert.Contains(t, errs, problem)
	}
	lists = nil
	code, out, _ = stores("-A")
	assert.Equal(t, OK, code)
	assert.Equal(t, "no store in the cluster\n", out)
}
