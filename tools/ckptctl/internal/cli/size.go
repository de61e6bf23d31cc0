package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/atomic"
	"checkpoint-storage/tools/ckptctl/internal/lossplot"
	"checkpoint-storage/tools/ckptctl/internal/sizing"

	"github.com/spf13/cobra"
)

func sizeCommand() *cobra.Command {
	var f sizeFlags
	var output, plot string
	command := &cobra.Command{
		Use:   "size (--model NAME | --params N) [flags]",
		Short: "Compute the size of a claim, the speed of its storage, and the checkpoint interval",
		Long: `Compute the size of a checkpoint and its claim, the bandwidth of the storage, and the checkpoint interval. Results that
need a missing flag are omitted; the report names the flag.

  checkpoint     parameters that are trained x bytes for each (--dtype, --optimizer, --ema, or --bytes-per-param), and the
                 weights of the others with --save-frozen; gradients are not saved
  claim          checkpoint x (--keep + 1 that is being written + --milestones) / --fill; one claim for all ranks
  ranks          all have the same part, or with --model-parallel the same of the optimizer, and the ranks of one copy the weights
  save           checkpoint / --write-gbps
  restore        checkpoint, with each copy of the weights / --read-gbps
  job fails      --mtbf-gpu-hours / GPUs: any GPU stops the whole job
  time lost      1 - (interval - save) / (failure e^(restart/failure) (e^(interval/failure) - 1)), Daly (2006), equation 20
  best interval  save + failure (1 + W(-e^(-1 - save/failure))): there the time lost is smallest
                 by Young (1974): sqrt(2 save x failure)
                 by Daly (2006): the same x (1 + sqrt(save/(2 failure))/3 + save/(18 failure)), of higher order

With --async-stall-seconds, training stalls only that long for a save: the stall replaces the save time, a failure also
loses what was still being written, and no save begins before the last one has been written.

With --fast-gbps, each save goes to a fast tier, and one of several also to the durable one: training stands still for
both, or for the fast one alone if saves are asynchronous. Of the failures, --fast-recovers resume from the fast tier, in
--restart-seconds too. The time lost is exact, as with one tier, and the two intervals are those at which it is smallest.

GiB is 2^30 bytes, GB is 10^9 bytes. The keys of -o json, in the units that their names say, shares as parts of 1:

  model, parameters, trainableParameters, dtype, optimizer, frozenBytes, checkpointBytes
  bytesPerParameter {total, weights, master, optimizer, average}
  claim {keep, writing, milestones, fill, bytes, size}
  ranks {nodes, gpusPerNode, total, modelParallel, perRankBytes, perRankLeastBytes, perRankMostBytes, perNodeBytes,
    perNodeLeastBytes, perNodeMostBytes}
  files {perRank, total, operations, operationsPerSecond}
  target {seconds, bytesPerSecond, perNodeBytesPerSecond}
  save {bytesPerSecond, seconds}
  restore {bytes, bytesPerSecond, seconds}
  async {stallSeconds, persistSeconds, hostMemoryPerNodeBytes}
  failures {mtbfGPUHours, everySeconds, restartSeconds, and best, young, daly and asked, each
    {intervalSeconds, lostShare, savingShare, repeatingShare, restartingShare}}
  fastTier {bytesPerSecond, saveSeconds, recoveredShare, perNodeBytes, best as above, every, durableIntervalSeconds}
  notes [text], leftOut [{key, what, flags}]

--model      ` + list(sizing.Models, func(m sizing.Model) string { return m.Name }) + ` (MLPerf Storage's; the
             published row of llama3-1t does not follow from its formula, the others do)
--dtype
` + tableOf(sizing.Precisions, func(p sizing.Precision) (_, _, _ string) { return p.Name, p.Meaning, p.Source }) + `--optimizer
` + tableOf(sizing.Optimizers, func(o sizing.Optimizer) (_, _, _ string) { return o.Name, o.Meaning, o.Source }) + `
Exit code 0: a report. 2: a usage error.`,
		Example: `  ckptctl size --model llama3-70b --keep 3 --write-gbps 20
  ckptctl size --params 13B --nodes 4 --target-seconds 60
  ckptctl size --params 70B --dtype fsdp2 --nodes 64 --write-gbps 20 --fast-gbps 500 --fast-recovers 0.9 --plot lost.svg
  ckptctl size --params 70B --trainable 160M --dtype fsdp2
  ckptctl size --params 70e9 --keep 3 -o values > size.yaml`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			format, ok := map[string]func(sizeReport) (string, error){"text": sizeText, "json": sizeJSON, "values": sizeValues}[output]
			if !ok {
				return fmt.Errorf("-o %s: must be text, json or values", output)
			}
			in, err := f.input(command.Flags().Changed)
			if err != nil {
				return err
			}
			report, err := sizing.Make(in)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := drawSize(plot, report); err != nil {
					return err
				}
			}
			text, err := format(sizeReport{Report: report, LeftOut: leftOut(in, report)})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(command.OutOrStdout(), text)
			return err
		},
	}
	f.bind(command)
	command.Flags().StringVarP(&output, "output", "o", "text", "`format`: text, json or values (for the chart)")
	command.Flags().StringVar(&plot, "plot", "", "plot the time lost over the interval into an SVG `file`")
	return command
}

// sizeReport is a report with the results that were omitted.
type sizeReport struct {
	sizing.Report
	LeftOut []omission `json:"leftOut,omitempty"`
}

// omission is a result that was omitted for missing flags.
type omission struct {
	// Key is the part's key in the report.
	Key   string   `json:"key"`
	What  string   `json:"what"`
	Flags []string `json:"flags"`
}

func leftOut(in sizing.Input, r sizing.Report) []omission {
	missing := map[string]bool{
		"--nodes": r.Ranks == nil, "--target-seconds": r.Target == nil, "--write-gbps": r.Save == nil,
	}
	var out []omission
	parts := []omission{
		{"ranks", "share of each rank and node", []string{"--nodes"}},
		{"target", "bandwidth for a save in a given time", []string{"--target-seconds"}},
		{"save", "time of a save", []string{"--write-gbps"}},
		{"failures", "best interval and time lost", []string{"--nodes", "--write-gbps"}},
	}
	if in.FastGBps > 0 {
		parts = append(parts, omission{"fastTier", "intervals of both tiers and time lost", []string{"--nodes", "--write-gbps"}})
	}
	for _, part := range parts {
		part.Flags = slices.DeleteFunc(part.Flags, func(flag string) bool { return !missing[flag] })
		if len(part.Flags) > 0 {
			out = append(out, part)
		}
	}
	return out
}

func sizeJSON(r sizeReport) (string, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return string(text) + "\n", err
}

func drawSize(path string, r sizing.Report) error {
	if r.Failures == nil {
		return fmt.Errorf("--plot %s: the curve needs --nodes and --write-gbps", path)
	}
	if !strings.HasSuffix(path, ".svg") {
		return fmt.Errorf("--plot %s: the plot is an SVG file: the name must end in .svg", path)
	}
	svg, err := lossplot.SVG(r)
	if err != nil {
		return fmt.Errorf("--plot %s: %w", path, err)
	}
	if err := atomic.Write(path, svg); err != nil {
		return fmt.Errorf("--plot %s: it cannot be written: %w", path, err)
	}
	return nil
}
