package sizing

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// jobs are of many kinds: failures far apart and close together, restarts short and long, saves behind the training.
var jobs = []Job{
	{Stop: 49, Failure: 351562, Restart: 600},
	{Stop: 10, Failure: 6000, Restart: 600},
	{Stop: 300, Failure: 10546.875, Restart: 600},
	{Stop: 600, Failure: 10546.875, Restart: 600},
	{Stop: 1400, Failure: 2196, Restart: 600},
	{Stop: 1, Failure: 1e7},
	{Stop: 5000, Failure: 2196, Restart: 600},
	{Stop: 6.3, Behind: 148.8, Failure: 3600, Restart: 300},
	{Stop: 10, Behind: 828, Failure: 10546, Restart: 600},
	{Stop: 10, Behind: 8280, Failure: 10546, Restart: 600},
}

// TestBest checks the best interval and its loss to Lambert's W of mpmath, and that no interval that can be loses less.
func TestBest(t *testing.T) {
	for i, want := range []struct{ interval, lost float64 }{
		{5886.05315174, 0.0182800985885},
		{349.775817653, 0.146402894223},
		{2619.67988442, 0.263078092224},
		{3769.32130543, 0.339181717833},
		{3047.89821355, 0.810080662218},
		{4472.46931318, 0.000447146931318},
	} {
		assert.InEpsilon(t, want.interval, jobs[i].Best(), 1e-9, "%+v", jobs[i])
		assert.InEpsilon(t, want.lost, float64(jobs[i].Lost(jobs[i].Best()).Total), 1e-9, "%+v", jobs[i])
	}
	for _, job := range jobs {
		best := job.Lost(job.Best())
		for i := range 4000 {
			interval := job.Shortest() * math.Pow(1.005, float64(i))
			assert.GreaterOrEqual(t, job.Lost(interval).Total+1e-12, best.Total, "%+v at %v", job, interval)
		}
	}
}

// TestDaly checks the higher-order estimate to the three that the paper prints, for saves of 5 minutes. They are the work
// between two saves.
func TestDaly(t *testing.T) {
	for failure, want := range map[float64]struct{ minutes, within float64 }{
		24 * 60: {117, 0.5}, 6 * 60: {57, 0.5}, 15: {9.1, 0.05},
	} {
		job := Job{Stop: 5 * 60, Failure: failure * 60, Restart: 10 * 60}
		assert.InDelta(t, want.minutes, (job.Daly()-job.Stop)/60, want.within)
		// The exact one is what it estimates.
		assert.InEpsilon(t, job.Best(), job.Daly(), 0.003)
	}
	assert.InDelta(t, 7196, jobs[6].Daly(), 1e-9, "from twice the failures on, the work is as long as they are apart")
	for _, job := range jobs {
		assert.LessOrEqual(t, job.Lost(job.Daly()).Total, job.Lost(job.Young()).Total+1e-4, "%+v", job)
	}
}

// TestExactLoss checks what a first-order formula of availability, (1 - save/interval) failure / (failure + restart +
// interval/2), left out: for 16,384 GPUs of 48,000 hours, and for failures that come as fast as saves.
func TestExactLoss(t *testing.T) {
	available := func(job Job) float64 {
		return job.Stop + math.Sqrt(2*(job.Failure+job.Restart)*job.Stop+job.Stop*job.Stop)
	}
	for _, c := range []struct {
		job          Job
		interval     float64
		first, exact float64
	}{
		{jobs[2], jobs[2].Young(), 25.1, 26.3},
		{jobs[3], available(jobs[3]), 31.75, 34.2},
		{jobs[4], available(jobs[4]), 70.0, 84.2},
	} {
		first := 1 - (1-c.job.Stop/c.interval)*c.job.Failure/(c.job.Failure+c.job.Restart+c.interval/2)
		assert.InDelta(t, c.first, 100*first, 0.05)
		assert.InDelta(t, c.exact, 100*float64(c.job.Lost(c.interval).Total), 0.05)
	}
}

