package trainer

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// saved is a directory in which two ranks saved steps 4 and 8.
func saved(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run{dirs: ranks(2, dir), steps: 8}.do(t).trained(t, 0)
	require.Equal(t, []string{"step-00000004", "step-00000008"}, matching(t, dir, "step-*"))
	return dir
}

// savedApart are the directories of two ranks that have one each, with steps 4 and 8.
func savedApart(t *testing.T) []string {
	t.Helper()
	dirs := []string{t.TempDir(), t.TempDir()}
	run{dirs: dirs, steps: 8}.do(t).trained(t, 0)
	return dirs
}

// shard is the path of a rank's shard, or of its checksum.
func shard(dir string, step, rank int, ext string) string {
	return filepath.Join(dir, fmt.Sprintf("step-%08d", step), fmt.Sprintf("rank-%d%s", rank, ext))
}

// tear cuts a file in half.
func tear(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()/2))
}

// TestAnotherNumberOfWorkers checks that more workers, or fewer, stop and change nothing, whether they share a directory or
// have one each, and that the old number goes on where it was.
func TestAnotherNumberOfWorkers(t *testing.T) {
	t.Parallel()
	dir, apart := saved(t), savedApart(t)
	for name, dirs := range map[string][]string{
		"more": ranks(3, dir), "fewer": ranks(1, dir), "more, one directory each": {apart[0], apart[1], t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			before := content(t, dirs...)
			run{dirs: dirs, steps: 12}.do(t).stopped(t, "step 8 in ", fmt.Sprintf("was saved by 2 workers, and this run has %d", len(dirs)), "Set workers: 2")
			assert.Equal(t, before, content(t, dirs...))
		})
	}
	run{dirs: ranks(2, dir), steps: 12}.do(t).trained(t, 8)
	run{dirs: apart, steps: 12}.do(t).trained(t, 8)
}

// TestReadsThatFail checks that an error of one rank's storage is retried, and, if it persists, stops all ranks; a
// checkpoint is set aside for neither.
func TestReadsThatFail(t *testing.T) {
	t.Parallel()
	dir := saved(t)
	for _, fault := range []*flaky{
		{path: "step-00000008/rank-1.pt", fails: syscall.ESTALE, times: always},
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
		{path: "rank-1.pt", fails: syscall.ESTALE, times: 2},
		{path: "rank-1.sha256", fails: syscall.ETIMEDOUT, times: 2},
		{path: "", fails: syscall.EIO, times: 2},
		{path: "rank-1.pt", times: 1}, // Bytes that are wrong once.
	} {
		t.Run(fmt.Sprintf("twice %s %s", fault.path, fault.fails), func(t *testing.T) {
			at := 8 + everySteps*step
			run{dirs: []string{dir, fault.mount(t, dir)}, steps: at + everySteps}.do(t).trained(t, at)
			assert.Zero(t, fault.times)
			assert.Empty(t, matching(t, dir, "step-*.*"))
		})
	}
}

// TestTorn checks that what is torn is set aside with all its bytes, and the checkpoint before resumed, also where one rank
// had set aside its part before it was killed.
func TestTorn(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, dir string){
		"a shard cut short":    func(t *testing.T, dir string) { tear(t, shard(dir, 8, 1, ".pt")) },
		"a checksum cut short": func(t *testing.T, dir string) { tear(t, shard(dir, 8, 1, ".sha256")) },
		"an empty shard":       func(t *testing.T, dir string) { require.NoError(t, os.Truncate(shard(dir, 8, 1, ".pt"), 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := saved(t)
			harm(t, dir)
			run{dirs: ranks(2, dir), steps: 7}.do(t).trained(t, 4)
			aside := matching(t, dir, "step-00000008.torn.*")
			require.Len(t, aside, 1)
			assert.Len(t, matching(t, dir, aside[0]+"/rank-*"), 4)
		})
	}
	t.Run("set aside by one rank, which was killed", func(t *testing.T) {
		dirs := savedApart(t)
		require.NoError(t, os.Rename(filepath.Join(dirs[0], "step-00000008"), filepath.Join(dirs[0], "step-00000008.torn.0.1")))
		run{dirs: dirs, steps: 12}.do(t).trained(t, 4)
		assert.Len(t, matching(t, dirs[1], "step-00000008.torn.*"), 1)
	})
	t.Run("to one rank only", func(t *testing.T) {
		dir := saved(t)
		before := content(t, dir)
		fault := &flaky{path: "rank-1.pt", times: always}
		run{dirs: []string{dir, fault.mount(t, dir)}, steps: 12}.do(t).stopped(t, "whole where others do", "ranks [1]")
		assert.Equal(t, before, content(t, dir))
	})
}

// TestNothingToResume checks that training begins at step 0 where there is nothing, and otherwise only if the settings say so.
func TestNothingToResume(t *testing.T) {
	t.Parallel()
	t.Run("all torn", func(t *testing.T) {
		dir := saved(t)
		tear(t, shard(dir, 4, 0, ".pt"))
		tear(t, shard(dir, 8, 1, ".pt"))
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
	t.Run("a shard is missing", func(t *testing.T) {
		dirs := savedApart(t)
		before := content(t, dirs...)
		run{dirs: []string{dirs[0], t.TempDir()}, steps: 12}.do(t).stopped(t, "shards are missing", "rank 1: ", "right volume")
		assert.Equal(t, before, content(t, dirs...))
	})
}

// TestEndsWhileItAsks checks that a rank ends with its own exit code although its other thread is asking rank 0 whether the
// meeting is over, which that thread here never ceases to do.
func TestEndsWhileItAsks(t *testing.T) {
	t.Parallel()
	site := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(site, "sitecustomize.py"), []byte("import time\n"+
		"sleep = time.sleep\ntime.sleep = lambda seconds: None if seconds == 0.5 else sleep(seconds)\n"), 0o600))
	env := []string{"PYTHONPATH=" + site}
	dir := t.TempDir()
	run{dirs: ranks(2, dir), steps: 4, env: env}.do(t).trained(t, 0)
	require.NoError(t, os.Remove(shard(dir, 4, 1, ".pt")))
	run{dirs: ranks(2, dir), steps: 8, env: env}.do(t).stopped(t, "shards are missing")
}

// TestBound checks that no more than keepLast of what is torn stay, and what an earlier script set aside unproven does.
func TestBound(t *testing.T) {
	t.Parallel()
	dir := saved(t)
	for _, name := range []string{"step-00000001.torn.0.1", "step-00000002.torn.0.1", "step-00000003.torn.0.1", "step-00000003.damaged.0.1"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	tear(t, shard(dir, 8, 0, ".pt"))
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
