package install

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/table"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// seed determines the order of the hits; a fixed one makes failures reproducible.
const seed = 20

// steps are enough for every hit to occur during training.
const steps = 140

// place is where a store keeps its checkpoints: a directory of a node for each rank, or one for all.
type place struct {
	name   string
	values func(c cluster.Cluster, dir string) string
	// dir returns the node and the directory of a rank's checkpoints.
	dir func(c cluster.Cluster, base string, rank int) (node, dir string)
	// base is the directory in the values.
	base string
	// stopped is the index of the worker node that is stopped.
	stopped int
}

const onOneNode = `volume: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}}`

var places = []place{
	{
		name: "a directory of one node", base: "/mnt/checkpoints/resume-one",
		values: func(c cluster.Cluster, dir string) string {
			return fmt.Sprintf("size: 1Gi\nhostPath: {path: %s}\n"+onOneNode, dir, c.Workers()[0])
		},
		dir: func(c cluster.Cluster, base string, _ int) (string, string) { return c.Workers()[0], base },
	},
	{
		name: "a directory that all nodes share", base: "/mnt/shared/resume-all", stopped: 1,
		values: func(_ cluster.Cluster, dir string) string {
			return fmt.Sprintf("size: 1Gi\naccessModes: [ReadWriteMany]\nhostPath: {path: %s, sharedMount: true}", dir)
		},
		dir: func(c cluster.Cluster, base string, _ int) (string, string) { return c.Workers()[0], base },
	},
	{
		name: "one volume per rank", base: "/mnt/checkpoints/resume-shards", stopped: 1,
		values: func(c cluster.Cluster, dir string) string {
			out := fmt.Sprintf("size: 1Gi\nbackend: local\nlocal: {path: '%s/{shard}'}\nshards: %d\nshardOverrides:\n", dir, workers)
			for rank := range workers {
				out += fmt.Sprintf("- {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%s]}]}]}}}\n", c.Workers()[rank%2])
			}
			return out
		},
		dir: func(c cluster.Cluster, base string, rank int) (string, string) {
			return c.Workers()[rank%2], fmt.Sprintf("%s/%d", base, rank)
		},
	},
}

// hits are the disturbances of a run, in an order given by the seed.
var hits = []string{"kill", "kill", "kill", "delete", "delete", "reinstall", "stop"}

// nodesUp is read-locked by runs that need the nodes, and locked by the one that stops a node; stopping is held by the run
// whose turn it is to stop one.
var (
	nodesUp  sync.RWMutex
	stopping sync.Mutex
)

// TestResume trains undisturbed once, and then in each place while workers are killed during a save, pods are deleted, the
// release is uninstalled and installed again, and a node is stopped. Every run must end with the same bits, never leave a torn
// published checkpoint, and lose at a time no more than what was trained since the newest save that was due had begun: one that
// is under way may be lost, and the next waits for it.
func TestResume(t *testing.T) {
	isHeavy(t)
	t.Parallel()
	c := cluster.Alone(t)
	undisturbed := &resumption{place: places[1]}
	undisturbed.base += "-undisturbed"
	undisturbed.run(t, c, "resume-undisturbed")
	require.NotEmpty(t, undisturbed.digest)
	runs := []*resumption{undisturbed}
	t.Run("hit", func(t *testing.T) {
		// Not t.Parallel, which would wait for the other cluster's tests.
		var wait sync.WaitGroup
		defer wait.Wait()
		for i, p := range places {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			r := &resumption{place: p, hits: append([]string{}, hits...), random: random}
			random.Shuffle(len(r.hits), func(i, j int) { r.hits[i], r.hits[j] = r.hits[j], r.hits[i] })
			runs = append(runs, r)
			wait.Go(func() {
				t.Run(p.name, func(t *testing.T) {
					r.run(t, c, fmt.Sprintf("resume-%d", i))
					assert.Equal(t, undisturbed.digest, r.digest, "the run did not end with the parameters of the undisturbed one")
				})
			})
		}
	})
	var rows [][]string
	for _, r := range runs {
		rows = append(rows, []string{
			r.name, fmt.Sprint(len(r.hits)), strings.Join(r.hits, " "), fmt.Sprint(r.resumed), fmt.Sprint(r.most), fmt.Sprint(r.whole),
			r.digest[:min(12, len(r.digest))],
		})
	}
	table.Write(t, "resume", fmt.Sprintf("Training of %d workers, %d steps, a checkpoint every %d: what befell it, and what it cost (seed %d)", workers, steps, saveEvery, seed),
		[]string{"checkpoints on", "hits", "in this order", "resumed at steps", "most steps lost", "checkpoints verified", "final parameters"}, rows)
}

