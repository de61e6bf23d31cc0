package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/sizing"

	"github.com/spf13/cobra"
)

// sizeFlags are the flags of `ckptctl size`; in holds those that need no parsing.
type sizeFlags struct {
	model, params, trainable, dtype, optimizer string
	interval                                   time.Duration
	in                                         sizing.Input
}

func (f *sizeFlags) bind(command *cobra.Command) {
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.model, "model", "", "a model of MLPerf Storage, by `name`; also sets --nodes and --model-parallel to MLPerf's ranks")
	flags.StringVar(&f.params, "params", "", "`number` of parameters: 70e9, 70B or 1.2T; of a mixture of experts all, not only the active ones")
	flags.StringVar(&f.dtype, "dtype", "bf16", "`precision` that the model trains in")
	flags.StringVar(&f.optimizer, "optimizer", "adam", "`name` of the optimizer")
	flags.BoolVar(&f.in.Average, "ema", false, "a moving average of the weights is saved too, in fp32")
	flags.Float64Var(&f.in.BytesPerParameter, "bytes-per-param", 0, "`bytes` that are saved for each parameter, instead of --dtype, --optimizer and --ema")
	flags.StringVar(&f.trainable, "trainable", "", "`number` of parameters that are trained, if not all are, such as LoRA's; only they are saved")
	flags.BoolVar(&f.in.Frozen, "save-frozen", false, "the weights that are not trained are saved too")
	flags.IntVar(&f.in.Nodes, "nodes", 0, "`number` of nodes")
	flags.IntVar(&f.in.GPUsPerNode, "gpus-per-node", 8, "`number` of GPUs on a node; each is a rank")
	flags.IntVar(&f.in.ModelParallel, "model-parallel", 0, "`number` of ranks that share a copy of the weights, tensor times pipeline parallel; 0 is all (FSDP, ZeRO 3)")
	flags.IntVar(&f.in.FilesPerRank, "files-per-rank", 1, "`number` of files from each rank: PyTorch DCP 1, Megatron-LM and DeepSpeed ZeRO 2")
	flags.IntVar(&f.in.Keep, "keep", 3, "`number` of newest checkpoints that the trainer keeps")
	flags.IntVar(&f.in.Milestones, "milestones", 0, "`number` of further checkpoints that are kept permanently")
	flags.Float64Var(&f.in.Fill, "fill", 0.8, "how full the claim may get, as a `part` of 1")
	flags.Float64Var(&f.in.WriteGBps, "write-gbps", 0, "what the storage writes for all ranks together, in `GB/s` (10^9 bytes, not bits)")
	flags.Float64Var(&f.in.ReadGBps, "read-gbps", 0, "what it reads, in `GB/s`; as it writes, if left out")
	flags.Float64Var(&f.in.TargetSeconds, "target-seconds", 0, "`seconds` that a save should take")
	flags.Float64Var(&f.in.MTBFGPUHours, "mtbf-gpu-hours", sizing.MeasuredMTBFGPUHours, "`hours` between failures of one GPU, on average; Llama 3 had 419 of 16,384 GPUs in 54 days")
	flags.Float64Var(&f.in.RestartSeconds, "restart-seconds", 600, "`seconds` from a failure to the first new step")
	flags.DurationVar(&f.interval, "interval", 0, "an `interval` to evaluate, such as 30m")
	flags.Float64Var(&f.in.AsyncStallSeconds, "async-stall-seconds", 0, "saves are asynchronous, and training stalls for these `seconds`")
	flags.Float64Var(&f.in.FastGBps, "fast-gbps", 0, "what a fast tier, the nodes' memory or disks, writes for all ranks together, in `GB/s`")
	flags.Float64Var(&f.in.FastRecovers, "fast-recovers", 0, "`part` of failures after which it still has the newest checkpoint: 0.23 of Llama 3's left all nodes in place")
}

