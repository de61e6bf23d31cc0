package install

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// alertsTrainer saves a checkpoint as Distributed Checkpoint does and then publishes it again and again; with the file freeze
// it does nothing more, and with the file go it saves new ones until the claim is full, which ends it. Then it begins again,
// and takes longer than the minute in which the kubelet measures before it saves.
const alertsTrainer = `
set -e
cd /checkpoints
publish() { echo metadata >step-$1/.metadata.tmp; mv step-$1/.metadata.tmp step-$1/.metadata; }
save() { mkdir step-$1; dd if=/dev/zero of=step-$1/__0_0.distcp bs=1M count=16 2>&1; publish $1; }
[ -e step-1 ] || save 1
echo ready
[ ! -e go ] || sleep 75
n=$(ls -d step-* | wc -l)
while :; do
  if [ -e go ]; then n=$((n + 1)); save $n
  elif [ ! -e freeze ]; then publish 1; fi
  sleep 1
done`

// prometheus is one that scrapes the workers' kubelets and what stateMetrics says.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus starts one with these rules, which ends with the test.
func startPrometheus(t *testing.T, s *store, rules []byte) prometheus {
	t.Helper()
	dir := t.TempDir()
	config, err := clientcmd.BuildConfigFromFlags("", s.cluster.Kubeconfig())
	require.NoError(t, err)
	server, err := url.Parse(config.Host)
	require.NoError(t, err)
	var kubelets []map[string]any
	for _, node := range s.cluster.Workers() {
		kubelets = append(kubelets, map[string]any{"targets": []string{server.Host}, "labels": map[string]string{
			"node": node, "__metrics_path__": "/api/v1/nodes/" + node + "/proxy/metrics",
		}})
	}
	state := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.stateMetrics(w) }))
	t.Cleanup(state.Close)
	written, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": "5s", "evaluation_interval": "5s"},
		"rule_files": []string{"rules.yaml"},
		"scrape_configs": []any{
			map[string]any{
				"job_name": "kubelet", "honor_labels": true, "scheme": server.Scheme, "static_configs": kubelets,
				"tls_config": map[string]any{"ca_file": "ca", "cert_file": "cert", "key_file": "key"},
			},
			map[string]any{
				"job_name": "state", "honor_labels": true,
				"static_configs": []any{map[string]any{"targets": []string{strings.TrimPrefix(state.URL, "http://")}}},
			},
		},
	})
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"prometheus.yaml": written, "rules.yaml": rules,
		"ca": config.CAData, "cert": config.CertData, "key": config.KeyData,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	command := exec.CommandContext(t.Context(), "prometheus", "--config.file", filepath.Join(dir, "prometheus.yaml"), //nolint:gosec // The test's own.
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--log.level", "error")
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	require.NoError(t, command.Start(), "`make install` builds it")
	// The test's context has ended by the time that its cleanups run.
	t.Cleanup(func() { _ = command.Wait() })
	return prometheus{t, "http://" + address}
}

// get reads the data of an answer; false where there is none yet.
func (p prometheus) get(path string, data any) bool {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	require.NoError(p.t, err)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Data json.RawMessage `json:"data"`
	}
	return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(&body) == nil && json.Unmarshal(body.Data, data) == nil
}

// alerts are those that are firing or pending, with their state.
func (p prometheus) alerts() map[string]string {
	p.t.Helper()
	var data struct {
		Alerts []struct {
			Labels map[string]string `json:"labels"`
			State  string            `json:"state"`
		} `json:"alerts"`
	}
	out := map[string]string{}
	if !p.get("/api/v1/alerts", &data) {
		return map[string]string{"": "no answer"}
	}
	for _, alert := range data.Alerts {
		out[alert.Labels["alertname"]] = alert.State
	}
	return out
}

