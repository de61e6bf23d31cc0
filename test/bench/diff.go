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

// comparing measures `ckptctl diff` of a fleet with a revision beside `ckptctl check` of the same fleet: with what three of 500
// overlays change, and with what a base file changes for all, in their labels and in their volumes.
func (b *bench) comparing() error {
	const overlays, seeded = 500, 3
	dir, err := os.MkdirTemp("", "diff-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tool := filepath.Join(dir, "ckptctl")
	if _, err := b.command("", "go", "build", "-o", tool, filepath.Join(charts.Root(), "tools", "ckptctl")); err != nil {
		return err
	}
	fleet := filepath.Join(dir, "fleet")
	if err := os.Mkdir(fleet, 0o700); err != nil {
		return err
	}
	base, err := writeFleet(fleet, overlays)
	if err != nil {
		return err
	}
	project := filepath.Join(fleet, "ckptctl.yaml")
	if err := os.WriteFile(project, []byte("base: base.yaml\noverlays: clusters/*.yaml\n"), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", "fleet"}} {
		if _, err := b.command("", "git", append([]string{"-C", fleet}, args...)...); err != nil {
			return err
		}
	}
	for i := range seeded {
		file := filepath.Join(fleet, "clusters", fmt.Sprintf("cluster-%05d.yaml", i*overlays/seeded+1))
		if err := appendTo(file, "keep: false\nsize: 1Gi\n", "size: "); err != nil {
			return err
		}
	}
	for _, change := range []struct{ what, line, instead, goal string }{
		{what: "3 of them changed", goal: "≤ 2"},
		{"labels of all changed", "commonLabels: {zone: south}\n", "commonLabels: ", "≤ 2"},
		{"volumes of all changed", "keep: false\n", "keep: ", "no goal"},
	} {
		says := fmt.Sprintf("%d changed; %d refused", seeded, seeded)
		if change.line != "" {
			says = fmt.Sprintf("%d changed; %d refused", overlays, seeded)
			if err := appendTo(base, change.line, change.instead); err != nil {
				return err
			}
		}
		diffs, checks, err := b.alternating(tool, project, says)
		if err != nil {
			return err
		}
		b.row("diff 500 overlays, "+change.what+", beside checking them", "s", change.goal, diffs, checks)
	}
	return nil
}

// appendTo adds lines to a file, in the place of those that begin with a text.
func appendTo(file, lines, instead string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, instead) {
			out.WriteString(line)
		}
	}
	return os.WriteFile(file, []byte(out.String()+lines), 0o600)
}

// alternating returns the seconds of comparisons with the last commit, which end as says, and of checks.
func (b *bench) alternating(tool, project, says string) (diffs, checks []float64, err error) {
	for round := range b.rounds {
		for turn := range 2 {
			if (round+turn)%2 == 0 {
				seconds, _, err := runTool(tool, "check", "--project", project)
				if err != nil {
					return nil, nil, err
				}
				checks = append(checks, seconds)
				continue
			}
			command := exec.Command(tool, "diff", "--project", project, "--against", "git:main")
			command.Dir = filepath.Dir(project)
			seconds, out, err := timed(command)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(out, says) {
				return nil, nil, fmt.Errorf("the change is not found: %w: %.500s", err, out)
			}
			diffs = append(diffs, seconds)
		}
	}
	return diffs, checks, nil
}
