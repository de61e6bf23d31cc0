package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/revision"
	"checkpoint-storage/tools/ckptctl/internal/values"
	"checkpoint-storage/tools/ckptctl/project"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart/loader"
)

// diffAgainst compares the overlays with what they were at a revision.
func diffAgainst(command *cobra.Command, against string, settings settingFlags, old check.Side, in check.Inputs, args []string, output string) error {
	name, isGit := strings.CutPrefix(against, "git:")
	if !isGit {
		return fmt.Errorf("--against %s: write git: and a revision, such as git:main", against)
	}
	if len(old.Files) > 0 {
		return errors.New("--from: with --against the old side is the files of the revision")
	}
	now, err := scoped(command, settings, in, args)
	if err != nil {
		return err
	}
	if err := now.alone(); err != nil {
		return err
	}
	if now.project != nil && now.project.Output != "" && !now.changed("output") {
		output = now.project.Output
	}
	from, err := revision.Open(command.Context(), ".", name)
	if err != nil {
		return fmt.Errorf("--against %s: %w", against, err)
	}
	defer func() { _ = from.Close() }()
	then, err := now.at(past{from}, settings, old.Place, in, args)
	if err != nil {
		return err
	}
	pairs, err := then.pairs(now, from)
	if err != nil {
		return err
	}
	before := check.State{Inputs: then.in, Read: past{from}.read, Name: against}
	before.Files = nil
	for _, file := range then.in.Files {
		// What did not exist then said nothing.
		if from.Has(file) {
			before.Files = append(before.Files, from.Shown(file))
		}
	}
	after := check.State{Inputs: now.in, Read: check.Disk(command.InOrStdin()), Name: "the work tree"}
	fleet, err := check.Against(before, after, pairs, progress(command.ErrOrStderr(), len(pairs)))
	if err != nil {
		return err
	}
	out := report.Report{
		Findings: fleet.Findings, Clusters: fleet.Clusters, Version: version(), Color: colored(command.OutOrStdout()), Closing: outcome(against, fleet.Clusters),
	}
	if err := report.Write(command.OutOrStdout(), output, out); err != nil {
		return err
	}
	if fleet.Unreadable() {
		return errUnreadable
	}
	if found, _ := report.Count(fleet.Findings); found > 0 {
		return errFound
	}
	return nil
}

// alone makes the last file of a run without overlays its one overlay.
func (s *scope) alone() error {
	if len(s.overlays) > 0 {
		return nil
	}
	last := len(s.in.Files) - 1
	if last < 0 {
		return fmt.Errorf("no values are named: name them with --to, and overlays with --each, or describe the clusters in a file %s", project.Name)
	}
	file := s.in.Files[last]
	s.in.Files = s.in.Files[:last]
	s.overlays = []overlay{{file: file, name: s.flags.Release, cluster: file, Settings: s.flags.Settings}}
	return nil
}

