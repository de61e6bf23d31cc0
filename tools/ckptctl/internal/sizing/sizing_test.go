package sizing

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// input70B is 70 billion parameters on 64 nodes.
func input70B() Input {
	return Input{
		Model: Model{Parameters: 70e9}, Precision: Precisions[0], Optimizer: Optimizers[0],
		Nodes: 64, GPUsPerNode: 8, FilesPerRank: 1, Keep: 3, Fill: 0.8, RestartSeconds: 600,
	}
}

func make70B(t *testing.T, change func(*Input)) Report {
	t.Helper()
	in := input70B()
	change(&in)
	report, err := Make(in)
	require.NoError(t, err)
	return report
}

func TestClaim(t *testing.T) {
	report := make70B(t, func(in *Input) { in.Milestones = 2 })
	assert.Equal(t, Size(980e9), report.CheckpointBytes)
	assert.Equal(t, Size(980e9*6/0.8), report.Claim.Bytes)
	assert.Equal(t, "6846Gi", report.Claim.Size)
	assert.Equal(t, &Ranks{
		Nodes: 64, GPUsPerNode: 8, Total: 512, ModelParallel: 512,
		PerRankBytes: 1914062500, PerRankLeastBytes: 1914062500, PerRankMostBytes: 1914062500,
		PerNodeBytes: 15312500000, PerNodeLeastBytes: 15312500000, PerNodeMostBytes: 15312500000,
	}, report.Ranks)

	_, err := Make(Input{Model: Model{Parameters: 1e14}, Precision: Precisions[0], Optimizer: Optimizers[0], Keep: 1e6, Fill: 0.01})
	assert.EqualError(t, err, "the claim would have 121431 EiB, and no store is that large")
}

// TestRanks checks who writes how much where 128 ranks share a copy of the weights, which the first copy alone writes, and
// where a copy is on less than a node.
func TestRanks(t *testing.T) {
	const states, weights = 70e9 * 12 / 512, 70e9 * 2
	report := make70B(t, func(in *Input) { in.ModelParallel, in.WriteGBps, in.ReadGBps, in.TargetSeconds = 128, 20, 40, 100 })
	r := report.Ranks
	assert.False(t, r.Even())
	assert.Equal(t, Size(states), r.PerRankLeastBytes)
	assert.Equal(t, Size(states+weights/128), r.PerRankMostBytes)
	assert.Equal(t, 8*r.PerRankLeastBytes, r.PerNodeLeastBytes)
	assert.Equal(t, 8*r.PerRankMostBytes, r.PerNodeMostBytes)
	assert.Equal(t, report.CheckpointBytes, 128*r.PerRankMostBytes+384*r.PerRankLeastBytes)
	assert.InEpsilon(t, float64(r.PerNodeMostBytes)/100, float64(report.Target.PerNode), 1e-5)
	// Four copies read the weights.
	assert.Equal(t, &Restore{Bytes: 70e9*12 + 4*weights, BytesPerSecond: 40e9, Seconds: 35}, report.Restore)

	small := make70B(t, func(in *Input) { in.Nodes, in.ModelParallel = 1, 2 }).Ranks
	assert.Equal(t, small.PerNodeBytes, small.PerNodeMostBytes)
	assert.Equal(t, small.PerNodeBytes, small.PerNodeLeastBytes)
	assert.Equal(t, small.PerNodeBytes, 2*small.PerRankMostBytes+6*small.PerRankLeastBytes)

	in := input70B()
	in.ModelParallel = 100
	_, err := Make(in)
	assert.EqualError(t, err, "512 ranks do not make whole copies of weights that 100 ranks share")
}

// TestMLPerfRanks checks the most and the least of a rank to what DLIO spreads: with ZeRO 1, the optimizer states over all
// ranks, and the weights over those of the first copy.
func TestMLPerfRanks(t *testing.T) {
	for name, gib := range map[string][2]float64{"llama3-8b": {13.1, 13.1}, "llama3-70b": {14.2, 14.2}, "llama3-405b": {8.9, 11.8}, "llama3-1t": {12.9, 17.2}} {
		i := slices.IndexFunc(Models, func(m Model) bool { return m.Name == name })
		r := make70B(t, func(in *Input) {
			in.Model, in.Nodes, in.ModelParallel = Models[i], Models[i].Processes/8, Models[i].ModelParallel
		}).Ranks
		assert.InDelta(t, gib[0], float64(r.PerRankLeastBytes)/float64(GiB), 0.05, name)
		assert.InDelta(t, gib[1], float64(r.PerRankMostBytes)/float64(GiB), 0.05, name)
	}
}

