package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDoctor checks the exit codes and both formats, against an API server that knows one release by its label.
func TestDoctor(t *testing.T) {
	phase := "Bound"
	lists := map[string]string{
		"persistentvolumeclaims": `{"metadata":{"name":"checkpoints","namespace":"training","uid":"new","labels":{"app.kubernetes.io/instance":"checkpoints"}},"spec":{"volumeName":"training.checkpoints","storageClassName":""},"status":{"phase":"%s"}}`,
		"persistentvolumes":      `{"metadata":{"name":"training.checkpoints","labels":{"app.kubernetes.io/instance":"checkpoints"}},"spec":{"claimRef":{"namespace":"training","name":"checkpoints","uid":"old"},"persistentVolumeReclaimPolicy":"Retain"},"status":{"phase":"Released"}}`,
	}
	changed := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		parts := strings.Split(r.URL.Path, "/")
		resource := parts[len(parts)-1]
		switch {
		case r.Method == http.MethodPatch:
			changed, phase = r.URL.Path, "Bound"
			fmt.Fprint(w, `{"kind":"PersistentVolume","apiVersion":"v1"}`)
		case resource == "secrets":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","status":"Failure","reason":"Forbidden","code":403,"message":"secrets is forbidden"}`)
		case lists[resource] != "":
			item := strings.Replace(lists[resource], "%s", phase, 1)
			fmt.Fprintf(w, `{"items":[%s]}`, item)
		default:
			fmt.Fprint(w, `{"items":[]}`)
		}
	}))
	t.Cleanup(server.Close)
	kubeconfig := file(t, "kubeconfig", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "`+server.URL+`"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`)
	doctor := func(args ...string) (int, string, string) {
		return ckptctl(append([]string{"doctor", "checkpoints", "-n", "training", "--kubeconfig", kubeconfig}, args...)...)
	}

	code, out, errs := doctor()
	assert.Equal(t, OK, code, errs)
	assert.Contains(t, out, "secrets: secrets is forbidden")
	assert.Contains(t, out, "ok: checkpoints in training: bound")

	phase = "Pending"
	code, out, _ = doctor()
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "claim training/checkpoints: error volume-released\n  cause: volume training.checkpoints is Released")
	assert.Contains(t, out, "kubectl --kubeconfig "+kubeconfig+" patch pv training.checkpoints")
	assert.Empty(t, changed, "it changes nothing without --fix")
	_, out, _ = doctor("--kube-context", "c")
	assert.Contains(t, out, "kubectl --kubeconfig "+kubeconfig+" --context c patch pv training.checkpoints")

	code, out, _ = doctor("-o", "json")
	assert.Equal(t, Found, code)
	var report struct {
		Healthy   bool
		Diagnoses []struct {
			ID   string
			Safe bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	assert.False(t, report.Healthy)
	require.Len(t, report.Diagnoses, 1)
	assert.True(t, report.Diagnoses[0].Safe)

	code, out, _ = doctor("--fix")
	assert.Equal(t, OK, code)
	assert.Equal(t, "/api/v1/persistentvolumes/training.checkpoints", changed)
	before, after, found := strings.Cut(out, "fix: claim training/checkpoints: kubectl --kubeconfig "+kubeconfig+" patch pv training.checkpoints")
	require.True(t, found, out)
	assert.Contains(t, before, "error volume-released", "it is shown before it is done")
	assert.Contains(t, after, "ok: checkpoints in training: bound")

	code, _, errs = ckptctl("doctor", "other", "-n", "training", "--kubeconfig", kubeconfig)
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "there is no release other in namespace training")
	code, _, errs = doctor("-o", "yaml")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "-o yaml: must be text or json")
	for problem, args := range map[string][]string{
		"--fix repairs one release": {"--fix"}, "leave out --watch": {"checkpoints", "--fix", "--watch"}, "--timeout ends --watch": {"--timeout", "1s"},
	} {
		code, _, errs = ckptctl(append([]string{"doctor", "--kubeconfig", kubeconfig}, args...)...)
		assert.Equal(t, Unusable, code)
		assert.Contains(t, errs, problem)
	}
	server.Close()
	code, _, errs = doctor()
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "cannot be read")

	code, out, _ = ckptctl("explain", "volume-released")
	assert.Equal(t, OK, code)
	assert.Contains(t, out, "an earlier claim of the same name")
}

// TestDoctorWatch checks that --watch ends when the namespace is healthy, prints what changes, and ends in time.
func TestDoctorWatch(t *testing.T) {
	asked, bindsAt, absentUntil := 0, 3, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/persistentvolumeclaims") {
			fmt.Fprint(w, `{"items":[]}`)
			return
		}
		if asked++; asked <= absentUntil {
			fmt.Fprint(w, `{"items":[]}`)
			return
		}
		phase := "Pending"
		if asked >= bindsAt {
			phase = "Bound"
		}
		fmt.Fprintf(w, `{"items":[{"metadata":{"name":"checkpoints","namespace":"training","labels":{"app.kubernetes.io/instance":"checkpoints"}},"spec":{"volumeName":"v"},"status":{"phase":%q}}]}`, phase)
	}))
	t.Cleanup(server.Close)
	kubeconfig := file(t, "kubeconfig", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "`+server.URL+`"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`)
	watch := func(args ...string) (int, string, string) {
		asked = 0
		return ckptctl(append([]string{"doctor", "-n", "training", "--kubeconfig", kubeconfig, "--watch"}, args...)...)
	}
	code, out, errs := watch("checkpoints")
	assert.Equal(t, OK, code, errs)
	assert.Equal(t, 1, strings.Count(out, "error volume-missing"), "what has not changed is not printed again:\n%s", out)
	assert.Contains(t, out, "ok: checkpoints in training: bound")

	// Without a release each round reads the claims twice.
	code, out, errs = watch()
	assert.Equal(t, OK, code, errs)
	assert.Contains(t, out, "ok: checkpoints in training: bound")

	bindsAt = 1 << 20
	code, out, _ = watch("checkpoints", "--timeout", "1s")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "checkpoints in training: not healthy")

	absentUntil = 1 << 20
	code, _, errs = watch("checkpoints", "--timeout", "1s")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "there is no release checkpoints")
	code, _, errs = ckptctl("doctor", "-n", "training", "--kubeconfig", kubeconfig)
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "no release of namespace training has a store")
	absentUntil, bindsAt = 1, 2
	code, out, _ = watch("checkpoints")
	assert.Equal(t, OK, code, "it waits for the release")
	assert.Contains(t, out, "ok: checkpoints in training: bound")
}