// input reads and checks the flags.
func (f *sizeFlags) input(changed func(string) bool) (sizing.Input, error) {
	in := f.in
	in.IntervalSeconds = f.interval.Seconds()
	var err error
	if in.Model, err = f.modelOf(changed); err != nil {
		return in, err
	}
	if changed("trainable") {
		if in.Trainable, err = parameters("trainable", f.trainable, 1e3, "a thousand"); err != nil {
			return in, err
		}
	}
	if in.Precision, err = named("dtype", f.dtype, sizing.Precisions, func(p sizing.Precision) string { return p.Name }); err != nil {
		return in, err
	}
	if in.Optimizer, err = named("optimizer", f.optimizer, sizing.Optimizers, func(o sizing.Optimizer) string { return o.Name }); err != nil {
		return in, err
	}
	if err := together(changed); err != nil {
		return in, err
	}
	for _, n := range []struct {
		flag               string
		value, least, most float64
		what               string
	}{
		{"bytes-per-param", in.BytesPerParameter, 0.1, 1000, "bytes"},
		{"nodes", float64(in.Nodes), 1, 1e6, "nodes"},
		{"gpus-per-node", float64(in.GPUsPerNode), 1, 1000, "GPUs"},
		{"model-parallel", float64(in.ModelParallel), 0, 1e9, "ranks"},
		{"files-per-rank", float64(in.FilesPerRank), 1, 1e5, "files"},
		{"keep", float64(in.Keep), 1, 1e6, "checkpoints"},
		{"milestones", float64(in.Milestones), 0, 1e6, "checkpoints"},
		{"fill", in.Fill, 0.01, 1, "of the claim: 0.8 is 80 %"},
		{"write-gbps", in.WriteGBps, 1e-3, 1e6, "GB/s"},
		{"read-gbps", in.ReadGBps, 1e-3, 1e6, "GB/s"},
		{"fast-gbps", in.FastGBps, 1e-3, 1e9, "GB/s"},
		{"fast-recovers", in.FastRecovers, 0.01, 0.99, "of the failures: 0.9 is 90 %"},
		{"target-seconds", in.TargetSeconds, 1e-3, 1e6, "seconds"},
		{"mtbf-gpu-hours", in.MTBFGPUHours, 1, 1e9, "hours"},
		{"restart-seconds", in.RestartSeconds, 0, 1e6, "seconds"},
		{"interval", in.IntervalSeconds, 1e-3, 1e8, "seconds"},
		{"async-stall-seconds", in.AsyncStallSeconds, 1e-3, 1e6, "seconds"},
	} {
		// Written so that NaN is out of range.
		if changed(n.flag) && !(n.value >= n.least && n.value <= n.most) {
			return in, fmt.Errorf("--%s %s: must be from %s to %s %s", n.flag, figure(n.value), figure(n.least), figure(n.most), n.what)
		}
	}
	if in.Model.Processes > 0 && !changed("nodes") {
		if in.Nodes = in.Model.Processes / in.GPUsPerNode; in.Nodes*in.GPUsPerNode != in.Model.Processes {
			return in, fmt.Errorf("--gpus-per-node %d: MLPerf saves %s from %d ranks, which do not fill nodes of that size; add --nodes",
				in.GPUsPerNode, in.Model.Name, in.Model.Processes)
		}
		if !changed("model-parallel") {
			in.ModelParallel = in.Model.ModelParallel
		}
	}
	return in, nil
}

func (f *sizeFlags) modelOf(changed func(string) bool) (sizing.Model, error) {
	if changed("model") == changed("params") {
		return sizing.Model{}, fmt.Errorf("give one of --model, for example --model %s, and --params, for example --params 70e9",
			sizing.Models[0].Name)
	}
	if changed("model") {
		return named("model", f.model, sizing.Models, func(m sizing.Model) string { return m.Name })
	}
	parameters, err := parameters("params", f.params, 1e6, "a million")
	return sizing.Model{Parameters: parameters}, err
}

// together refuses flags that contradict each other, and those that say nothing without another.
func together(changed func(string) bool) error {
	for _, flag := range []string{"dtype", "optimizer", "ema", "save-frozen"} {
		if changed("bytes-per-param") && changed(flag) {
			return fmt.Errorf("give one of --bytes-per-param and --%s: the bytes are all that is saved for a parameter", flag)
		}
	}
	for _, pair := range [][2]string{{"save-frozen", "trainable"}, {"fast-gbps", "fast-recovers"}, {"fast-recovers", "fast-gbps"}} {
		if changed(pair[0]) && !changed(pair[1]) {
			return fmt.Errorf("--%s: add --%s", pair[0], pair[1])
		}
	}
	return nil
}

// parameters reads 70e9, 70B and the like.
func parameters(flag, text string, least float64, leastWord string) (int64, error) {
	digits, factor := strings.ToUpper(text), 1.0
	for suffix, of := range map[string]float64{"M": 1e6, "B": 1e9, "T": 1e12} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, factor = rest, of
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, fmt.Errorf("--%s %s: not a number; write 70e9, 70B or 1.2T", flag, text)
	}
	if n *= factor; !(n >= least && n <= 1e14) {
		return 0, fmt.Errorf("--%s %s: must be from %s to 100 trillion parameters; 70 billion are 70e9 or 70B", flag, text, leastWord)
	}
	return int64(math.Round(n)), nil
}

// figure writes a number without an exponent.
func figure(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// named returns the entry with that name.
func named[T any](flag, word string, entries []T, name func(T) string) (T, error) {
	var names []string
	for _, entry := range entries {
		if name(entry) == word {
			return entry, nil
		}
		names = append(names, name(entry))
	}
	message := fmt.Sprintf("--%s %s: unknown name; ", flag, word)
	if near := schema.Nearest(word, names); near != "" {
		message += "did you mean " + near + "? "
	}
	var none T
	return none, fmt.Errorf("%savailable: %s", message, strings.Join(names, ", "))
}
