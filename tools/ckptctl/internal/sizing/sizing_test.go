package sizing

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// input70B is 70 billion parameters on 64 nodes.
func input70B() Input {
	return Input{
		Model: Model{Parameters: 70e9}, Precision: Precisions[0], Optimizer: Optimizers[0],
		Nodes: 64, GPUsPerNode: 8, Keep: 3, Fill: 0.8, RestartSeconds: 600,
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

func TestBytesPerParameter(t *testing.T) {
	want := map[string]map[string]int{
		"bf16":           {"adam": 14, "adamw": 14, "lion": 10, "sgd-momentum": 10, "sgd": 6, "adafactor": 6, "none": 2},
		"fp16":           {"adam": 14, "adamw": 14, "lion": 10, "sgd-momentum": 10, "sgd": 6, "adafactor": 6, "none": 2},
		"fp32":           {"adam": 12, "adamw": 12, "lion": 8, "sgd-momentum": 8, "sgd": 4, "adafactor": 4, "none": 4},
		"bf16-no-master": {"adam": 10, "adamw": 10, "lion": 6, "sgd-momentum": 6, "sgd": 2, "adafactor": 2, "none": 2},
		"bf16-pure":      {"adam": 6, "adamw": 6, "lion": 4, "sgd-momentum": 4, "sgd": 2, "adafactor": 2, "none": 2},
	}
	require.Len(t, Precisions, len(want))
	for _, p := range Precisions {
		require.Len(t, Optimizers, len(want[p.Name]))
		assert.NotEmpty(t, p.Source)
		for _, o := range Optimizers {
			per := Bytes(p, o)
			assert.Equal(t, want[p.Name][o.Name], per.Total, "%s %s", p.Name, o.Name)
			assert.Equal(t, per.Total, per.Weights+per.Master+per.Optimizer)
			assert.NotEmpty(t, o.Source)
		}
	}
}

func TestClaim(t *testing.T) {
	report := make70B(t, func(in *Input) { in.Milestones = 2 })
	assert.Equal(t, Size(980e9), report.CheckpointBytes)
	assert.Equal(t, Size(980e9*6/0.8), report.Claim.Bytes)
	assert.Equal(t, "6846Gi", report.Claim.Size)
	assert.Equal(t, &Ranks{Nodes: 64, GPUsPerNode: 8, Total: 512, PerRankBytes: 1914062500, PerNodeBytes: 15312500000}, report.Ranks)

	_, err := Make(Input{Model: Model{Parameters: 1e14}, Precision: Precisions[0], Optimizer: Optimizers[0], Keep: 1e6, Fill: 0.01})
	assert.EqualError(t, err, "the claim would have 121431 EiB, and no store is that large")
}

// jobs are of many kinds: failures far apart and close together, restarts short and long, saves behind the training.
var jobs = []Job{
	{Stop: 49, Failure: 351562, Restart: 600},
	{Stop: 10, Failure: 6000, Restart: 600},
	{Stop: 1400, Failure: 2196, Restart: 600},
	{Stop: 1, Failure: 1e7},
	{Stop: 6.3, Behind: 148.8, Failure: 3600, Restart: 300},
	{Stop: 10, Behind: 828, Failure: 10546, Restart: 600},
	{Stop: 10, Behind: 8280, Failure: 10546, Restart: 600},
}

// TestAvailabilityIsTheMinimum checks that no interval that can be loses less than the availability form.
func TestAvailabilityIsTheMinimum(t *testing.T) {
	for _, job := range jobs {
		best := job.Lost(job.Availability())
		for i := range 4000 {
			interval := job.Shortest() * math.Pow(1.005, float64(i))
			assert.GreaterOrEqual(t, job.Lost(interval).Total+1e-12, best.Total, "%+v at %v", job, interval)
		}
		if job.Behind == 0 {
			derivative := job.Lost(job.Availability()*1.0001).Total - job.Lost(job.Availability()*0.9999).Total
			assert.InDelta(t, 0, float64(derivative), 1e-7, "%+v", job)
		}
	}
}

func TestLost(t *testing.T) {
	for _, job := range jobs {
		for _, interval := range []float64{job.Shortest(), job.Young(), job.Availability(), 1e8} {
			lost := job.Lost(interval)
			assert.Equal(t, Seconds(interval), lost.Interval)
			assert.InDelta(t, float64(lost.Total), float64(lost.Saving+lost.Repeating+lost.Restarting), 1e-12)
			available := (1 - job.Stop/interval) * job.Failure / (job.Failure + job.Restart + job.Behind + interval/2)
			assert.InDelta(t, 1-available, float64(lost.Total), 1e-12)
		}
	}
	assert.InDelta(t, 1, float64(Job{Stop: 50, Failure: 1000}.Lost(20).Total), 1e-12, "nothing gets on between saves that never end")
	// At Young's interval the work done again costs what the saves cost.
	young := jobs[0].Lost(jobs[0].Young())
	assert.InEpsilon(t, float64(young.Saving), float64(young.Repeating), 1e-9)
	// The two agree where Stop << Restart << Failure.
	far := Job{Stop: 1e-3, Restart: 1, Failure: 1e6}
	assert.InEpsilon(t, far.Young(), far.Availability(), 1e-4)
}

func TestAsync(t *testing.T) {
	report := make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours, in.AsyncStallSeconds = 20, 50000, 5 })
	assert.Equal(t, &Async{StallSeconds: 5, HostMemoryPerNode: 15312500000}, report.Async)
	assert.Equal(t, &Job{Stop: 5, Behind: 49, Failure: 351562.5, Restart: 600}, report.Job)
	assert.InDelta(t, math.Sqrt(2*5*351562.5), float64(report.Failures.Young.Interval), 0.01)

	slow := make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours, in.AsyncStallSeconds = 0.1, 50000, 5 })
	assert.EqualValues(t, 9805, slow.Failures.Young.Interval)
	assert.EqualValues(t, 9805, slow.Failures.Availability.Interval)
	assert.Contains(t, slow.Notes[0], "no shorter than an asynchronous save takes")
}

func TestInterval(t *testing.T) {
	in := input70B()
	in.WriteGBps, in.MTBFGPUHours, in.IntervalSeconds = 20, 50000, 48
	_, err := Make(in)
	assert.EqualError(t, err, "an interval of 48 s is shorter than a save, which takes 49 s")
	in.IntervalSeconds = 3600
	report, err := Make(in)
	require.NoError(t, err)
	assert.Greater(t, report.Failures.Asked.Total, report.Failures.Availability.Total)

	report = make70B(t, func(in *Input) { in.WriteGBps, in.MTBFGPUHours = 0.5, 100 })
	assert.Contains(t, report.Notes[0], "failures come faster than the best interval")
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
