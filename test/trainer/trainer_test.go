package trainer

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saved is a directory in which two ranks saved steps 4 and 8.
func saved(t *testing.T) string {
	t.Helper()
	return copied(t, &together, false)[0]
}

// savedApart are the directories of two ranks that have one each, with steps 4 and 8.
func savedApart(t *testing.T) []string {
	t.Helper()
	return copied(t, &separately, true)
}

// once are the directories of a run that is made once, for all tests.
type once struct {
	sync.Mutex
	dirs []string
}

var together, separately once

// copied are copies of the directories that two ranks have saved to.
func copied(t *testing.T, from *once, apart bool) []string {
	t.Helper()
	from.Lock()
	defer from.Unlock()
	if from.dirs == nil {
		r := run{dirs: ranks(2, kept(t)), apart: apart, steps: 8}
		if apart {
			r.dirs[1] = kept(t)
		}
		r.do(t).trained(t, 0)
		from.dirs = r.dirs
	}
	var out []string
	for _, dir := range from.dirs {
		out = append(out, t.TempDir())
		require.NoError(t, os.CopyFS(out[len(out)-1], os.DirFS(dir)))
		require.Equal(t, []string{"step-00000004", "step-00000008"}, matching(t, out[len(out)-1], "step-*"))
	}
	return out
}

// kept is a directory that outlives the test, until all are done.
func kept(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared, "")
	require.NoError(t, err)
	return dir
}

// shared is a directory for what several tests need.
var shared string

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "trainer"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(shared)
	os.Exit(code)
}

// tensors is the path of the file with a rank's tensors, in a directory that the ranks share.
func tensors(dir string, step, rank int) string {
	return filepath.Join(dir, fmt.Sprintf("step-%08d", step), fmt.Sprintf("__%d_0.distcp", rank))
}

// checksums is the path of the list of what a rank has written.
func checksums(dir string, step, rank int) string {
	return filepath.Join(dir, fmt.Sprintf("step-%08d", step), fmt.Sprintf("rank-%d.sha256", rank))
}

// tear cuts a file in half.
func tear(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}

// TestAnotherNumberOfWorkers checks that more workers, or fewer, resume what was saved to a directory that they share, and end
// with the parameters of a run that was left alone but for what rounding does; and that workers which have a directory each
// stop and change nothing, and the old number goes on where it was.
func TestAnotherNumberOfWorkers(t *testing.T) {
	t.Parallel()
	for _, parallel := range []string{"ddp", "fsdp"} {
		t.Run(parallel, func(t *testing.T) {
			t.Parallel()
			// Every rank draws its own mask, so that without this another number of ranks is another training.
			env := []string{"PARALLEL=" + parallel, "DROPOUT=0", "SCHEDULE=12"}
			_, want := run{dirs: ranks(2, t.TempDir()), steps: 12, env: env}.do(t).parameters(t)
			dir := t.TempDir()
			var norm float64
			for i, n := range []int{2, 4, 1} {
				got := run{dirs: ranks(n, dir), steps: 4*i + 4, env: env}.do(t)
				got.trained(t, 4*i)
				_, norm = got.parameters(t)
			}
			assert.InEpsilon(t, want, norm, 1e-5)
			assert.Empty(t, matching(t, dir, "step-*.*"))
		})
	}
	apart := savedApart(t)
	dirs := []string{apart[0], apart[1], t.TempDir()}
	before := content(t, dirs...)
	run{dirs: dirs, apart: true, steps: 12}.do(t).stopped(t, "step 8 in ", "was saved by 2 ranks with a volume each, and this run has 3", "Have 2 ranks resume it")
	assert.Equal(t, before, content(t, dirs...))
	run{dirs: apart, apart: true, steps: 12}.do(t).trained(t, 8)
}

var terminatedAt = regexp.MustCompile(`terminated: saved at step (\d+)`)