// resumption is a run and its result.
type resumption struct {
	place
	hits   []string
	random *rand.Rand

	training *training
	// resumed are the steps from which training resumed, most is the largest number of steps lost at once, whole is the
	// number of published checkpoints that were verified.
	resumed     []int
	most, whole int
	digest      string
}

func (r *resumption) run(t *testing.T, c cluster.Cluster, ns string) {
	r.clear(t, c)
	r.training = newTraining(t, c, ns, steps, r.values(c, r.base))
	r.training.begin()
	since := ""
	for i := range r.hits {
		r.underWay(i, since)
		since = time.Now().UTC().Format(time.RFC3339Nano)
		r.strike(t, i)
		r.verify(t)
	}
	r.training.eventually("the training does not end", func() bool { return r.finished() == workers })
	r.verify(t)
	r.account(t)
}

// clear empties the directory of every rank.
func (r *resumption) clear(t *testing.T, c cluster.Cluster) {
	nodesUp.RLock()
	defer nodesUp.RUnlock()
	for rank := range workers {
		node, dir := r.dir(c, r.base, rank)
		_, err := c.Exec(t.Context(), node, fmt.Sprintf("mkdir -p %[1]s; chmod 1777 %[1]s; rm -rf %[1]s/*", dir))
		require.NoError(t, err)
	}
}

// underWay waits until training has resumed and saved since the last hit, and a random time longer.
func (r *resumption) underWay(hit int, since string) {
	r.training.eventually(fmt.Sprintf("the training does not get going after hit %d", hit), func() bool {
		begun, saved := 0, 0
		for _, l := range r.training.lines() {
			switch {
			case l.at < since:
			case strings.HasPrefix(l.text, "resumed from") || strings.HasPrefix(l.text, "starting from"):
				begun, saved = begun+1, 0
			case strings.HasPrefix(l.text, "saved step"):
				saved++
			}
		}
		return begun > 0 && saved >= workers
	})
	time.Sleep(time.Duration(r.random.IntN(1000)) * time.Millisecond)
	require.Zero(r.training.t, r.finished(), "the training ended before hit %d", hit)
}

// needNodes read-locks nodesUp. While another run stops a node, the training is uninstalled: it would end before the next hit.
func (r *resumption) needNodes() {
	switch {
	case nodesUp.TryRLock():
	case r.finished() == workers:
		nodesUp.RLock()
	default:
		r.training.end()
		nodesUp.RLock()
		begun := false
		defer func() {
			if !begun {
				nodesUp.RUnlock()
			}
		}()
		r.training.begin()
		begun = true
	}
}

