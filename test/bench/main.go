// Command bench measures the chart beside its peers and limits, in alternating runs, and writes the figures to a page.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
)

func main() {
	out := flag.String("out", "", "page to write; left out, the standard output")
	rounds := flag.Int("rounds", 7, "how often each pair is measured")
	only := flag.String("only", "", "measure one thing (check, diff, bounds, render, install, throughput), and leave the page's other figures")
	flag.Parse()
	if err := run(context.Background(), *out, *only, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, only string, rounds int) error {
	b := &bench{ctx: ctx, rounds: rounds}
	for _, part := range []struct {
		name    string
		measure func() error
		cluster bool
	}{
		{"check", b.checking, false}, {"diff", b.comparing, false}, {"bounds", b.bounding, false}, {"render", b.rendering, false}, {"install", b.installing, true}, {"throughput", b.throughput, true},
	} {
		if only != "" && only != part.name {
			continue
		}
		if part.cluster {
			var err error
			if b.cluster, err = cluster.Read(); err != nil {
				return err
			}
		}
		if err := part.measure(); err != nil {
			return err
		}
	}
	if only != "" {
		b.rows = join(out, b.rows)
	}
	if b.profile == "" {
		b.profile = profileOf(out)
	}
	page := b.page()
	var err error
	if out == "" {
		_, err = os.Stdout.WriteString(page)
		return err
	}
	return os.WriteFile(out, []byte(page), 0o644)
}

// join takes a page's rows, with the fresh ones in place of those that have the same name, or after them.
func join(page string, fresh []string) []string {
	old, err := os.ReadFile(page)
	if err != nil {
		return fresh
	}
	name := func(row string) string {
		return strings.SplitN(row, "|", 3)[1]
	}
	var rows []string
	for line := range strings.Lines(string(old)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what") {
			continue
		}
		if i := slices.IndexFunc(fresh, func(row string) bool { return name(row) == name(line) }); i >= 0 {
			line = fresh[i]
			fresh = slices.Delete(fresh, i, i+1)
		}
		rows = append(rows, line)
	}
	return append(rows, fresh...)
}

// bench collects rows of figures.
type bench struct {
	ctx     context.Context
	cluster cluster.Cluster
	rounds  int
	rows    []string
	// profile is where the CPU of a check goes.
	profile string
}

// row adds a pair of series, measured alternately: the ratio is the median of the ratios of the rounds.
func (b *bench) row(what, unit, goal string, ours, theirs []float64) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	row := fmt.Sprintf("| %s | %s %s | %s %s | **%s** (%s–%s) | %s |", what,
		short(median(ours)), unit, short(median(theirs)), unit, ratio(median(ratios)), ratio(least(ratios)), ratio(most(ratios)), goal)
	fmt.Fprintln(os.Stderr, row)
	b.rows = append(b.rows, row)
}

func (b *bench) page() string {
	return fmt.Sprintf(`# Figures

Last written by `+"`make bench`"+` on %s; rows that it did not measure then are as they were. %d rounds, ours and theirs alternating. The ratio is the median of the rounds' ratios,
with the least and the largest. A ratio holds for the machine it was measured on; the seconds and the bytes do not hold for
any other.

| what | ours | beside | ratio | goal |
|---|---|---|---|---|
%s

- **check**: a base file of 4 KB and overlays of 250 bytes, all valid; the whole command, start to end. `+"`helm lint`"+` is timed
  for five overlays and counted for a thousand. Node validates documents that were merged beforehand, in a
  process that is up and warm. CPU is that of all cores, on the same bytes, with nothing done with what is parsed.
- **diff** of a fleet in a project with the last commit, beside the check of the same fleet. Three overlays ask for
  less; then the base file has another label; then it keeps nothing. An overlay is rendered, before and after, by Helm's own
  engine, when a value changed that decides its storage objects.
- **check** of what no cluster has, which both refuse: from the start to the end of the command.
- **render**: `+"`helm template`"+` of the default values, of 100 and of 1,000 shards; and of one store of NFS, beside a chart whose
  templates are the objects themselves.
- **install**: from the command to the claim Bound, and on to a pod that has written and flushed its first byte, beside
  `+"`kubectl apply`"+` of the same objects. Helm's own part is an install of the same objects from a chart that has no schema
  and nothing to work out.
- **write, read**: fio in the pod's own view of the claim, 8 jobs of 128 MiB in blocks of 1 MiB, fsync at the end; beside
  a directory of the same disk, on the node itself.

## Where a rendering spends its time

Of the CPU of `+"`helm template`"+` of one store, half is what Helm takes for any chart, a quarter the schema and a quarter the
templates. Helm compiles the schema in each run: reading it and judging it by the schema of schemas takes half of that,
compiling it the other half, and the values next to nothing. It grows with what the schema says, not with what the values
say: of its 2,000 parts 650 are keys of sections and 1,050 conditions, by which a backend asks for its required keys and a
shard's own keys are those of the chosen section. Without those conditions the schema would take 40 %% less, and `+"`helm lint`"+`
and editors would pass a section that lacks what it needs; one condition for a backend instead of up to three saves nothing.
Of the templates, a fifth is reading them; the rest is mostly the conditions of the rules.

## Where a check spends its time

The 1,000 overlays, ten times over; cum is the share of a function with all that it calls. The largest part is the
conditions of the rules, which are asked of each store. A file is parsed once, with the positions of its keys, and Helm's
reading of it is taken from the same tree. The schema is judged first by a check that says yes or no; the library, which says what is wrong,
is asked only about what that refuses.

`+fence+`text
%s
`+fence+`
`, time.Now().UTC().Format("2006-01-02"), b.rounds, strings.Join(b.rows, "\n"), b.profile)
}

// command runs a program with the pinned tools and the cluster's kubeconfig, and returns what it prints.
func (b *bench) command(input, name string, args ...string) (string, error) {
	command := exec.CommandContext(b.ctx, name, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+b.cluster.Kubeconfig())
	command.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func chart() string { return filepath.Clean(charts.Chart()) }