// TestSameBits checks that a run which is killed, or terminated, and resumed ends with the bits of one that was left alone:
// with all random states, the optimizer's and the scheduler's, by DDP and FSDP2, shared and apart.
func TestSameBits(t *testing.T) {
	t.Parallel()
	for _, parallel := range []string{"ddp", "fsdp"} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s apart %t", parallel, apart), func(t *testing.T) {
				t.Parallel()
				dirs := func() []string {
					if apart {
						return []string{t.TempDir(), t.TempDir()}
					}
					return ranks(2, t.TempDir())
				}
				r := run{dirs: dirs(), apart: apart, steps: 12, env: []string{"PARALLEL=" + parallel}}
				want, _ := r.do(t).parameters(t)

				r.dirs, r.env = dirs(), append(r.env, "STEP_SECONDS=0.2")
				begun := r.begin(t)
				begun.until(t, 1, "[rank 1] step 6 loss")
				begun.terminate(t, 1)
				begun.until(t, 1, "[rank 1] terminated: saved at step ")
				begun.until(t, 0, "because a rank is terminated")
				require.Error(t, begun.commands[1].Wait())
				assert.Equal(t, 143, begun.commands[1].ProcessState.ExitCode(), begun.said[1])
				require.NoError(t, begun.commands[0].Process.Kill())
				_ = begun.commands[0].Wait()

				at := number(terminatedAt.FindStringSubmatch(begun.said[1].String())[1:])
				got := r.do(t)
				got.trained(t, at)
				digest, _ := got.parameters(t)
				assert.Equal(t, want, digest)
			})
		}
	}
}

// TestAlone checks that a worker whose others never come ends with the code on which its Job fails, and says why.
func TestAlone(t *testing.T) {
	t.Parallel()
	got := run{dirs: ranks(1, t.TempDir()), steps: 4, env: []string{"PET_NNODES=2", "JOIN_TIMEOUT=5"}}.do(t)
	assert.Equal(t, []int{75}, got.codes, got.said)
	assert.Contains(t, got.said, "giving up: the other workers did not come within 5 s")
}

// TestTerminatedWhileItWaits checks that a worker whose store does not answer goes at once when it is asked to, and not only
// when its patience is at an end.
func TestTerminatedWhileItWaits(t *testing.T) {
	t.Parallel()
	alone := run{dirs: ranks(1, t.TempDir()), steps: 4, env: []string{"PET_NNODES=2"}}.prepare(t)
	silent, err := net.Listen("tcp", fmt.Sprintf(":%d", alone.port))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	alone.start(t, 0)
	connection, err := silent.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	time.Sleep(time.Second) // Now it waits for an answer.
	asked := time.Now()
	alone.terminate(t, 0)
	assert.Equal(t, []int{143}, alone.end(t).codes)
	assert.Less(t, time.Since(asked), 20*time.Second)
}

// TestAnotherJob checks that a worker which is led to where another job's workers meet stays out of that job, which waits for
// one more, and trains with its own when they are found there.
func TestAnotherJob(t *testing.T) {
	t.Parallel()
	theirs := run{dirs: ranks(2, t.TempDir()), steps: 4, env: []string{"PET_RDZV_ID=run-train.train-eu"}}.prepare(t)
	theirs.start(t, 0)
	ours := run{dirs: ranks(2, t.TempDir()), steps: 4, env: []string{"PET_RDZV_ID=run-train.train-us"}}.prepare(t)
	ours.port = theirs.port
	theirs.wait(t, "no store answers", func() bool {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", theirs.port))
		return err == nil && connection.Close() == nil
	})
	ours.start(t, 1)
	ours.wait(t, "it does not notice", func() bool {
		require.NotContains(t, theirs.said[0].String(), "[rank ", "it trains with another job")
		return strings.Contains(ours.said[1].String(), "the workers of run-train.train-eu meet there, and these are of run-train.train-us")
	})
	require.NoError(t, theirs.commands[0].Process.Kill())
	_ = theirs.commands[0].Wait()
	ours.start(t, 0)
	ours.end(t).trained(t, 0)
}

