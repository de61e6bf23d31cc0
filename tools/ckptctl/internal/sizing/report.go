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
	// Average is true where an exponential moving average of the weights is saved too.
	Average bool
	// BytesPerParameter is given instead of Precision, Optimizer and Average.
	BytesPerParameter float64
	// Trainable is how many parameters are trained; 0 if all are. Frozen is true where the others are saved too.
	Trainable int64
	Frozen    bool
	Nodes     int
	// GPUsPerNode is also the number of ranks on a node.
	GPUsPerNode int
	// ModelParallel is how many ranks share a copy of the weights; 0 if all do. It divides the number of ranks.
	ModelParallel int
	// FilesPerRank is how many files each rank writes.
	FilesPerRank int
	// Keep and Milestones are numbers of checkpoints: the newest, and those that are pinned for good; 0 is a number.
	Keep, Milestones int
	// Fill is how full the claim may get, from 0 to 1.
	Fill float64
	// WriteGBps is the bandwidth of all ranks together, in 10^9 bytes per second, and ReadGBps that of reading; if it is not
	// given, as fast as writing.
	WriteGBps, ReadGBps float64
	// FastGBps is the bandwidth of a fast tier, and FastRecovers the share of failures that its checkpoints survive.
	FastGBps, FastRecovers float64
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

// MeasuredMTBFGPUHours is the mean time between unexpected interruptions of one GPU: 419 of 16,384 GPUs in 54 days, "The
// Llama 3 Herd of Models" (arXiv 2407.21783), 3.3.4. With the planned ones there were 466, one in 45,566 hours.
const MeasuredMTBFGPUHours = 16384 * 54 * 24 / 419