func TestLost(t *testing.T) {
	for _, job := range jobs {
		for _, interval := range []float64{job.Shortest(), job.Young(), job.Daly(), job.Best(), 1e8} {
			lost := job.Lost(interval)
			assert.Equal(t, Seconds(interval), lost.Interval)
			assert.InDelta(t, float64(lost.Total), float64(lost.Saving+lost.Repeating+lost.Restarting), 1e-9)
			assert.GreaterOrEqual(t, lost.Repeating, Share(0))
		}
	}
	assert.InDelta(t, 1, float64(Job{Stop: 50, Failure: 1000}.Lost(20).Total), 1e-12, "nothing gets on between saves that never end")
	// Where failures are far apart, the work done again at Young's interval costs what the saves cost, and all three agree.
	far := Job{Stop: 1e-3, Restart: 1, Failure: 1e6}
	young := far.Lost(far.Young())
	assert.InEpsilon(t, float64(young.Saving), float64(young.Repeating), 1e-4)
	assert.InEpsilon(t, far.Young(), far.Best(), 1e-4)
	assert.InEpsilon(t, far.Young(), far.Daly(), 1e-4)
}

// simulation is a job that is run against a clock, with the failures drawn one by one.
type simulation struct {
	job  Job
	fast float64
	// every is the number of saves for each durable one, whose further stop is durable.
	every    int
	durable  float64
	recovers float64
	interval float64
	random   *rand.Rand
}

// run returns the share of time that is lost until that many durable saves are complete. A place in the job is a number of
// saves that are done and the seconds since the last one.
func (s simulation) run(durables int) float64 {
	length := func(save int) float64 {
		if (save+1)%s.every == 0 {
			return s.interval + s.durable
		}
		return s.interval
	}
	var clock, since float64
	var saves, complete int
	for {
		left := s.random.ExpFloat64() * s.job.Failure
		for left > 0 {
			// What comes next: the durable save is complete, the next save is done, or a failure.
			stop := length(saves)
			if complete < saves/s.every {
				behind := s.job.Behind - float64(saves%s.every)*s.interval
				if since >= behind {
					complete = saves / s.every
				} else {
					stop = min(stop, behind)
				}
			}
			if complete == durables {
				return 1 - float64(durables*s.every)*(s.interval-s.fast)/clock
			}
			if run := stop - since; run <= left {
				clock, left, since = clock+run, left-run, stop
				if stop >= length(saves) {
					saves, since = saves+1, 0
				}
				continue
			}
			clock, since, left = clock+left, since+left, 0
		}
		for run := 0.0; ; clock += run {
			if s.random.Float64() >= s.recovers {
				saves = complete * s.every
			}
			since = 0
			if run = s.random.ExpFloat64() * s.job.Failure; run >= s.job.Restart {
				clock += s.job.Restart
				break
			}
		}
	}
}

// agrees checks that the mean of many runs is what is expected, within what their spread allows.
func (s simulation) agrees(t *testing.T, want Loss) {
	t.Helper()
	const runs = 200
	var sum, squares float64
	for range runs {
		lost := s.run(300)
		sum, squares = sum+lost, squares+lost*lost
	}
	mean := sum / runs
	wrong := math.Sqrt((squares/runs - mean*mean) / runs)
	assert.Less(t, wrong, 0.003, "the simulation is too coarse to compare with: %v of %v", wrong, mean)
	assert.InDelta(t, mean, float64(want.Total), 4*wrong, "%+v", s)
}

// TestSimulation compares the exact loss with jobs that are simulated, at the best interval and far from it.
func TestSimulation(t *testing.T) {
	for i, job := range jobs {
		if job.Lost(job.Best()).Total > 0.9 || job.Failure > 1e6 {
			// Hardly anything happens, or nothing but failures.
			continue
		}
		for _, factor := range []float64{1, 2} {
			t.Run(fmt.Sprintf("%d at %v of the best", i, factor), func(t *testing.T) {
				t.Parallel()
				interval := job.Best() * factor
				simulation{job: job, fast: job.Stop, every: 1, interval: interval, random: rand.New(rand.NewPCG(1, uint64(i)))}.agrees(t, job.Lost(interval))
			})
		}
	}
}