// strike disturbs the training by a hit, by its index.
func (r *resumption) strike(t *testing.T, index int) {
	tr, hit, rank := r.training, r.hits[index], index%workers
	t.Logf("%s: rank %d: %s", time.Now().Format(time.TimeOnly), rank, hit)
	switch hit {
	case "kill":
		// SIGKILL while a checkpoint is incomplete.
		r.needNodes()
		defer nodesUp.RUnlock()
		var node, pid string
		tr.eventually(fmt.Sprintf("rank %d has no process", rank), func() bool {
			// The API server learns with a delay that the node's containers are gone.
			pod := tr.worker(rank)
			var err error
			node = pod.Spec.NodeName
			pid, err = tr.cluster.Exec(t.Context(), node, fmt.Sprintf(`
container=$(crictl ps --quiet --state running --label io.kubernetes.pod.uid=%s)
crictl inspect --output go-template --template '{{.info.pid}}' "$container"`, pod.UID))
			return err == nil && pid != ""
		})
		_, dir := r.dir(tr.cluster, r.base, rank)
		_, err := tr.cluster.Exec(t.Context(), node, fmt.Sprintf(
			`timeout 240 sh -c 'until set -- %s/step-*.part && [ -e "$1" ]; do sleep 0.01; done; kill -9 %s'`, dir, pid))
		require.NoError(t, err)
	case "delete":
		// SIGTERM, on which the worker saves; SIGKILL a second later.
		second := int64(1)
		require.NoError(t, tr.client.CoreV1().Pods(tr.ns).Delete(t.Context(), tr.worker(rank).Name, metav1.DeleteOptions{GracePeriodSeconds: &second}))
	case "reinstall":
		tr.end()
		tr.begin()
	case "stop":
		// One at a time, so that the node gets its old address when it restarts. A training that has to wait for its turn is
		// uninstalled, because it would end meanwhile.
		waited := !stopping.TryLock()
		if waited {
			tr.end()
			stopping.Lock()
		}
		defer stopping.Unlock()
		if waited {
			since := time.Now().UTC().Format(time.RFC3339Nano)
			tr.begin()
			r.underWay(index, since)
		}
		nodesUp.Lock()
		defer nodesUp.Unlock()
		restartNode(t, tr.cluster, tr.cluster.Workers()[r.stopped])
	}
}

// verify reads every published checkpoint back, shard by shard. One that is pruned meanwhile is not an error.
func (r *resumption) verify(t *testing.T) {
	r.needNodes()
	defer nodesUp.RUnlock()
	seen := map[string]bool{}
	for rank := range workers {
		node, dir := r.dir(r.training.cluster, r.base, rank)
		if seen[node+dir] {
			continue
		}
		seen[node+dir] = true
		ranks := 0
		for other := range workers {
			if n, d := r.dir(r.training.cluster, r.base, other); n == node && d == dir {
				ranks++
			}
		}
		out, err := r.training.cluster.Exec(t.Context(), node, fmt.Sprintf(`
cd %s
whole=0
for step in step-????????; do
  [ -d "$step" ] || continue
  if (cd "$step" && [ $(ls rank-?.sha256 | wc -l) = %d ] && sha256sum --quiet --strict --check rank-?.sha256) >/tmp/torn 2>&1; then
    whole=$((whole + 1))
  elif [ -d "$step" ]; then
    echo "torn: $step: $(ls "$step") $(cat /tmp/torn)"
  fi
done
echo "$whole"`, dir, ranks))
		require.NoError(t, err)
		if !assert.NotContains(t, out, "torn", "on %s in %s", node, dir) {
			continue
		}
		var whole int
		_, err = fmt.Sscan(out, &whole)
		require.NoError(t, err)
		r.whole += whole
	}
}

// finished counts the ranks that have completed.
func (r *resumption) finished() int {
	ranks := map[int]bool{}
	for _, l := range r.training.lines() {
		if strings.HasPrefix(l.text, "finished") {
			ranks[l.rank] = true
		}
	}
	return len(ranks)
}

// account adds up what each hit has cost, from the logs.
func (r *resumption) account(t *testing.T) {
	reached := 0
	for _, l := range r.training.lines() {
		begun := max(l.number("resumed from step %d"), l.number("starting from step %d"))
		switch {
		case begun >= 0 && l.rank == 0:
			lost := reached - begun
			assert.Less(t, lost, 2*saveEvery, "at %s training began again at step %d, and had reached %d", l.at, begun, reached)
			if reached > 0 {
				r.resumed = append(r.resumed, begun)
				r.most = max(r.most, lost)
			}
			reached = begun
		case strings.HasPrefix(l.text, "TORN"), strings.HasPrefix(l.text, "STOPPED"):
			assert.Fail(t, l.text)
		case strings.HasPrefix(l.text, "finished"):
			digest := l.text[strings.LastIndex(l.text, " ")+1:]
			if r.digest == "" {
				r.digest = digest
			}
			assert.Equal(t, r.digest, digest, "rank %d ended with other parameters", l.rank)
		default:
			reached = max(reached, l.number("step %d loss"))
		}
	}
	if len(r.hits) > 0 {
		assert.NotEmpty(t, r.resumed, "nothing was resumed")
	}
}