// Report is how large and how often. What an input was missing for is nil.
type Report struct {
	Model      string `json:"model,omitempty"`
	Parameters int64  `json:"parameters"`
	// Trainable is how many of them are trained, if not all are.
	Trainable         int64        `json:"trainableParameters,omitempty"`
	Dtype             string       `json:"dtype,omitempty"`
	Optimizer         string       `json:"optimizer,omitempty"`
	BytesPerParameter PerParameter `json:"bytesPerParameter"`
	// FrozenBytes is what is saved of the parameters that are not trained.
	FrozenBytes Size `json:"frozenBytes,omitempty"`
	// CheckpointBytes is one checkpoint: the parameters that are trained times the bytes for each, and FrozenBytes.
	CheckpointBytes Size      `json:"checkpointBytes"`
	Claim           Claim     `json:"claim"`
	Ranks           *Ranks    `json:"ranks,omitempty"`
	Files           *Files    `json:"files,omitempty"`
	Target          *Target   `json:"target,omitempty"`
	Save            *Save     `json:"save,omitempty"`
	Restore         *Restore  `json:"restore,omitempty"`
	Async           *Async    `json:"async,omitempty"`
	Failures        *Failures `json:"failures,omitempty"`
	FastTier        *FastTier `json:"fastTier,omitempty"`
	// Notes are what the numbers alone do not say.
	Notes []string `json:"notes,omitempty"`

	// Job is what Failures follow from, and Tiers what FastTier does.
	Job   *Job   `json:"-"`
	Tiers *Tiers `json:"-"`
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

// Ranks is the share of each rank and node. The optimizer states are spread over all ranks. The weights are too, unless
// fewer ranks share a copy: then those of the first copy alone write them, and they write the most.
type Ranks struct {
	Nodes         int `json:"nodes"`
	GPUsPerNode   int `json:"gpusPerNode"`
	Total         int `json:"total"`
	ModelParallel int `json:"modelParallel"`
	// PerRankBytes and PerNodeBytes are means.
	PerRankBytes      Size `json:"perRankBytes"`
	PerRankLeastBytes Size `json:"perRankLeastBytes"`
	PerRankMostBytes  Size `json:"perRankMostBytes"`
	PerNodeBytes      Size `json:"perNodeBytes"`
	PerNodeLeastBytes Size `json:"perNodeLeastBytes"`
	// PerNodeMostBytes is where as many of the node's ranks as can be are of the first copy.
	PerNodeMostBytes Size `json:"perNodeMostBytes"`
}

// Even reports whether all ranks write the same.
func (r Ranks) Even() bool { return r.ModelParallel == r.Total }

// Files is what one save asks of the metadata servers: each file is made and synced, and one of the oldest checkpoint is
// deleted for it.
type Files struct {
	PerRank int `json:"perRank"`
	// Total has the index besides.
	Total      int `json:"total"`
	Operations int `json:"operations"`
	// PerSecond is their mean over a save; 0 where its time is not known.
	PerSecond float64 `json:"operationsPerSecond,omitempty"`
}

// operationsPerFile are open, fsync and unlink.
const operationsPerFile = 3

// Target is the bandwidth for a save in a given time: checkpoint / seconds.
type Target struct {
	Seconds        Seconds `json:"seconds"`
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	// PerNode is the part of the node that writes the most, which its network and its mount must carry; 0 where the nodes
	// are not known.
	PerNode Rate `json:"perNodeBytesPerSecond,omitempty"`
}

// Save is the time until a checkpoint is written: checkpoint / bandwidth.
type Save struct {
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	Seconds        Seconds `json:"seconds"`
}

// Restore is the time until all ranks have read a checkpoint. Each copy of the weights is read.
type Restore struct {
	Bytes          Size    `json:"bytes"`
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	Seconds        Seconds `json:"seconds"`
}

// Async is a save that is copied to the node's memory first and written from there.
type Async struct {
	StallSeconds Seconds `json:"stallSeconds"`
	// PersistSeconds is how long it is then being written; 0 where the bandwidth is not known.
	PersistSeconds Seconds `json:"persistSeconds,omitempty"`
	// HostMemoryPerNode is the least that the copy takes; 0 where the nodes are not known. Where another process writes it,
	// the copy is in /dev/shm.
	HostMemoryPerNode Size `json:"hostMemoryPerNodeBytes,omitempty"`
}

// Failures is how often the job fails and what is lost by it: MTBF of one GPU / GPUs.
type Failures struct {
	MTBFGPUHours   float64 `json:"mtbfGPUHours"`
	EverySeconds   Seconds `json:"everySeconds"`
	RestartSeconds Seconds `json:"restartSeconds"`
	// Best is the best interval, Young and Daly estimate it, see Job; Asked is the interval that was given.
	Best  Loss  `json:"best"`
	Young Loss  `json:"young"`
	Daly  Loss  `json:"daly"`
	Asked *Loss `json:"asked,omitempty"`
}

// FastTier is a fast tier before the durable one, see Tiers.
type FastTier struct {
	BytesPerSecond Rate    `json:"bytesPerSecond"`
	SaveSeconds    Seconds `json:"saveSeconds"`
	Recovers       Share   `json:"recoveredShare"`
	// PerNode is what two checkpoints take on the node that writes the most, the last and the one that is being written.
	PerNode Size `json:"perNodeBytes"`
	// Best is what is lost with both tiers, by the interval between fast saves. Every is how many of them there are for each
	// durable one.
	Best           Loss    `json:"best"`
	Every          int     `json:"every"`
	DurableSeconds Seconds `json:"durableIntervalSeconds"`
}

// Make makes the report. It fails where the claim is larger than an EiB, where the interval to judge is shorter than a
// save, where more parameters are trained than there are, and where the ranks do not make whole copies of the weights.
func Make(in Input) (Report, error) {
	out, weights, err := checkpoint(in)
	if err != nil {
		return Report{}, err
	}
	bytes := float64(out.CheckpointBytes)
	claim := math.Ceil(bytes * float64(in.Keep+1+in.Milestones) / in.Fill)
	if claim > 1<<60 {
		return Report{}, fmt.Errorf("the claim would have %s EiB, and no store is that large", digits(claim/(1<<60), 3))
	}
	out.Claim = Claim{Keep: in.Keep, Writing: 1, Milestones: in.Milestones, Fill: in.Fill, Bytes: Size(claim), Size: Size(claim).Quantity()}
	if in.Nodes > 0 {
		if out.Ranks, err = ranks(in, bytes, weights); err != nil {
			return Report{}, err
		}
		files := out.Ranks.Total*in.FilesPerRank + 1
		out.Files = &Files{PerRank: in.FilesPerRank, Total: files, Operations: files * operationsPerFile}
	}
	if in.TargetSeconds > 0 {
		out.Target = &Target{Seconds: Seconds(in.TargetSeconds), BytesPerSecond: Rate(significant(bytes/in.TargetSeconds, 6))}
		if out.Ranks != nil {
			out.Target.PerNode = Rate(significant(float64(out.Ranks.PerNodeMostBytes)/in.TargetSeconds, 6))
		}
	}
	if in.WriteGBps > 0 {
		rate := in.WriteGBps * GB
		out.Save = &Save{BytesPerSecond: Rate(rate), Seconds: Seconds(significant(bytes/rate, 6))}
		if out.Files != nil {
			out.Files.PerSecond = significant(float64(out.Files.Operations)/(bytes/rate), 6)
		}
	}
	out.restore(in, weights)
	if in.AsyncStallSeconds > 0 {
		out.Async = &Async{StallSeconds: Seconds(in.AsyncStallSeconds)}
		if out.Save != nil {
			out.Async.PersistSeconds = out.Save.Seconds
		}
		if out.Ranks != nil {
			out.Async.HostMemoryPerNode = out.Ranks.PerNodeMostBytes
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

// checkpoint begins the report with what is saved. It also returns how many bytes of it are weights.
func checkpoint(in Input) (out Report, weights float64, err error) {
	out = Report{Model: in.Model.Name, Parameters: in.Model.Parameters, Trainable: in.Trainable}
	if in.Model.Note != "" {
		out.Notes = append(out.Notes, in.Model.Note)
	}
	trained := float64(in.Model.Parameters)
	if in.Trainable > in.Model.Parameters {
		return out, 0, fmt.Errorf("more parameters are trained than the %d that there are", in.Model.Parameters)
	}
	if in.Trainable > 0 {
		trained = float64(in.Trainable)
	}
	if in.BytesPerParameter > 0 {
		// What of them are weights is not known, so that all are taken for states, which every rank has a part of.
		out.BytesPerParameter = PerParameter{Total: in.BytesPerParameter}
	} else {
		out.Dtype, out.Optimizer = in.Precision.Name, in.Optimizer.Name
		out.BytesPerParameter = Bytes(in.Precision, in.Optimizer, out.outer(in), in.Average)
	}
	weights = trained * out.BytesPerParameter.Weights
	if in.Frozen {
		frozen := (float64(in.Model.Parameters) - trained) * in.Precision.Weights
		out.FrozenBytes, weights = Size(frozen), weights+frozen
	}
	out.CheckpointBytes = Size(math.Ceil(trained*out.BytesPerParameter.Total)) + out.FrozenBytes
	return out, weights, nil
}

// outer returns the share of the parameters that are in embeddings and output. Adapters are elsewhere.
func (r *Report) outer(in Input) float64 {
	model := in.Model
	if in.Trainable > 0 {
		return 0
	}
	if model.Outer == 0 {
		// A larger model has a smaller share.
		model = Models[0]
		for _, s := range in.Optimizer.States {
			if s.Outer {
				r.Notes = append(r.Notes, fmt.Sprintf("%v of the parameters are taken for embeddings and output, as in %s; larger models have less",
					Share(float64(model.Outer)/float64(model.Parameters)), model.Name))
			}
		}
	}
	return float64(model.Outer) / float64(model.Parameters)
}

// ranks spreads a checkpoint, of which that many bytes are weights, over the ranks.
func ranks(in Input, bytes, weights float64) (*Ranks, error) {
	total, parallel := in.Nodes*in.GPUsPerNode, in.ModelParallel
	if parallel == 0 {
		parallel = total
	}
	if total%parallel != 0 {
		return nil, fmt.Errorf("%d ranks do not make whole copies of weights that %d ranks share", total, parallel)
	}
	least := (bytes - weights) / float64(total)
	most := least + weights/float64(parallel)
	if parallel == total {
		least = most
	}
	// The ranks that are not of the first copy may fill a node, or be too few for that.
	first := min(parallel, in.GPUsPerNode)
	others := min(total-parallel, in.GPUsPerNode)
	up := func(x float64) Size { return Size(math.Ceil(x)) }
	return &Ranks{
		Nodes: in.Nodes, GPUsPerNode: in.GPUsPerNode, Total: total, ModelParallel: parallel,
		PerRankBytes: up(bytes / float64(total)), PerRankLeastBytes: up(least), PerRankMostBytes: up(most),
		PerNodeBytes:      up(bytes / float64(in.Nodes)),
		PerNodeLeastBytes: up(float64(others)*least + float64(in.GPUsPerNode-others)*most),
		PerNodeMostBytes:  up(float64(first)*most + float64(in.GPUsPerNode-first)*least),
	}, nil
}

// restore adds how long reading takes.
func (r *Report) restore(in Input, weights float64) {
	gbps := in.ReadGBps
	if gbps == 0 {
		gbps = in.WriteGBps
	}
	if gbps == 0 {
		return
	}
	bytes := float64(r.CheckpointBytes)
	if r.Ranks != nil {
		bytes += weights * float64(r.Ranks.Total/r.Ranks.ModelParallel-1)
	}
	r.Restore = &Restore{Bytes: Size(math.Ceil(bytes)), BytesPerSecond: Rate(gbps * GB), Seconds: Seconds(significant(bytes/(gbps*GB), 6))}
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
		Best: job.Lost(job.Best()).rounded(), Young: job.Lost(job.Young()).rounded(), Daly: job.Lost(job.Daly()).rounded(),
	}
	if in.IntervalSeconds > 0 {
		asked := job.Lost(in.IntervalSeconds).rounded()
		r.Failures.Asked = &asked
	}
	if r.Restore.Seconds > r.Failures.RestartSeconds {
		r.Notes = append(r.Notes, fmt.Sprintf("reading the checkpoint takes %v, and a restart was to take %v in all: more is lost in truth",
			r.Restore.Seconds, r.Failures.RestartSeconds))
	}
	if job.Behind > 0 && job.Best() == job.Shortest() {
		r.Notes = append(r.Notes, "the best interval is no shorter than an asynchronous save takes: more bandwidth would make it shorter")
	}
	if in.FastGBps == 0 {
		return
	}
	tiers := Tiers{Durable: job, Fast: float64(r.CheckpointBytes) / (in.FastGBps * GB), Recovers: in.FastRecovers}
	interval, every := tiers.Best()
	r.Tiers = &tiers
	r.FastTier = &FastTier{
		BytesPerSecond: Rate(in.FastGBps * GB), SaveSeconds: Seconds(significant(tiers.Fast, 6)), Recovers: Share(in.FastRecovers),
		PerNode: 2 * r.Ranks.PerNodeMostBytes, Best: tiers.Lost(interval, every).rounded(), Every: every,
		DurableSeconds: Seconds(significant(float64(every)*interval+tiers.stop(), 6)),
	}
	if r.FastTier.Best.Total >= r.Failures.Best.Total {
		r.Notes = append(r.Notes, "the fast tier is of no use here: the durable one alone loses no more")
	}
}
