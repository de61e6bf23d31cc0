// Package sizing says how large a checkpoint and its claim are, how fast it is saved, and how often it should be.
package sizing

import (
	"fmt"
	"math"
)

// Input is what a report is made from. A field that is 0 was not given, unless it says otherwise.
type Input struct {
	// Model has a name where it is one of Models.
	Model     Model
	Precision Precision
	Optimizer Optimizer
	Nodes     int
	// GPUsPerNode is also the number of ranks on a node.
	GPUsPerNode int
	// Keep and Milestones are numbers of checkpoints: the newest, and those that are pinned for good; 0 is a number.
	Keep, Milestones int
	// Fill is how full the claim may get, from 0 to 1.
	Fill float64
	// WriteGBps is the bandwidth of all ranks together, in 10^9 bytes per second.
	WriteGBps float64
	// MTBFGPUHours is the mean time between failures of one GPU.
	MTBFGPUHours float64
	// TargetSeconds is how long a save should take.
	TargetSeconds float64
	// RestartSeconds is as in Job; 0 is a number.
	RestartSeconds float64
	// IntervalSeconds is an interval to judge.
	IntervalSeconds float64
	// AsyncStallSeconds is how long training stands still for an asynchronous save.
	AsyncStallSeconds float64
}

// Report is how large and how often. What an input was missing for is nil.
type Report struct {
	Model             string       `json:"model,omitempty"`
	Parameters        int64        `json:"parameters"`
	Dtype             string       `json:"dtype"`
	Optimizer         string       `json:"optimizer"`
	BytesPerParameter PerParameter `json:"bytesPerParameter"`
	// CheckpointBytes is one checkpoint: Parameters times the bytes for each.
	CheckpointBytes Size      `json:"checkpointBytes"`
	Claim           Claim     `json:"claim"`
	Ranks           *Ranks    `json:"ranks,omitempty"`
	Target          *Target   `json:"target,omitempty"`
	Save            *Save     `json:"save,omitempty"`
	Async           *Async    `json:"async,omitempty"`
	Failures        *Failures `json:"failures,omitempty"`
	// Notes are what the numbers alone do not say.
	Notes []string `json:"notes,omitempty"`

	// Job is what Failures follow from.
	Job *Job `json:"-"`
}

// Claim is the one claim that holds all checkpoints of all ranks:
//
//	bytes = checkpoint x (keep + 1 that is being written + milestones) / fill
//
// The fill leaves room, because distributed file systems slow down and fail well before they are full: 0.8 is the limit
// that the Machine Learning Engineering book (stas00/ml-engineering, storage) met in practice.
type Claim struct {
	Keep       int     `json:"keep"`
	Writing    int     `json:"writing"`
	Milestones int     `json:"milestones"`
	Fill       float64 `json:"fill"`
	Bytes      Size    `json:"bytes"`
	// Size is Bytes as the chart's size takes it, rounded up to whole GiB.
	Size string `json:"size"`
}

// Ranks is the share of each rank and node, on average and rounded up. ZeRO 3 spreads evenly; with less, the ranks of
// the first replica write more.
type Ranks struct {
	Nodes        int  `json:"nodes"`
	GPUsPerNode  int  `json:"gpusPerNode"`
	Total        int  `json:"total"`
	PerRankBytes Size `json:"perRankBytes"`
	PerNodeBytes Size `json:"perNodeBytes"`
}

// Target is the bandwidth for a save in a given time: checkpoint / seconds.
type Target struct {
	Seconds        Seconds `json:"seconds"`
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	// PerNode is the part of each node, which its network and its mount must carry; 0 where the nodes are not known.
	PerNode Rate `json:"perNodeBytesPerSecond,omitempty"`
}

// Save is the time until a checkpoint is written: checkpoint / bandwidth.
type Save struct {
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	Seconds        Seconds `json:"seconds"`
}

// Async is a save that is copied to the node's memory first and written from there.
type Async struct {
	StallSeconds Seconds `json:"stallSeconds"`
	// HostMemoryPerNode is the least that the copy takes; 0 where the nodes are not known.
	HostMemoryPerNode Size `json:"hostMemoryPerNodeBytes,omitempty"`
}

// Failures is how often the job fails and what is lost by it: MTBF of one GPU / GPUs.
type Failures struct {
	MTBFGPUHours   float64 `json:"mtbfGPUHours"`
	EverySeconds   Seconds `json:"everySeconds"`
	RestartSeconds Seconds `json:"restartSeconds"`
	// Young and Availability are the best intervals, see Job; Asked is the interval that was given.
	Young        Loss  `json:"young"`
	Availability Loss  `json:"availability"`
	Asked        *Loss `json:"asked,omitempty"`
}