// TestSilentServer checks that a server that does not answer, never finishes, or asks to retry later ends the doctor and
// a diff in bounded time, with an error that names the server.
func TestSilentServer(t *testing.T) {
	quiet, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = quiet.Close() })
	serve := func(answer http.HandlerFunc) string {
		server := httptest.NewServer(answer)
		t.Cleanup(server.Close)
		t.Cleanup(server.CloseClientConnections)
		return server.URL
	}
	servers := map[string]string{
		"takes the connection": "http://" + quiet.Addr().String(),
		"takes it, with TLS":   "https://" + quiet.Addr().String(),
		"begins an answer": serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"items":[`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}),
		"drips": serve(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
			}
		}),
		"has one wait": serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}),
		"has one turn the page for ever": serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"metadata":{"continue":"next"},"items":[]}`)
		}),
	}
	values := file(t, "values.yaml", "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {server: 10.0.0.5, path: /export}\n")
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			kubeconfig := file(t, "kubeconfig", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "`+server+`"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`)
			for _, args := range [][]string{{"doctor", "checkpoints"}, {"stores"}, {"diff", "--to", values}} {
				began := time.Now()
				code, _, errs := ckptctl(append(args, "-n", "training", "--kubeconfig", kubeconfig, "--request-timeout", "300ms")...)
				assert.Equal(t, Unusable, code)
				assert.Contains(t, errs, "the API server "+server+" did not answer within 300ms (--request-timeout)")
				// A diff reads values first.
				assert.Less(t, time.Since(began), 20*time.Second)
			}
		})
	}
}