// series counts those that an expression has now.
func (p prometheus) series(expr string) int {
	p.t.Helper()
	var data struct {
		Result []any `json:"result"`
	}
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

// stateMetrics writes what kube-state-metrics does, by the names and labels that it has for them, of the store's namespace.
func (s *store) stateMetrics(w io.Writer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), 10*time.Second)
	defer cancel()
	write := func(value float64, name string, labels ...string) {
		var list []string
		for i := 0; i < len(labels); i += 2 {
			list = append(list, fmt.Sprintf("%s=%q", labels[i], labels[i+1]))
		}
		_, _ = fmt.Fprintf(w, "%s{%s} %f\n", name, strings.Join(list, ","), value)
	}
	is := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	all := metav1.ListOptions{}
	if claims, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).List(ctx, all); err == nil {
		for _, c := range claims.Items {
			for _, phase := range []corev1.PersistentVolumeClaimPhase{corev1.ClaimBound, corev1.ClaimLost, corev1.ClaimPending} {
				write(is(c.Status.Phase == phase), "kube_persistentvolumeclaim_status_phase", "namespace", s.ns, "persistentvolumeclaim", c.Name, "phase", string(phase))
			}
		}
	}
	if volumes, err := s.client.CoreV1().PersistentVolumes().List(ctx, all); err == nil {
		for _, v := range volumes.Items {
			for _, phase := range []corev1.PersistentVolumePhase{corev1.VolumeBound, corev1.VolumeReleased, corev1.VolumeFailed} {
				write(is(v.Status.Phase == phase), "kube_persistentvolume_status_phase", "persistentvolume", v.Name, "phase", string(phase))
			}
			if ref := v.Spec.ClaimRef; ref != nil {
				write(1, "kube_persistentvolume_claim_ref", "persistentvolume", v.Name, "claim_namespace", ref.Namespace, "name", ref.Name)
			}
		}
	}
	if pods, err := s.client.CoreV1().Pods(s.ns).List(ctx, all); err == nil {
		for _, p := range pods.Items {
			write(1, "kube_pod_status_phase", "namespace", s.ns, "pod", p.Name, "phase", string(p.Status.Phase))
			for _, condition := range p.Status.Conditions {
				if condition.Type == corev1.PodReady {
					write(is(condition.Status == corev1.ConditionTrue), "kube_pod_status_ready", "namespace", s.ns, "pod", p.Name, "condition", "true")
				}
			}
			for _, c := range p.Status.ContainerStatuses {
				write(float64(c.RestartCount), "kube_pod_container_status_restarts_total", "namespace", s.ns, "pod", p.Name, "container", c.Name)
			}
			for _, v := range p.Spec.Volumes {
				if v.PersistentVolumeClaim != nil {
					write(1, "kube_pod_spec_volumes_persistentvolumeclaims_info", "namespace", s.ns, "pod", p.Name, "volume", v.Name, "persistentvolumeclaim", v.PersistentVolumeClaim.ClaimName)
				}
			}
		}
	}
	if jobs, err := s.client.BatchV1().Jobs(s.ns).List(ctx, all); err == nil {
		for _, j := range jobs.Items {
			if j.Status.StartTime != nil {
				write(float64(j.Status.StartTime.Unix()), "kube_job_status_start_time", "namespace", s.ns, "job_name", j.Name)
			}
			for _, condition := range j.Status.Conditions {
				if condition.Type == batchv1.JobFailed {
					write(is(condition.Status == corev1.ConditionTrue), "kube_job_failed", "namespace", s.ns, "job_name", j.Name, "condition", "true")
				}
			}
			for _, owner := range j.OwnerReferences {
				write(1, "kube_job_owner", "namespace", s.ns, "job_name", j.Name, "owner_kind", owner.Kind, "owner_name", owner.Name)
			}
		}
	}
	if crons, err := s.client.BatchV1().CronJobs(s.ns).List(ctx, all); err == nil {
		for _, c := range crons.Items {
			write(float64(c.CreationTimestamp.Unix()), "kube_cronjob_created", "namespace", s.ns, "cronjob", c.Name)
			if last := c.Status.LastSuccessfulTime; last != nil {
				write(float64(last.Unix()), "kube_cronjob_status_last_successful_time", "namespace", s.ns, "cronjob", c.Name)
			}
		}
	}
}

