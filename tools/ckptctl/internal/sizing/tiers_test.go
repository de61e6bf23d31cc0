package sizing

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tiers are of many kinds: durable saves that stop the training and that are written behind it, and fast tiers that
// survive few failures and nearly all.
var tiers = []Tiers{
	{Durable: Job{Stop: 300, Failure: 10546.875, Restart: 600}, Fast: 10, Recovers: 0.9},
	{Durable: Job{Stop: 300, Failure: 10546.875, Restart: 600}, Fast: 30, Recovers: 0.23},
	{Durable: Job{Stop: 1400, Failure: 2196, Restart: 100}, Fast: 5, Recovers: 0.99},
	{Durable: Job{Stop: 4, Behind: 300, Failure: 10546.875, Restart: 600}, Fast: 4, Recovers: 0.9},
	{Durable: Job{Stop: 4, Behind: 2000, Failure: 10546.875, Restart: 60}, Fast: 4, Recovers: 0.8},
	{Durable: Job{Stop: 49, Failure: 351562, Restart: 600}, Fast: 1, Recovers: 0.5},
}

// TestOneTier checks that a fast tier that survives nothing, or that costs as much as the durable one and survives all, is
// as one tier.
func TestOneTier(t *testing.T) {
	for _, job := range jobs {
		if job.Lost(job.Best()).Total > 0.99 {
			continue
		}
		for _, interval := range []float64{job.Best(), 3 * job.Best()} {
			want := job.Lost(interval)
			none := Tiers{Durable: Job{Behind: job.Behind, Failure: job.Failure, Restart: job.Restart}, Fast: job.Stop}
			assertLoss(t, want, none.Lost(interval, 1))
			if job.Behind == 0 {
				none.Recovers = 0.999999999
				assertLoss(t, want, none.Lost(interval, 7))
			}
		}
	}
}

func assertLoss(t *testing.T, want, got Loss) {
	t.Helper()
	assert.InDelta(t, float64(want.Total), float64(got.Total), 1e-6)
	assert.InDelta(t, float64(want.Saving), float64(got.Saving), 1e-6)
	assert.InDelta(t, float64(want.Repeating), float64(got.Repeating), 1e-6)
	assert.InDelta(t, float64(want.Restarting), float64(got.Restarting), 1e-6)
}

// TestTiersSimulation compares the exact loss of two tiers with jobs that are simulated, at the best intervals, with
// fewer durable saves, and with longer intervals.
func TestTiersSimulation(t *testing.T) {
	for i, tier := range tiers {
		best, every := tier.Best()
		for _, c := range []struct {
			interval float64
			every    int
		}{{best, every}, {best, 3 * every}, {2.5 * best, every}} {
			t.Run(fmt.Sprintf("%d: %v x %d", i, Seconds(c.interval), c.every), func(t *testing.T) {
				t.Parallel()
				simulation{
					job: tier.Durable, fast: tier.Fast, every: c.every, durable: tier.stop(), recovers: tier.Recovers, interval: c.interval,
					random: rand.New(rand.NewPCG(2, uint64(i))),
				}.agrees(t, tier.Lost(c.interval, c.every))
			})
		}
	}
}

// TestTiersBest checks that no other intervals lose less.
func TestTiersBest(t *testing.T) {
	for _, tier := range tiers {
		interval, every := tier.Best()
		best := tier.Lost(interval, every).Total
		assert.GreaterOrEqual(t, float64(every)*interval+tier.stop(), (tier.Fast+tier.Durable.Behind)*(1-1e-9), "a durable save begins when the last is complete")
		assert.Equal(t, every, tier.BestEvery(interval))
		for n := 1; n <= 4*every+8; n++ {
			for _, factor := range []float64{0.3, 0.7, 0.9, 0.99, 1, 1.01, 1.1, 1.5, 3, 10} {
				if at := interval * factor; float64(n)*at+tier.stop() >= tier.Fast+tier.Durable.Behind {
					assert.GreaterOrEqual(t, tier.Lost(at, n).Total, best-1e-9, "%+v: every %d at %v of %v x %d", tier, n, factor, interval, every)
				}
			}
		}
	}
}

// TestSmallest checks the search where the smallest is at any place of its range.
func TestSmallest(t *testing.T) {
	for _, least := range []int{1, 7, mostEvery} {
		for best := least; best <= mostEvery && best < least+300; best++ {
			assert.Equal(t, best, smallest(least, func(n int) Share { return Share(max(n-best, best-n)) }))
		}
	}
}
