package trainer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kills is how often each run is hit, at times and in ways that seed determines.
const (
	kills = 7
	seed  = 7
)

// steps are enough for every hit to occur during training.
const steps = 140

var (
	begins   = regexp.MustCompile(`\[rank \d+\] (?:resumed from step (\d+)|starting from step (0))\n`)
	trainsAt = regexp.MustCompile(`\[rank \d+\] step (\d+) loss`)
)

// TestKilled trains in each kind of place while the process of a rank is killed, or a whole worker, which loses its fast tier
// with it, or a worker is asked to go. Every run ends with the bits of one that was left alone, nothing that was published is
// found torn, and a hit costs less than two intervals: a save that is under way may be lost, and the next waits for it.
func TestKilled(t *testing.T) {
	t.Parallel()
	for i, place := range []struct {
		name, parallel string
		apart, fast    bool
	}{
		{"ddp shared", "ddp", false, false},
		{"fsdp apart", "fsdp", true, false},
		{"fsdp shared with a fast tier", "fsdp", false, true},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			begin := func(env ...string) started {
				r := run{dirs: ranks(2, t.TempDir()), apart: place.apart, steps: steps, env: append(env, "PARALLEL="+place.parallel)}
				if place.apart {
					r.dirs[1] = t.TempDir()
				}
				if place.fast {
					r.fast = []string{t.TempDir(), t.TempDir()}
				}
				return r.begin(t)
			}
			want, _ := begin().end(t).parameters(t)
			s := begin("STEP_SECONDS=0.1")
			for hit := range kills {
				s.wait(t, "no save after hit "+fmt.Sprint(hit), func() bool {
					return s.begun() == hit+1 && strings.Contains(s.since(), "] saved step ")
				})
				time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
				worker, how := random.IntN(2), []string{"kill a rank", "kill a worker", "terminate a worker"}[random.IntN(3)]
				s.hit(t, worker, how)
				s.wait(t, "nothing resumed after hit "+fmt.Sprint(hit), func() bool { return s.begun() == hit+2 })
				said := s.said[0].String()
				before, after := begins.FindAllStringSubmatchIndex(said, -1)[hit], begins.FindAllStringSubmatch(said, -1)[hit+1]
				reached, from := 0, number(after[1:])
				for _, m := range trainsAt.FindAllStringSubmatch(said[before[1]:], -1) {
					reached = max(reached, number(m[1:]))
				}
				t.Logf("%s %d at step %d: resumed from %d", how, worker, reached, from)
				assert.Less(t, reached-from, 2*everySteps, how)
			}
			got := s.end(t)
			for worker, code := range got.codes {
				assert.Zero(t, code, "worker %d", worker)
			}
			digest, _ := got.parameters(t)
			assert.Equal(t, want, digest)
			assert.NotContains(t, got.said, "TORN")
			assert.NotContains(t, got.said, "STOPPED")
		})
	}
}

// hit disturbs a worker.
func (s started) hit(t *testing.T, worker int, how string) {
	t.Helper()
	command := s.commands[worker]
	switch how {
	case "kill a rank": // torchrun starts it again.
		require.NoError(t, syscall.Kill(children(t, children(t, command.Process.Pid)[0])[0], syscall.SIGKILL))
		return
	case "kill a worker": // Its node is lost, with all that was there.
		require.NoError(t, command.Process.Kill())
		_ = command.Wait()
		if s.fast != nil {
			require.NoError(t, os.RemoveAll(s.fast[worker]))
			require.NoError(t, os.Mkdir(s.fast[worker], 0o700))
		}
	case "terminate a worker": // Its node is drained.
		s.terminate(t, worker)
		_ = command.Wait()
		assert.Equal(t, 143, command.ProcessState.ExitCode())
	}
	s.start(t, worker)
}

// begun is how often rank 0 has begun to train.
func (s started) begun() int { return len(begins.FindAllString(s.said[0].String(), -1)) }

// since is what rank 0 has said since it last began to train.
func (s started) since() string {
	said := s.said[0].String()
	all := begins.FindAllStringIndex(said, -1)
	if len(all) == 0 {
		return ""
	}
	return said[all[len(all)-1][1]:]
}

// number reads the first match of several.
func number(matches []string) int {
	n, _ := strconv.Atoi(strings.Join(matches, ""))
	return n
}