// TestFullDisk checks that a save for which there is no room ends the run with the reason, that the checkpoint before stays,
// and that training goes on from it when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"), "mounting takes root")
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	run{dirs: ranks(2, dir), steps: 4}.do(t).trained(t, 0)
	var space syscall.Statfs_t
	require.NoError(t, syscall.Statfs(dir, &space))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "theirs"), make([]byte, int64(space.Bavail)*space.Bsize-16<<10), 0o600))
	got := run{dirs: ranks(2, dir), steps: 12, env: []string{"PET_MAX_RESTARTS=1"}}.do(t)
	assert.Equal(t, []int{1, 1}, got.codes)
	assert.Contains(t, got.said, "No space left on device")
	require.NoError(t, os.Remove(filepath.Join(dir, "theirs")))
	run{dirs: ranks(2, dir), steps: 12}.do(t).trained(t, 4)
}

// TestReadsThatFail checks that an error of one rank's storage is retried, and, if it persists, stops all ranks; a
// checkpoint is set aside for neither.
func TestReadsThatFail(t *testing.T) {
	t.Parallel()
	dir := saved(t)
	for _, fault := range []*flaky{
		{path: "step-00000008/__1_0.distcp", fails: syscall.ESTALE, times: always},
		{path: "step-00000008/rank-1.sha256", fails: syscall.EACCES, times: always},
		{path: "", fails: syscall.EIO, times: always},
	} {
		t.Run(fmt.Sprintf("%s %s", fault.path, fault.fails), func(t *testing.T) {
			before := content(t, dir)
			dirs := []string{dir, fault.mount(t, dir)}
			run{dirs: dirs, steps: 12}.do(t).stopped(t, "was changed: rank 1: ")
			assert.Greater(t, fault.met, 2, "it was not retried")
			assert.Equal(t, before, content(t, dir))
		})
	}
	for step, fault := range []*flaky{
		{path: "__1_0.distcp", fails: syscall.ESTALE, times: 2},
		{path: "rank-1.sha256", fails: syscall.ETIMEDOUT, times: 2},
		{path: "", fails: syscall.EIO, times: 2},
		{path: "__1_0.distcp", times: 1}, // Bytes that are wrong once.
	} {
		t.Run(fmt.Sprintf("twice %s %s", fault.path, fault.fails), func(t *testing.T) {
			at := 8 + everySteps*step
			run{dirs: []string{dir, fault.mount(t, dir)}, steps: at + everySteps}.do(t).trained(t, at)
			assert.Zero(t, fault.times)
			assert.Empty(t, matching(t, dir, "step-*.*"))
		})
	}
}

// TestWritesThatFail checks that a save which storage refuses, in a write or only in the flush, is not published: all ranks
// begin again from the checkpoint before, and end with the bits of a run that was left alone.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	want, _ := run{dirs: ranks(2, t.TempDir()), steps: 12}.do(t).parameters(t)
	for _, fault := range []*flaky{
		{on: "write", path: "step-00000008.part/__1_0.distcp", fails: syscall.EIO, times: 1},
		{on: "fsync", path: "step-00000008.part/__1_0.distcp", fails: syscall.EIO, times: 1},
		{on: "fsync", path: "step-00000008.part/rank-1.sha256", fails: syscall.EDQUOT, times: 1},
	} {
		t.Run(fmt.Sprintf("%s %s %s", fault.on, filepath.Base(fault.path), fault.fails), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			got := run{dirs: []string{dir, fault.mount(t, dir)}, steps: 12}.do(t)
			digest, _ := got.parameters(t)
			assert.Equal(t, want, digest)
			assert.Equal(t, 1, fault.met)
			assert.Regexp(t, fmt.Sprintf(`starting over: .*\b%d\b`, int(fault.fails)), got.said)
			assert.Contains(t, got.said, "[rank 1] resumed from step 4\n")
			assert.Empty(t, matching(t, dir, "step-*.*"))
			assert.NotContains(t, got.said, "TORN")
		})
	}
}