// TestAlerts has a real Prometheus scrape the kubelets while a trainer on a small file system saves, freezes, saves again, and
// fills the file system: no alert while all is well, one on the trainer that is Running and saves nothing, and one on the
// full claim that stays while the pod is in its crash loop and the kubelet reports no statistics.
func TestAlerts(t *testing.T) {
	t.Parallel()
	const ns = "alerts"
	s := newStore(t, ns, "restricted")
	node := func(script string) { run(t, s.cluster, script) }
	dir := "/mnt/checkpoints/" + ns
	away := fmt.Sprintf("! mountpoint -q %[1]s || umount %[1]s; rm -rf %[1]s /mnt/%[2]s.img", dir, ns)
	node(fmt.Sprintf("%[1]s; mkdir -p %[2]s; truncate -s 80M /mnt/%[3]s.img; mkfs.ext4 -q /mnt/%[3]s.img; mount -o loop /mnt/%[3]s.img %[2]s; chmod 1777 %[2]s", away, dir, ns))
	// After the namespace, whose pods have it mounted.
	t.Cleanup(func() { _, _ = s.cluster.Exec(cleanup(t), s.cluster.Workers()[0], away) })
	t.Cleanup(s.remove)
	values := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(values, []byte(fmt.Sprintf(`
backend: local
local: {path: %s}
size: 80Mi
frameworks: [dcp]
retention: {checkpointSize: 16Mi, keep: 2}
monitoring: {enabled: true, kind: ConfigMap}
freshness: {maxAge: 1m, schedule: "* * * * *"}
`+onOneNode, dir, s.cluster.Workers()[0])), 0o600))
	s.options.ValuesFiles = []string{values}
	s.install()
	s.bound(release)
	trainer := s.pod("trainer", alertsTrainer)
	trainer.Spec.RestartPolicy = corev1.RestartPolicyAlways
	s.start(trainer, "ready")

	config, err := s.client.CoreV1().ConfigMaps(ns).Get(t.Context(), release+"-alerts", metav1.GetOptions{})
	require.NoError(t, err)
	var rules map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(config.Data[ns+"."+release+".yaml"]), &rules))
	known := 0
	for _, rule := range rules["groups"].([]any)[0].(map[string]any)["rules"].([]any) {
		if rule := rule.(map[string]any); rule["alert"] != nil {
			// An hour of the alerts is some seconds of the test.
			rule["for"] = "10s"
			known++
		}
	}
	require.Equal(t, 8, known)
	text, err := yaml.Marshal(rules)
	require.NoError(t, err)
	p := startPrometheus(t, s, text)
	claim := fmt.Sprintf(`{namespace=%q,persistentvolumeclaim=%q}`, ns, release)

	checks := func() (succeeded *metav1.Time) {
		cron, err := s.client.BatchV1().CronJobs(ns).Get(t.Context(), release+"-freshness", metav1.GetOptions{})
		require.NoError(t, err)
		return cron.Status.LastSuccessfulTime
	}
	require.True(t, s.until(patience, func() bool {
		return checks() != nil && p.series("checkpoint_storage:available_bytes"+claim) == 1
	}), "no check succeeds (%s), or no statistics: %v", s.events(release+"-freshness"), p.alerts())
	assert.Empty(t, p.alerts(), "all is well")

	node("touch " + dir + "/freeze")
	require.True(t, s.until(patience, func() bool { return p.alerts()["CheckpointStale"] == "firing" }), "the trainer is frozen: %v", p.alerts())
	pod, err := s.client.CoreV1().Pods(ns).Get(t.Context(), "trainer", metav1.GetOptions{})
	require.NoError(t, err)
	assert.True(t, pod.Status.ContainerStatuses[0].Ready, "nothing else shows that it is frozen")
	assert.Equal(t, map[string]string{"CheckpointStale": "firing"}, p.alerts())
	said := ""
	pods, err := s.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=freshness"})
	require.NoError(t, err)
	for _, pod := range pods.Items {
		if ended := terminated(&pod); ended != nil && ended.ExitCode != 0 {
			said = ended.Message
		}
	}
	assert.Regexp(t, `^FAILED: the newest checkpoint, /checkpoints/step-1/\.metadata, is \d+ s old, and 60 s is the most`, said)
	node("rm " + dir + "/freeze")
	require.True(t, s.until(patience, func() bool { return len(p.alerts()) == 0 }), "it saves again: %v", p.alerts())

	node("touch " + dir + "/go")
	require.True(t, s.until(patience, func() bool { return p.alerts()["CheckpointNoRoom"] == "firing" }), "the claim is full: %v", p.alerts())
	pod, err = s.client.CoreV1().Pods(ns).Get(t.Context(), "trainer", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Positive(t, pod.Status.ContainerStatuses[0].RestartCount, "a trainer that cannot save ends")
	measured, unmeasured := 0, 0
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(5 * time.Second) {
		require.Equal(t, "firing", p.alerts()["CheckpointNoRoom"], "%d times with statistics and %d times without", measured, unmeasured)
		if p.series("kubelet_volume_stats_available_bytes"+claim) > 0 {
			measured++
		} else {
			unmeasured++
		}
	}
	t.Logf("CheckpointNoRoom fired throughout, %d times while the kubelet had statistics and %d times while it had none", measured, unmeasured)
	assert.True(t, s.until(patience, func() bool { return p.alerts()["CheckpointCrashLoop"] == "firing" }), "it was restarted again and again: %v", p.alerts())
	node("rm " + dir + "/go; rm -rf " + dir + "/step-[2-9]*")
	// Without waiting for the end of its back-off.
	s.kill("trainer")
	s.start(trainer, "ready")
	require.True(t, s.until(patience, func() bool { return p.alerts()["CheckpointNoRoom"] == "" }), "there is room again: %v", p.alerts())
}
