package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"checkpoint-storage/test/internal/charts"
)

// outsize are inputs larger than any real ones, which both ckptctl and Helm can process.
var outsize = []struct {
	what, values string
	args         []string
}{
	{what: "10,000 unknown keys", values: numbered(10_000, "key%05d: 1\n")},
	{what: "a mistake in each of 10,000 items", values: "shards: 1\nshardOverrides:\n" + numbered(10_000, "- {z%d: 1}\n")},
	{what: "20,000 aliases", values: "x-a: &a {b: 1}\nclaim:\n  labels:\n" + numbered(20_000, "    k%d: *a\n")},
	{what: "a value of 3 MiB", values: "size: " + strings.Repeat("x", 3<<20) + "\n"},
	{what: "`--set a[65536]=x`", args: []string{"--set", "a[65536]=x"}},
}

func numbered(n int, line string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, line, i)
	}
	return out.String()
}

// bounding measures `ckptctl check` beside `helm template` on outsize inputs, and its memory.
func (b *bench) bounding() error {
	dir, err := os.MkdirTemp("", "bounds-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tool, file := filepath.Join(dir, "ckptctl"), filepath.Join(dir, "values.yaml")
	if _, err := b.command("", "go", "build", "-o", tool, filepath.Join(charts.Root(), "tools", "ckptctl")); err != nil {
		return err
	}
	var largest []float64
	for _, input := range outsize {
		if err := os.WriteFile(file, []byte(input.values), 0o600); err != nil {
			return err
		}
		var ours, helm []float64
		for range b.rounds {
			seconds, bytes, err := refused(tool, append([]string{"check", "-f", file}, input.args...)...)
			if err != nil {
				return err
			}
			ours, largest = append(ours, seconds), append(largest, bytes/1e6)
			if seconds, _, err = refused("helm", append([]string{"template", "checkpoints", chart(), "-f", file}, input.args...)...); err != nil {
				return err
			}
			helm = append(helm, seconds)
		}
		b.row("check "+input.what+", beside `helm template`", "s", "≤ 2", ours, helm)
	}
	b.row("memory of checking any of these, beside 500 MB", "MB", "< 1", largest, constant(500, len(largest)))
	return nil
}

// refused returns the seconds and the most memory, in bytes, of a run that refuses its input.
func refused(tool string, args ...string) (seconds, bytes float64, err error) {
	seconds, bytes, out, err := runAny(tool, args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		return 0, 0, fmt.Errorf("%s took its input, or did not run to its end (%w): %.500s", tool, err, out)
	}
	return seconds, bytes, nil
}
