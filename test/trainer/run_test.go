// Package trainer runs the example chart's own launch.py and train.py, with a worker for each rank, on storage that fails.
package trainer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everySteps is the number of steps between two checkpoints.
const everySteps = 4

// patience is more than any run takes, on a busy machine too.
const patience = 10 * time.Minute

// run is one start of all ranks.
type run struct {
	// dirs are where each rank saves, one for each: the same directory, or, apart, one that is its own.
	dirs  []string
	apart bool
	// fast are the same of the fast tier; none where there is none.
	fast  []string
	steps int
	env   []string
}

// result is how the ranks have ended, and all that they said.
type result struct {
	codes []int
	said  string
}

// ranks gives as many ranks one directory.
func ranks(n int, dir string) []string {
	var out []string
	for range n {
		out = append(out, dir)
	}
	return out
}

// inside starts a command in the trainers' root file system as the first process of a container would be, with this machine's
// /tmp, where the tests' directories and mounts are.
const inside = `mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && mount --rbind /tmp "$0/tmp" && exec chroot "$0" "$@"`

// do runs the workers to their end, one for each directory.
func (r run) do(t *testing.T) result {
	t.Helper()
	return r.begin(t).end(t)
}

// started are workers that run.
type started struct {
	run
	root, scripts string
	port          int
	ctx           context.Context
	commands      []*exec.Cmd
	said          []*output
}

// output is what a worker has said so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// begin starts the workers.
func (r run) begin(t *testing.T) started {
	t.Helper()
	out := r.prepare(t)
	for worker := range r.dirs {
		out.start(t, worker)
	}
	return out
}

// prepare has workers meet at a port that is free, and starts none.
func (r run) prepare(t *testing.T) started {
	t.Helper()
	root := os.Getenv("TRAINER_ROOT")
	require.NotEmpty(t, root, "TRAINER_ROOT names no root file system with PyTorch; `make trainer` makes one")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	scripts := t.TempDir()
	require.NoError(t, os.CopyFS(scripts, os.DirFS(filepath.Join(charts.Root(), "charts", "training-job", "files"))))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	out := started{run: r, root: root, scripts: scripts, port: port, ctx: ctx, commands: make([]*exec.Cmd, len(r.dirs))}
	for range r.dirs {
		out.said = append(out.said, &output{})
	}
	return out
}

// start starts a worker, also in the place of one that is gone.
func (s started) start(t *testing.T, worker int) {
	t.Helper()
	command := exec.CommandContext(s.ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "sh", "-c", inside, s.root, "python3", filepath.Join(s.scripts, "launch.py"), filepath.Join(s.scripts, "train.py"))
	// Ranks are given out in the order of the addresses.
	command.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PET_NNODES=" + fmt.Sprint(len(s.dirs)), fmt.Sprintf("PET_LOCAL_ADDR=127.0.0.%d", worker+1), "PET_MAX_RESTARTS=9",
		"MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + fmt.Sprint(s.port), "GLOO_SOCKET_IFNAME=lo", "CHECKPOINT_DIR=" + s.dirs[worker], "STEPS=" + fmt.Sprint(s.steps),
		"SAVE_EVERY=" + fmt.Sprint(everySteps), "WIDTH=8", "BATCH=12", "PEER_TIMEOUT=40", "JOIN_TIMEOUT=120", "OMP_NUM_THREADS=1", "TORCH_CPP_LOG_LEVEL=ERROR",
	}
	if s.apart {
		command.Env = append(command.Env, "CHECKPOINT_DIR_PER_RANK=1")
	}
	if s.fast != nil {
		command.Env = append(command.Env, "FAST_TIER_DIR="+s.fast[worker], "FAST_TIER_SAVE_EVERY=1")
	}
	command.Env = append(command.Env, s.env...)
	command.Stdout, command.Stderr = s.said[worker], s.said[worker]
	require.NoError(t, command.Start(), "running a root file system takes root and unshare")
	s.commands[worker] = command
}

// until waits until a worker has said the words.
func (s started) until(t *testing.T, worker int, words string) {
	t.Helper()
	s.wait(t, "worker "+fmt.Sprint(worker)+" never says: "+words, func() bool { return strings.Contains(s.said[worker].String(), words) })
}

// wait waits for a condition.
func (s started) wait(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for !done() {
		if s.ctx.Err() != nil {
			t.Fatalf("%s:\n%s", otherwise, s.said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// terminate asks a worker to end, as the kubelet does.
func (s started) terminate(t *testing.T, worker int) {
	t.Helper()
	require.NoError(t, syscall.Kill(children(t, s.commands[worker].Process.Pid)[0], syscall.SIGTERM))
}

// children are the processes that a process has started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	require.NoError(t, err)
	var out []int
	for _, each := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(each)
		require.NoError(t, err)
		out = append(out, child)
	}
	return out
}

// end waits for the workers.
func (s started) end(t *testing.T) result {
	t.Helper()
	out := result{}
	for worker, command := range s.commands {
		err := command.Wait()
		out.codes = append(out.codes, command.ProcessState.ExitCode())
		out.said += s.said[worker].String()
		if s.ctx.Err() != nil {
			out.said += fmt.Sprintf("worker %d did not end: %v\n", worker, err)
		}
	}
	if t.Failed() {
		t.Log(out.said)
	}
	return out
}

// parameters returns the parameters' digest and norm, which all ranks must have ended with.
func (r result) parameters(t *testing.T) (digest string, norm float64) {
	t.Helper()
	found := finished.FindAllStringSubmatch(r.said, -1)
	require.NotEmpty(t, found, r.said)
	for _, each := range found {
		require.Equal(t, found[0][1:], each[1:])
	}
	norm, err := strconv.ParseFloat(found[0][1], 64)
	require.NoError(t, err)
	return found[0][2], norm
}

var finished = regexp.MustCompile(`finished step \d+ norm (\S+) parameters sha256 (\S+)`)

// trained checks that every rank went from one step to the end.
func (r result) trained(t *testing.T, from int) {
	t.Helper()
	begins := "starting from step 0"
	if from > 0 {
		begins = fmt.Sprintf("resumed from step %d", from)
	}
	for rank, code := range r.codes {
		require.Zero(t, code, r.said)
		require.Contains(t, r.said, fmt.Sprintf("[rank %d] %s\n", rank, begins), r.said)
	}
}

// stopped checks that every rank ended with an error that says the words, once: none trained, and torchrun started none again.
func (r result) stopped(t *testing.T, words ...string) {
	t.Helper()
	for rank, code := range r.codes {
		assert.Equal(t, 1, code, "rank %d", rank)
		assert.Equal(t, 1, strings.Count(r.said, fmt.Sprintf("[rank %d] STOPPED: ", rank)), "rank %d", rank)
	}
	for _, word := range words {
		assert.Contains(t, r.said, word)
	}
	for _, never := range []string{" loss ", "did not end"} {
		assert.NotContains(t, r.said, never)
	}
	require.False(t, t.Failed(), r.said)
}

// content is every file below the directories and what is in it.
func content(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range dirs {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				out[path] = "directory"
				return err
			}
			text, err := os.ReadFile(path)
			out[path] = fmt.Sprintf("%x", sha256.Sum256(text))
			return err
		}))
	}
	return out
}

// matching are the names in a directory of a pattern.
func matching(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}