// TestTorn checks that what is torn is set aside with all its bytes, and the checkpoint before resumed, also where one rank
// had set aside its part before it was killed.
func TestTorn(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, dir string){
		"a file cut short":        func(t *testing.T, dir string) { tear(t, tensors(dir, 8, 1)) },
		"its checksums cut short": func(t *testing.T, dir string) { tear(t, checksums(dir, 8, 1)) },
		"an empty file":           func(t *testing.T, dir string) { require.NoError(t, os.Truncate(tensors(dir, 8, 1), 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := saved(t)
			harm(t, dir)
			run{dirs: ranks(2, dir), steps: 7}.do(t).trained(t, 4)
			aside := matching(t, dir, "step-00000008.torn.*")
			require.Len(t, aside, 1)
			assert.Len(t, matching(t, dir, aside[0]+"/*"), 5)
		})
	}
	t.Run("set aside by one rank, which was killed", func(t *testing.T) {
		dirs := savedApart(t)
		require.NoError(t, os.Rename(filepath.Join(dirs[0], "step-00000008"), filepath.Join(dirs[0], "step-00000008.torn.0.1")))
		run{dirs: dirs, apart: true, steps: 12}.do(t).trained(t, 4)
		assert.Len(t, matching(t, dirs[1], "step-00000008.torn.*"), 1)
	})
	t.Run("to one rank only", func(t *testing.T) {
		dir := saved(t)
		before := content(t, dir)
		fault := &flaky{path: "__1_0.distcp", times: always}
		run{dirs: []string{dir, fault.mount(t, dir)}, steps: 12}.do(t).stopped(t, "whole where others do", "ranks [1]")
		assert.Equal(t, before, content(t, dir))
	})
}

// TestNothingToResume checks that training begins at step 0 where there is nothing, and otherwise only if the settings say so.
func TestNothingToResume(t *testing.T) {
	t.Parallel()
	t.Run("all torn", func(t *testing.T) {
		dir := saved(t)
		tear(t, tensors(dir, 4, 0))
		tear(t, tensors(dir, 8, 1))
		r := run{dirs: ranks(2, dir), steps: 12}
		for range 2 {
			r.do(t).stopped(t, "steps [4, 8]", "training.startFresh: true")
			assert.Len(t, matching(t, dir, "step-*.torn.*"), 2)
		}
		r.env = []string{"START_FRESH=1"}
		r.do(t).trained(t, 0)
	})
	t.Run("an unfinished save", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "step-00000004.part"), 0o700))
		run{dirs: ranks(2, dir), steps: 4}.do(t).trained(t, 0)
		assert.Equal(t, []string{"step-00000004"}, matching(t, dir, "step-*"))
	})
	t.Run("files are missing", func(t *testing.T) {
		dirs := savedApart(t)
		before := content(t, dirs...)
		run{dirs: []string{dirs[0], t.TempDir()}, apart: true, steps: 12}.do(t).stopped(t, "files are missing", "rank 1: ", "right volume")
		assert.Equal(t, before, content(t, dirs...))
	})
}

// TestBound checks that no more than keepLast of what is torn stay, and what an earlier script set aside unproven does.
func TestBound(t *testing.T) {
	t.Parallel()
	dir := saved(t)
	for _, name := range []string{"step-00000001.torn.0.1", "step-00000002.torn.0.1", "step-00000003.torn.0.1", "step-00000003.damaged.0.1"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	tear(t, tensors(dir, 8, 0))
	run{dirs: ranks(2, dir), steps: 12}.do(t).trained(t, 4)
	assert.Equal(t, []string{"step-00000003.damaged.0.1", "step-00000003.torn.0.1"}, matching(t, dir, "step-00000003.*"))
	assert.Len(t, matching(t, dir, "step-*.torn.*"), 2)
	assert.Equal(t, []string{"step-00000008", "step-00000012"}, matching(t, dir, "step-????????"))
}

// TestLostFastTier checks that a node which lost its fast tier costs no more than what the other store has, and that the
// names of what is incomplete there are free again.
func TestLostFastTier(t *testing.T) {
	t.Parallel()
	dir, fast := t.TempDir(), []string{t.TempDir(), t.TempDir()}
	run{dirs: ranks(2, dir), fast: fast, steps: 8, env: []string{"SAVE_EVERY=6"}}.do(t).trained(t, 0)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "step-00000008")))
	fast[1] = t.TempDir()
	run{dirs: ranks(2, dir), fast: fast, steps: 12, env: []string{"SAVE_EVERY=6"}}.do(t).trained(t, 6)
	assert.Equal(t, []string{"step-00000011", "step-00000012"}, matching(t, fast[0], "step-????????"))
}