// at is the same scope at a revision: by the project file as it was then, or as it is now if there was none.
func (s *scope) at(from past, settings settingFlags, chart string, in check.Inputs, args []string) (*scope, error) {
	then := &scope{tree: from, flags: settings, changed: s.changed, in: in, charts: s.charts, opened: charts{}, project: s.project, folder: s.folder}
	// Options are those of the new side.
	then.in = check.Inputs{Files: slices.Clone(in.Files)}
	then.changed = func(flag string) bool { return s.changed(flag) && !strings.HasPrefix(flag, "set") }
	if chart != "" {
		then.flags.Chart = chart
		then.changed = func(flag string) bool { return flag == "chart" || s.changed(flag) && !strings.HasPrefix(flag, "set") }
		then.tree = withChart{from, worktree{}}
	}
	if s.project != nil {
		file := settings.project
		if file == "" {
			file = filepath.Join(s.folder, project.Name)
		}
		text, err := from.Read(file)
		switch {
		case err == nil:
			if then.project, err = project.Read(from.shown(file), text); err != nil {
				return nil, err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if err := then.complete(args); err != nil {
		return nil, err
	}
	if len(then.overlays) == 0 && len(then.in.Files) > 0 && len(s.overlays) == 1 && len(settings.each)+len(args) == 0 {
		return then, then.alone()
	}
	return then, nil
}

// pairs match the overlays of two scopes: by their files, and those that moved by their names. Of files that the command
// line names, those of the revision count that it has.
func (s *scope) pairs(now *scope, from *revision.Revision) ([]check.Pair, error) {
	s.overlays = slices.DeleteFunc(s.overlays, func(o overlay) bool { return !from.Has(o.file) })
	before, err := s.checked()
	if err != nil {
		return nil, err
	}
	after, err := now.checked()
	if err != nil {
		return nil, err
	}
	was, named := map[string]int{}, map[string]int{}
	for i, o := range s.overlays {
		was[absolute(o.file)], named[o.name] = i, i
	}
	pairs := make([]check.Pair, len(after))
	taken := map[int]bool{}
	match := func(by func(o overlay) (int, bool)) {
		for i := range after {
			if at, known := by(now.overlays[i]); known && pairs[i].Before == nil && !taken[at] {
				pairs[i].Before, taken[at] = &before[at], true
			}
		}
	}
	for i := range after {
		pairs[i].After = &after[i]
	}
	match(func(o overlay) (int, bool) { i, known := was[absolute(o.file)]; return i, known })
	match(func(o overlay) (int, bool) { i, known := named[o.name]; return i, known })
	for i := range before {
		if !taken[i] {
			pairs = append(pairs, check.Pair{Before: &before[i]})
		}
	}
	return pairs, nil
}

// outcome sums up what becomes of the clusters.
func outcome(against string, clusters []report.Cluster) string {
	changes, effects := map[string]int{}, map[string]int{}
	wrong, errors := 0, 0
	for _, c := range clusters {
		changes[c.Change]++
		for _, effect := range c.Effects {
			effects[effect]++
		}
		if c.Unreadable != "" {
			wrong++
		} else if c.Errors > 0 && len(c.Effects) == 0 {
			errors++
		}
	}
	count := func(words *[]string, n int, word string) {
		if n > 0 {
			*words = append(*words, fmt.Sprintf("%d %s", n, word))
		}
	}
	var became, do []string
	count(&became, changes[check.Changed], "changed")
	count(&became, changes[check.New], "new")
	count(&became, changes[check.Gone], "gone")
	text := fmt.Sprintf("%d clusters", len(clusters))
	if len(clusters) == 1 {
		text = "1 cluster"
	}
	text += " since " + against + ": " + cmp.Or(strings.Join(became, ", "), "none changed")
	count(&do, effects["refused"], "refused")
	count(&do, effects["lost"], "would lose data")
	count(&do, effects["renamed"], "renamed away from their data")
	count(&do, errors, "with errors in their values")
	count(&do, wrong, "that cannot be read")
	if len(do) == 0 {
		return "ok: " + text + "; every upgrade goes through, and the data stays where it is"
	}
	return text + "; " + strings.Join(do, ", ")
}

// past are the files of a revision.
type past struct{ *revision.Revision }

func (p past) read(name string) ([]byte, error) {
	text, err := p.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &values.InputError{File: p.shown(name), Message: "there was no such file"}
	}
	return text, err
}

func (p past) glob(pattern string) ([]string, error) { return p.Glob(pattern) }

// chart has a chart as it was; one that is not in the revision as it is.
func (p past) chart(place string) (fs.FS, error) {
	if place == "" {
		return embedded.FS, nil
	}
	files, err := p.Folder(place)
	if files != nil || err != nil {
		return files, err
	}
	text, err := p.Read(place)
	if errors.Is(err, fs.ErrNotExist) {
		return worktree{}.chart(place)
	}
	if err != nil {
		return nil, err
	}
	packed, err := loader.LoadArchiveFiles(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: it is neither a chart's folder nor its archive: %w", p.shown(place), err)
	}
	out := map[string][]byte{}
	for _, each := range packed {
		out[each.Name] = each.Data
	}
	return check.Files(out), nil
}

func (p past) shown(name string) string { return p.Shown(name) }

func (past) current() bool { return false }

// withChart are the files of one tree, and the charts of another.
type withChart struct {
	past
	charts tree
}

func (w withChart) chart(place string) (fs.FS, error) { return w.charts.chart(place) }
