package install

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	workers   = 4
	saveEvery = 4
	// The labels of the example chart's workers.
	workerLabels = "app.kubernetes.io/name=training-job"
	trainRelease = "run"
)

// training is a release of the example training chart whose workers' logs are followed.
type training struct {
	*store
	chart, values string

	mu sync.Mutex
	// said is the log of each pod; heard are the pods that are followed, or have ended and were read completely.
	said  map[types.UID][]line
	heard map[types.UID]bool
	// signs counts all lines that came, of the launcher and of PyTorch too.
	signs int
}

// line is one line of a worker.
type line struct {
	at   string
	rank int
	text string
}

// newTraining creates the namespace and starts following logs. values are those of the store, as YAML below `checkpoints`.
func newTraining(t *testing.T, c cluster.Cluster, ns string, steps int, values string) *training {
	t.Helper()
	s := newStoreOn(t, c, ns, "restricted")
	require.NotEmpty(t, s.cluster.Trainer(), "the cluster has no image to train with; `make trainer-image` makes it")
	repository, tag, _ := strings.Cut(s.cluster.Trainer(), ":")
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(`
workers: %d
image: {repository: %s, tag: %s, pullPolicy: Never}
training: {steps: %d, saveEvery: %d, peerTimeoutSeconds: 60}
# However fast the machine is, there is time to hit.
env: [{name: STEP_SECONDS, value: "0.2"}]
checkpoints:
%s`, workers, repository, tag, steps, saveEvery, indented(values))), 0o600))
	tr := &training{store: s, chart: charts.TrainingJob(t), values: file, said: map[types.UID][]line{}, heard: map[types.UID]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(interval) {
			tr.listen(ctx, &listening)
		}
	})
	t.Cleanup(func() {
		cancel()
		listening.Wait()
		if t.Failed() {
			t.Log("what the workers said last:\n" + tr.tail(60))
		}
	})
	return tr
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

// listen starts following the log of every worker that is not followed yet: the log of a deleted pod is lost.
func (tr *training) listen(ctx context.Context, listening *sync.WaitGroup) {
	pods, err := tr.client.CoreV1().Pods(tr.ns).List(ctx, metav1.ListOptions{LabelSelector: workerLabels})
	if err != nil {
		return
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, pod := range pods.Items {
		if pod.Status.Phase != corev1.PodPending && !tr.heard[pod.UID] {
			tr.heard[pod.UID] = true
			listening.Go(func() { tr.hear(ctx, &pod) })
		}
	}
}

// hear reads a worker's log until it ends. If the stream breaks, the next listen starts again.
func (tr *training) hear(ctx context.Context, pod *corev1.Pod) {
	over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	defer func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.heard[pod.UID] = over
	}()
	log, err := tr.client.CoreV1().Pods(tr.ns).GetLogs(pod.Name, &corev1.PodLogOptions{Timestamps: true, Follow: true}).Stream(ctx)
	if err != nil {
		over = false
		return
	}
	defer func() { _ = log.Close() }()
	var said []line
	text := bufio.NewScanner(log)
	for text.Scan() {
		m := spoken.FindStringSubmatch(text.Text())
		tr.mu.Lock()
		tr.signs++
		if m != nil {
			rank, _ := strconv.Atoi(m[2])
			said = append(said, line{m[1], rank, m[3]})
		}
		if len(said) > len(tr.said[pod.UID]) {
			tr.said[pod.UID] = said
		}
		tr.mu.Unlock()
	}
	over = over && text.Err() == nil
}

var spoken = regexp.MustCompile(`^(\S+) \[rank (\d+)\] (.*)$`)

// lines returns the lines of all workers in chronological order.
func (tr *training) lines() []line {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var out []line
	for _, said := range tr.said {
		out = append(out, said...)
	}
	slices.SortStableFunc(out, func(a, b line) int { return strings.Compare(a.at, b.at) })
	return out
}

// alive returns a number that grows with every line that a pod logs.
func (tr *training) alive() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.signs
}

func (tr *training) tail(n int) string {
	all := tr.lines()
	var out strings.Builder
	for _, l := range all[max(0, len(all)-n):] {
		fmt.Fprintf(&out, "%s [rank %d] %s\n", l.at, l.rank, l.text)
	}
	return out.String()
}

// begin installs the release. It waits only for the claims.
func (tr *training) begin() {
	tr.t.Helper()
	tr.helm("install", trainRelease, tr.chart, "--values", tr.values)
}

// end uninstalls it and waits until all workers have terminated.
func (tr *training) end() {
	tr.t.Helper()
	tr.helm("uninstall", trainRelease)
	tr.eventually("the workers do not go away", func() bool {
		pods, err := tr.client.CoreV1().Pods(tr.ns).List(tr.t.Context(), metav1.ListOptions{LabelSelector: workerLabels})
		return err == nil && len(pods.Items) == 0
	})
}

// eventually waits for a condition, and longer as long as the pods log something: on a busy machine they are slow, not
// stuck. When the node of the others is gone, a worker and its launcher wait a minute each before they notice.
func (tr *training) eventually(otherwise string, done func() bool) {
	tr.t.Helper()
	const atMost = 3
	for range atMost {
		before := tr.alive()
		if tr.until(patience, done) {
			return
		}
		if tr.alive() == before {
			break
		}
	}
	tr.t.Fatalf("%s:\n%s", otherwise, tr.pods())
}

// pods describes the workers' pods for a failure message.
func (tr *training) pods() string {
	pods, err := tr.client.CoreV1().Pods(tr.ns).List(tr.t.Context(), metav1.ListOptions{LabelSelector: workerLabels})
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	for _, pod := range pods.Items {
		fmt.Fprintf(&out, "%s on %s: %s %s\n", pod.Name, pod.Spec.NodeName, pod.Status.Phase, tr.events(pod.Name))
		for _, container := range pod.Status.ContainerStatuses {
			if ended := container.State.Terminated; ended != nil {
				fmt.Fprintf(&out, "  %s, exit code %d, at %s\n", ended.Reason, ended.ExitCode, ended.FinishedAt.Format(time.TimeOnly))
			}
		}
		last := int64(20)
		log, err := tr.client.CoreV1().Pods(tr.ns).GetLogs(pod.Name, &corev1.PodLogOptions{Timestamps: true, TailLines: &last}).DoRaw(tr.t.Context())
		if err != nil {
			log = []byte(err.Error())
		}
		out.WriteString(indented(string(log)))
	}
	return out.String()
}

// worker waits for the running pod of a rank.
func (tr *training) worker(rank int) *corev1.Pod {
	tr.t.Helper()
	var found *corev1.Pod
	tr.eventually(fmt.Sprintf("there is no running worker of rank %d", rank), func() bool {
		pods, err := tr.client.CoreV1().Pods(tr.ns).List(tr.t.Context(), metav1.ListOptions{LabelSelector: workerLabels})
		if err != nil {
			return false
		}
		for _, pod := range pods.Items {
			if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil && rankOf(&pod) == rank {
				found = &pod
				return true
			}
		}
		return false
	})
	return found
}

// rankOf reads the rank from the pod's environment or from the index of an Indexed Job.
func rankOf(pod *corev1.Pod) int {
	text := pod.Annotations["batch.kubernetes.io/job-completion-index"]
	for _, variable := range pod.Spec.Containers[0].Env {
		if variable.Name == "RANK" && variable.Value != "" {
			text = variable.Value
		}
	}
	rank, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return rank
}

// number returns the number in a line of the form, or -1.
func (l line) number(form string) int {
	var n int
	if _, err := fmt.Sscanf(l.text, form, &n); err != nil {
		return -1
	}
	return n
}
