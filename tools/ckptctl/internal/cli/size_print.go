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
	per := r.BytesPerParameter
	fmt.Fprintf(w, "%s\n", subject(r.Report))
	head("size")
	row("one checkpoint", r.CheckpointBytes, "%d bytes a parameter: weights %d, master copy %d, optimizer %d",
		per.Total, per.Weights, per.Master, per.Optimizer)
	if ranks := r.Ranks; ranks != nil {
		row("  from each rank", ranks.PerRankBytes, "on average, of %d", ranks.Total)
		row("  from each node", ranks.PerNodeBytes, "on average, of %d", ranks.Nodes)
	}
	row("the claim", r.Claim.Size, "%s, never more than %v full", checkpoints(r.Claim), sizing.Share(r.Claim.Fill))
	if r.Target != nil || r.Save != nil {
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
		row("one save", s.Seconds, "at %v", s.BytesPerSecond)
	}
	if a := r.Async; a != nil {
		row("training stands still", a.StallSeconds, "for each save, which is then written behind it")
		if a.HostMemoryPerNode > 0 {
			row("memory of each node", a.HostMemoryPerNode, "at least, for the copy that is being written")
		}
	}
	if f := r.Failures; f != nil {
		head("interval")
		row("the job fails every", f.EverySeconds, "%s GPU hours / %d GPUs; then %v to restart", figure(f.MTBFGPUHours), r.Ranks.Total, f.RestartSeconds)
		row("best by Young", f.Young.Interval, "%s", loss(f.Young))
		row("best for availability", f.Availability.Interval, "%s", loss(f.Availability))
		if f.Asked != nil {
			row("as asked", f.Asked.Interval, "%s", loss(*f.Asked))
		}
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
# %d bytes a parameter make a checkpoint of %s.
# %s, never more than %v full.
size: %s
retention: {checkpointSize: %s, keep: %d}
`, subject(r.Report), r.BytesPerParameter.Total, r.CheckpointBytes.Binary(),
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
	value, unit := float64(r.Parameters)/1e6, "million"
	switch {
	case value >= 1e6:
		value, unit = value/1e6, "trillion"
	case value >= 1e3:
		value, unit = value/1e3, "billion"
	}
	out := strconv.FormatFloat(value, 'g', 4, 64) + " " + unit + " parameters"
	if r.Model != "" {
		out = r.Model + ", " + out
	}
	if r.BytesPerParameter.Total == r.BytesPerParameter.Weights {
		return out + ", weights alone in " + r.Dtype
	}
	return out + ", trained with " + r.Optimizer + " in " + r.Dtype
}

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
		fmt.Fprintf(&out, "  %-15s%s (%s)\n", name, meaning, source)
	}
	return out.String()
}
