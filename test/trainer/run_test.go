// Package trainer runs the example chart's own train.py, as so many processes as there are ranks, on storage that fails.
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
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everySteps is the number of steps between two checkpoints.
const everySteps = 4

// patience is more than any run takes, on a busy machine too.
const patience = 4 * time.Minute

// run is one start of all ranks.
type run struct {
	// dirs are where each rank saves, one for each; they may be the same.
	dirs []string
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

// do runs the ranks to their end.
func (r run) do(t *testing.T) result {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out := result{codes: make([]int, len(r.dirs))}
	said := make([]string, len(r.dirs))
	var wait sync.WaitGroup
	for rank, dir := range r.dirs {
		command := exec.CommandContext(ctx, "python3", filepath.Join(charts.Root(), "charts", "training-job", "files", "train.py"))
		command.Env = append(os.Environ(), "RANK="+fmt.Sprint(rank), "WORLD_SIZE="+fmt.Sprint(len(r.dirs)), "MASTER_ADDR=127.0.0.1",
			"MASTER_PORT="+fmt.Sprint(port), "GLOO_SOCKET_IFNAME=lo", "CHECKPOINT_DIR="+dir, "STEPS="+fmt.Sprint(r.steps),
			"SAVE_EVERY="+fmt.Sprint(everySteps), "WIDTH=8", "BATCH=2", "PEER_TIMEOUT=40")
		if r.fast != nil {
			command.Env = append(command.Env, "FAST_TIER_DIR="+r.fast[rank], "FAST_TIER_SAVE_EVERY=1")
		}
		command.Env = append(command.Env, r.env...)
		wait.Go(func() {
			text, err := command.CombinedOutput()
			said[rank] = string(text)
			out.codes[rank] = command.ProcessState.ExitCode()
			if ctx.Err() != nil {
				said[rank] += fmt.Sprintf("[rank %d] did not end: %v\n", rank, err)
			}
		})
	}
	wait.Wait()
	out.said = strings.Join(said, "")
	if t.Failed() {
		t.Log(out.said)
	}
	return out
}

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

// stopped checks that every rank ended with an error that says the words, and that none trained or started over.
func (r result) stopped(t *testing.T, words ...string) {
	t.Helper()
	for rank, code := range r.codes {
		assert.Equal(t, 1, code, "rank %d", rank)
		assert.Contains(t, r.said, fmt.Sprintf("[rank %d] STOPPED: ", rank))
	}
	for _, word := range words {
		assert.Contains(t, r.said, word)
	}
	for _, never := range []string{" loss ", "starting over", "Traceback", "did not end"} {
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