// Make makes the report. It fails where the claim is larger than an EiB, and where the interval to judge is shorter
// than a save.
func Make(in Input) (Report, error) {
	per := Bytes(in.Precision, in.Optimizer)
	out := Report{
		Model: in.Model.Name, Parameters: in.Model.Parameters, Dtype: in.Precision.Name, Optimizer: in.Optimizer.Name,
		BytesPerParameter: per, CheckpointBytes: Size(in.Model.Parameters * int64(per.Total)),
	}
	checkpoint := float64(out.CheckpointBytes)
	claim := math.Ceil(checkpoint * float64(in.Keep+1+in.Milestones) / in.Fill)
	if claim > 1<<60 {
		return Report{}, fmt.Errorf("the claim would have %s EiB, and no store is that large", digits(claim/(1<<60), 3))
	}
	out.Claim = Claim{Keep: in.Keep, Writing: 1, Milestones: in.Milestones, Fill: in.Fill, Bytes: Size(claim), Size: Size(claim).Quantity()}
	if in.Model.Note != "" {
		out.Notes = append(out.Notes, in.Model.Note)
	}
	if in.Nodes > 0 {
		total := in.Nodes * in.GPUsPerNode
		out.Ranks = &Ranks{
			Nodes: in.Nodes, GPUsPerNode: in.GPUsPerNode, Total: total,
			PerRankBytes: Size(math.Ceil(checkpoint / float64(total))), PerNodeBytes: Size(math.Ceil(checkpoint / float64(in.Nodes))),
		}
	}
	if in.TargetSeconds > 0 {
		rate := checkpoint / in.TargetSeconds
		out.Target = &Target{Seconds: Seconds(in.TargetSeconds), BytesPerSecond: Rate(significant(rate, 6))}
		if out.Ranks != nil {
			out.Target.PerNode = Rate(significant(rate/float64(in.Nodes), 6))
		}
	}
	if in.WriteGBps > 0 {
		rate := in.WriteGBps * GB
		out.Save = &Save{BytesPerSecond: Rate(rate), Seconds: Seconds(significant(checkpoint/rate, 6))}
	}
	if in.AsyncStallSeconds > 0 {
		out.Async = &Async{StallSeconds: Seconds(in.AsyncStallSeconds)}
		if out.Ranks != nil {
			out.Async.HostMemoryPerNode = out.Ranks.PerNodeBytes
		}
	}
	if out.Save != nil && in.IntervalSeconds > 0 {
		if shortest := out.Save.Seconds + Seconds(in.AsyncStallSeconds); Seconds(in.IntervalSeconds) < shortest {
			return Report{}, fmt.Errorf("an interval of %v is shorter than a save, which takes %v", Seconds(in.IntervalSeconds), shortest)
		}
	}
	if out.Save != nil && out.Ranks != nil && in.MTBFGPUHours > 0 {
		out.fail(in)
	}
	return out, nil
}

// fail adds what depends on failures.
func (r *Report) fail(in Input) {
	job := Job{
		Stop: float64(r.CheckpointBytes) / (in.WriteGBps * GB), Restart: in.RestartSeconds,
		Failure: in.MTBFGPUHours * 3600 / float64(r.Ranks.Total),
	}
	if in.AsyncStallSeconds > 0 {
		job.Stop, job.Behind = in.AsyncStallSeconds, job.Stop
	}
	r.Job = &job
	r.Failures = &Failures{
		MTBFGPUHours: in.MTBFGPUHours, EverySeconds: Seconds(significant(job.Failure, 6)), RestartSeconds: Seconds(job.Restart),
		Young: job.Lost(job.Young()).rounded(), Availability: job.Lost(job.Availability()).rounded(),
	}
	if in.IntervalSeconds > 0 {
		asked := job.Lost(in.IntervalSeconds).rounded()
		r.Failures.Asked = &asked
	}
	if job.Availability() > job.Failure {
		r.Notes = append(r.Notes, "failures come faster than the best interval: these formulas are for failures that are far apart, and more is lost in truth")
	}
	if job.Behind > 0 && job.Availability() == job.Shortest() {
		r.Notes = append(r.Notes, "the best interval is no shorter than an asynchronous save takes: more bandwidth would make it shorter")
	}
}
