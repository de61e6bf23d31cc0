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

// seed decides when which worker is hit by what. Another one is as good; this one makes a failure come again.
const seed = 20

// steps is enough for every hit to find the training under way.
const steps = 140

// place is where a store keeps the checkpoints: a directory of a node for each rank, or one for all.
type place struct {
	name   string
	values func(c cluster.Cluster, dir string) string
	// dir is where a rank's checkpoints are: on which node, and below which directory.
	dir func(c cluster.Cluster, base string, rank int) (node, dir string)
	// base is the directory that the values are given.
	base string
	// stopped is the node that is stopped: the first or the second worker.
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

// hits are what befalls a run, in an order that the seed decides.
var hits = []string{"kill", "kill", "kill", "delete", "delete", "reinstall", "stop"}

// nodesUp is held by whoever needs the nodes, and locked by whoever stops one: the runs share them.
var nodesUp sync.RWMutex

// TestResume trains undisturbed once, and then, on each place, while workers are killed in the middle of a save, pods are
// deleted, the whole release is removed and installed again and a node is stopped. Every run must end with the same bits,
// lose no more than one interval at a time, and never leave a published checkpoint that is torn.
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
		// Not t.Parallel, which would have them wait for the other cluster's tests.
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

// resumption is one run and what became of it.
type resumption struct {
	place
	hits   []string
	random *rand.Rand

	training *training
	// resumed are the steps at which training began again, most the most steps that were lost at once, whole the number
	// of published checkpoints that were read back shard by shard.
	resumed     []int
	most, whole int
	digest      string
}

func (r *resumption) run(t *testing.T, c cluster.Cluster, ns string) {
	r.clear(t, c)
	r.training = newTraining(t, c, ns, steps, r.values(c, r.base))
	r.training.begin()
	since := ""
	for i, hit := range r.hits {
		r.underWay(i, since)
		since = time.Now().UTC().Format(time.RFC3339Nano)
		r.strike(t, hit, i%workers)
		r.verify(t)
	}
	r.training.eventually("the training does not end", func() bool { return r.finished() == workers })
	r.verify(t)
	r.account(t)
}

// clear leaves every rank an empty directory.
func (r *resumption) clear(t *testing.T, c cluster.Cluster) {
	nodesUp.RLock()
	defer nodesUp.RUnlock()
	for rank := range workers {
		node, dir := r.dir(c, r.base, rank)
		_, err := c.Exec(t.Context(), node, fmt.Sprintf("mkdir -p %[1]s; chmod 1777 %[1]s; rm -rf %[1]s/*", dir))
		require.NoError(t, err)
	}
}

// underWay waits until the training has begun again and saved since it was last hit, and a random bit longer.
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

func (r *resumption) strike(t *testing.T, hit string, rank int) {
	tr := r.training
	t.Logf("%s: rank %d: %s", time.Now().Format(time.TimeOnly), rank, hit)
	switch hit {
	case "kill":
		// SIGKILL, as soon as there is a checkpoint that is not whole.
		nodesUp.RLock()
		defer nodesUp.RUnlock()
		var node, pid string
		tr.eventually(fmt.Sprintf("rank %d has no process", rank), func() bool {
			// The API takes a while to learn that a node has lost its containers.
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
			`timeout 120 sh -c 'until set -- %s/step-*.part && [ -e "$1" ]; do :; done; kill -9 %s'`, dir, pid))
		require.NoError(t, err)
	case "delete":
		// The worker is told to stop, and saves; a second later it is killed.
		second := int64(1)
		require.NoError(t, tr.client.CoreV1().Pods(tr.ns).Delete(t.Context(), tr.worker(rank).Name, metav1.DeleteOptions{GracePeriodSeconds: &second}))
	case "reinstall":
		tr.end()
		tr.begin()
	case "stop":
		// One at a time, so that a node finds its address free when it comes back.
		nodesUp.Lock()
		defer nodesUp.Unlock()
		restartNode(t, tr.cluster, tr.cluster.Workers()[r.stopped])
	}
}

// verify reads every published checkpoint back, shard by shard. One that is pruned meanwhile is none.
func (r *resumption) verify(t *testing.T) {
	nodesUp.RLock()
	defer nodesUp.RUnlock()
	seen := map[string]bool{}
	for rank := range workers {
		node, dir := r.dir(r.training.cluster, r.base, rank)
		if seen[node+dir] {
			continue
		}
		seen[node+dir] = true
		shards := 0
		for other := range workers {
			if n, d := r.dir(r.training.cluster, r.base, other); n == node && d == dir {
				shards++
			}
		}
		out, err := r.training.cluster.Exec(t.Context(), node, fmt.Sprintf(`
cd %s
whole=0
for step in step-????????; do
  [ -d "$step" ] || continue
  if (cd "$step" && [ $(ls rank-?.pt | wc -l) = %d ] && sha256sum --quiet --check rank-?.sha256) >/tmp/torn 2>&1; then
    whole=$((whole + 1))
  elif [ -d "$step" ]; then
    echo "torn: $step: $(ls "$step") $(cat /tmp/torn)"
  fi
done
echo "$whole"`, dir, shards))
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

// finished counts the ranks that have come to the end.
func (r *resumption) finished() int {
	ranks := map[int]bool{}
	for _, l := range r.training.lines() {
		if strings.HasPrefix(l.text, "finished") {
			ranks[l.rank] = true
		}
	}
	return len(ranks)
}

// account goes through what was said and adds up what each hit has cost.
func (r *resumption) account(t *testing.T) {
	reached := 0
	for _, l := range r.training.lines() {
		begun := max(l.number("resumed from step %d"), l.number("starting from step %d"))
		switch {
		case begun >= 0 && l.rank == 0:
			lost := reached - begun
			assert.LessOrEqual(t, lost, saveEvery, "at %s training began again at step %d, and had reached %d", l.at, begun, reached)
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