func TestFiles(t *testing.T) {
	report := make70B(t, func(in *Input) { in.FilesPerRank, in.WriteGBps = 2, 20 })
	assert.Equal(t, &Files{PerRank: 2, Total: 1025, Operations: 3075, PerSecond: 62.7551}, report.Files)
}

func TestAsync(t *testing.T) {
	report := make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours, in.AsyncStallSeconds = 20, 50000, 5 })
	assert.Equal(t, &Async{StallSeconds: 5, PersistSeconds: 49, HostMemoryPerNode: 15312500000}, report.Async)
	assert.Equal(t, &Job{Stop: 5, Behind: 49, Failure: 351562.5, Restart: 600}, report.Job)
	assert.InDelta(t, math.Sqrt(2*5*351562.5), float64(report.Failures.Young.Interval), 0.01)

	slow := make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours, in.AsyncStallSeconds = 0.1, 50000, 5 })
	assert.EqualValues(t, 9805, slow.Failures.Young.Interval)
	assert.EqualValues(t, 9805, slow.Failures.Daly.Interval)
	assert.EqualValues(t, 9805, slow.Failures.Best.Interval)
	assert.Contains(t, slow.Notes[1], "no shorter than an asynchronous save takes")
}

func TestInterval(t *testing.T) {
	in := input70B()
	in.WriteGBps, in.MTBFGPUHours, in.IntervalSeconds = 20, 50000, 48
	_, err := Make(in)
	assert.EqualError(t, err, "an interval of 48 s is shorter than a save, which takes 49 s")
	in.IntervalSeconds = 3600
	report, err := Make(in)
	require.NoError(t, err)
	assert.Greater(t, report.Failures.Asked.Total, report.Failures.Best.Total)
	assert.Empty(t, report.Notes)

	report = make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours = 0.5, 100 })
	assert.Equal(t, []string{"reading the checkpoint takes 32.7 min, and a restart was to take 10 min in all: more is lost in truth"}, report.Notes)
}

// TestFastTier checks what the report says of two tiers: each node holds the last fast checkpoint and the next, and a fast
// tier that is slower than the durable one is of no use.
func TestFastTier(t *testing.T) {
	two := func(in *Input) {
		in.WriteGBps, in.MTBFGPUHours, in.FastGBps, in.FastRecovers = 20, 5000, 640, 0.9
	}
	report := make70B(t, two)
	f := report.FastTier
	assert.Equal(t, Size(2*15312500000), f.PerNode)
	assert.EqualValues(t, 1.53125, f.SaveSeconds)
	assert.Less(t, f.Best.Total, report.Failures.Best.Total)
	assert.Less(t, f.Best.Interval, report.Failures.Best.Interval)
	assert.InEpsilon(t, float64(f.Every)*float64(f.Best.Interval)+49, float64(f.DurableSeconds), 1e-5)
	assertLoss(t, f.Best, report.Tiers.Lost(float64(f.Best.Interval), f.Every))

	slow := make70B(t, func(in *Input) { two(in); in.FastGBps = 1 })
	assert.Contains(t, slow.Notes[0], "the fast tier is of no use here")
}

func TestUnits(t *testing.T) {
	for size, want := range map[Size]string{
		0:             "0 bytes (0 bytes)",
		1000:          "1000 bytes (1 kB)",
		1024:          "1 KiB (1.024 kB)",
		GiB - 1:       "1 GiB (1.074 GB)",
		GiB:           "1 GiB (1.074 GB)",
		980e9:         "912.7 GiB (980 GB)",
		5681947443200: "5.168 TiB (5.682 TB)",
		1 << 60:       "1 EiB (1.153 EB)",
	} {
		assert.Equal(t, want, size.String())
	}
	for size, want := range map[Size]string{1: "1Gi", GiB: "1Gi", GiB + 1: "2Gi", 4900e9: "4564Gi"} {
		assert.Equal(t, want, size.Quantity())
	}
	for seconds, want := range map[Seconds]string{
		0: "0 s", 0.1404: "0.14 s", 48.92: "48.9 s", 119: "119 s", 120: "2 min", 5869.68: "97.8 min", 7200: "2 h", 351562: "97.7 h", 2.25e9: "26042 days",
	} {
		assert.Equal(t, want, seconds.String())
	}
	for rate, want := range map[Rate]string{255.2e6: "255.2 MB/s", 20e9: "20 GB/s", 999.99e9: "1 TB/s"} {
		assert.Equal(t, want, rate.String())
	}
	for share, want := range map[Share]string{0: "0 %", 1e-5: "below 0.01 %", 0.0182195: "1.82 %", 0.55: "55 %", 1: "100 %"} {
		assert.Equal(t, want, share.String())
	}
}
