package cli

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/ckptctl/internal/sizing"
)

// trailing matches the spaces that tabwriter leaves at the end of a line.
var trailing = regexp.MustCompile(` +\n`)

// sizeText formats the report as text.
func sizeText(r sizeReport) (string, error) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	head := func(title string) { fmt.Fprintf(w, "\t\t\n%s\t\t\n", title) }
	row := func(name string, value any, meaning string, args ...any) {
		fmt.Fprintf(w, "  %s\t%v\t%s\n", name, value, fmt.Sprintf(meaning, args...))
	}
	fmt.Fprintf(w, "%s\n", subject(r.Report))
	head("size")
	row("one checkpoint", r.CheckpointBytes, "%s", contents(r.Report))
	if ranks := r.Ranks; ranks != nil {
		of := func(n int, least sizing.Size) string {
			if ranks.Even() {
				return fmt.Sprintf("of %d, each the same", n)
			}
			return fmt.Sprintf("of %d, at most, and at least %s", n, least.Binary())
		}
		copies := ""
		if !ranks.Even() {
			copies = fmt.Sprintf(": the weights are on %d ranks, and the other copies are not saved", ranks.ModelParallel)
		}
		row("  from each rank", ranks.PerRankMostBytes, "%s%s", of(ranks.Total, ranks.PerRankLeastBytes), copies)
		row("  from each node", ranks.PerNodeMostBytes, "%s", of(ranks.Nodes, ranks.PerNodeLeastBytes))
		row("  files", r.Files.Total, "%d from each rank and an index; %d metadata operations: each is opened, synced, and an old one deleted",
			r.Files.PerRank, r.Files.Operations)
	}
	row("the claim", r.Claim.Size, "%s, never more than %v full", checkpoints(r.Claim), sizing.Share(r.Claim.Fill))
	if r.Target != nil || r.Save != nil || r.Restore != nil || r.Async != nil {
		head("speed")
	}
	if t := r.Target; t != nil {
		each := ""
		if t.PerNode > 0 {
			each = fmt.Sprintf("; %v from each node", t.PerNode)
		}
		row("needed", t.BytesPerSecond, "to write one checkpoint in %v%s", t.Seconds, each)
	}
	if s := r.Save; s != nil {
		metadata := ""
		if r.Files != nil {
			metadata = fmt.Sprintf("; %s metadata operations a second", short(r.Files.PerSecond))
		}
		row("one save", s.Seconds, "at %v%s", s.BytesPerSecond, metadata)
	}
	if s := r.Restore; s != nil {
		as := ""
		if r.Save != nil && r.Save.BytesPerSecond == s.BytesPerSecond {
			as = ", as for writing"
		}
		row("one restore", s.Seconds, "%s at %v%s", s.Bytes.Binary(), s.BytesPerSecond, as)
	}
	if a := r.Async; a != nil {
		behind := ""
		if a.PersistSeconds > 0 {
			behind = fmt.Sprintf(", in %v", a.PersistSeconds)
		}
		row("training stands still", a.StallSeconds, "for each save, which is then written behind it%s", behind)
		if a.HostMemoryPerNode > 0 {
			row("memory of each node", a.HostMemoryPerNode, "at least, for the copy; in /dev/shm if another process writes it, where a pod has 64 MiB unless it mounts more")
		}
	}
	if f := r.Failures; f != nil {
		head("interval")
		source := ""
		if f.MTBFGPUHours == sizing.MeasuredMTBFGPUHours {
			source = "; as Llama 3's: 419 times on 16,384 GPUs in 54 days"
		}
		row("the job fails every", f.EverySeconds, "%s GPU hours / %d GPUs; then %v to restart%s",
			figure(f.MTBFGPUHours), r.Ranks.Total, f.RestartSeconds, source)
		row("best", f.Best.Interval, "%s", loss(f.Best))
		row("by Young", f.Young.Interval, "%s", loss(f.Young))
		row("by Daly", f.Daly.Interval, "%s", loss(f.Daly))
		if f.Asked != nil {
			row("as asked", f.Asked.Interval, "%s", loss(*f.Asked))
		}
	}
	if f := r.FastTier; f != nil {
		head("with a fast tier")
		row("one fast save", f.SaveSeconds, "at %v; two checkpoints take %s of a node", f.BytesPerSecond, f.PerNode.Binary())
		row("best", f.Best.Interval, "%s", loss(f.Best))
		row("durable every", f.DurableSeconds, "1 of %d saves; %v of the failures resume from the fast tier", f.Every, f.Recovers)
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprint(w, "\nleft out\n")
	}
	for _, o := range r.LeftOut {
		fmt.Fprintf(w, "  %s: add %s\n", o.What, strings.Join(o.Flags, ", "))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "\nnote: %s\n", note)
	}
	err := w.Flush()
	return trailing.ReplaceAllString(out.String(), "\n"), err
}

// sizeValues formats the result as values for the chart.
func sizeValues(r sizeReport) (string, error) {
	return fmt.Sprintf(`# %s:
# One checkpoint is %s, %s.
# %s, never more than %v full.
size: %s
retention: {checkpointSize: %s, keep: %d}
`, subject(r.Report), r.CheckpointBytes.Binary(), contents(r.Report),
		checkpoints(r.Claim), sizing.Share(r.Claim.Fill), r.Claim.Size,
		checkpointSize(r.CheckpointBytes), max(1, r.Claim.Keep+r.Claim.Milestones)), nil
}

// checkpointSize formats a size in GiB, or in MiB if rounding to GiB would be too coarse.
func checkpointSize(size sizing.Size) string {
	if size < 10*sizing.GiB {
		return fmt.Sprintf("%.0fMi", math.Ceil(float64(size)/(1<<20)))
	}
	return size.Quantity()
}

// subject describes the model: llama3-70b, 69.88 billion parameters, trained with adam in bf16.
func subject(r sizing.Report) string {
	out := count(r.Parameters) + " parameters"
	if r.Model != "" {
		out = r.Model + ", " + out
	}
	if r.Trainable > 0 {
		out += ", " + count(r.Trainable) + " of them trained"
	} else if r.Optimizer != "" && r.BytesPerParameter.Total > r.BytesPerParameter.Weights {
		out += ", trained"
	}
	switch {
	case r.Optimizer == "":
		return out
	case r.BytesPerParameter.Total == r.BytesPerParameter.Weights:
		return out + ", weights alone in " + r.Dtype
	}
	return out + " with " + r.Optimizer + " in " + r.Dtype
}

// count writes a large number in words: 69.88 billion.
func count(n int64) string {
	value, unit := float64(n)/1e6, "million"
	switch {
	case value >= 1e6:
		value, unit = value/1e6, "trillion"
	case value >= 1e3:
		value, unit = value/1e3, "billion"
	}
	return short(value) + " " + unit
}

// contents says what of a parameter is saved: 14 bytes a parameter: weights 2, master copy 4, optimizer 8.
func contents(r sizing.Report) string {
	per := r.BytesPerParameter
	out := short(per.Total) + " bytes a parameter"
	if r.Trainable > 0 {
		out += " that is trained"
	}
	if r.Optimizer != "" {
		out += fmt.Sprintf(": weights %s, master copy %s, optimizer %s", short(per.Weights), short(per.Master), short(per.Optimizer))
	}
	if per.Average > 0 {
		out += ", average " + short(per.Average)
	}
	if r.FrozenBytes > 0 {
		out += "; frozen weights " + r.FrozenBytes.Binary()
	}
	return out
}

// short writes a number with four digits.
func short(n float64) string { return strconv.FormatFloat(n, 'g', 4, 64) }

func checkpoints(c sizing.Claim) string {
	total := c.Keep + c.Writing + c.Milestones
	pinned := ""
	if c.Milestones > 0 {
		pinned = fmt.Sprintf(", %d milestones", c.Milestones)
	}
	return fmt.Sprintf("%d checkpoints (%d kept, %d being written%s)", total, c.Keep, c.Writing, pinned)
}

func loss(l sizing.Loss) string {
	return fmt.Sprintf("loses %v of the time: saves %v, work done again %v, restarts %v", l.Total, l.Saving, l.Repeating, l.Restarting)
}

// list joins the names of entries.
func list[T any](entries []T, name func(T) string) string {
	var names []string
	for _, entry := range entries {
		names = append(names, name(entry))
	}
	return strings.Join(names, ", ")
}

// tableOf formats the names of entries with their meaning and source, a line each.
func tableOf[T any](entries []T, row func(T) (name, meaning, source string)) string {
	var out strings.Builder
	for _, entry := range entries {
		name, meaning, source := row(entry)
		fmt.Fprintf(&out, "  %-16s%s (%s)\n", name, meaning, source)
	}
	return out.String()
}
