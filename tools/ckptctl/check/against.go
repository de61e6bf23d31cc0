package check

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Reader reads the text of a file by its name.
type Reader = values.Reader

// State is one state of a fleet: what its overlays are laid over, and who reads the files.
type State struct {
	Inputs
	// Read reads the files; Disk, or a revision's.
	Read Reader
	// Name is what reports call the state.
	Name string
}

// Pair is an overlay before and after. Before is nil for a new one, and After for one that is gone.
type Pair struct{ Before, After *Overlay }

// What became of an overlay.
const (
	New     = "new"
	Gone    = "gone"
	Changed = "changed"
)

// against is the work on a fleet that changes.
type against struct {
	before, after State
	pairs         []Pair
	// bases are what each chart reads in the base files, and same says that both states have the same ones, and options.
	bases map[side]*values.Values
	same  bool
}

// side is a chart that reads the base of one state.
type side struct {
	chart *Chart
	old   bool
}

// Against says which overlays change, and of those which change Kubernetes or Helm refuses, or loses data. An overlay whose
// values, chart and release stay what they were is not looked into. progress is called after each, from several goroutines.
func Against(before, after State, pairs []Pair, progress func(done int)) (*Fleet, error) {
	a := &against{before: before, after: after, pairs: pairs, bases: map[side]*values.Values{}}
	err := a.base()
	if err != nil {
		return nil, err
	}
	if a.same, err = a.alike(); err != nil {
		return nil, err
	}
	out := &Fleet{Clusters: make([]report.Cluster, len(pairs))}
	findings := make([][]Finding, len(pairs))
	failed := make([]error, len(pairs))
	beside(len(pairs), progress, func(i int) { out.Clusters[i], findings[i], failed[i] = a.one(pairs[i]) })
	for i := range pairs {
		var unreadable *values.InputError
		if errors.As(failed[i], &unreadable) {
			out.Clusters[i].Unreadable, out.Clusters[i].Errors = unreadable.Error(), 1
		} else if failed[i] != nil {
			return nil, fmt.Errorf("%s: %w", out.Clusters[i].Name, failed[i])
		}
		out.Findings = append(out.Findings, findings[i]...)
	}
	out.Findings = report.Alike(out.Findings)
	return out, nil
}

// base reads the base of both states by every chart.
func (a *against) base() error {
	for _, pair := range a.pairs {
		for old, overlay := range map[bool]*Overlay{true: pair.Before, false: pair.After} {
			if overlay == nil || a.bases[side{overlay.Chart, old}] != nil {
				continue
			}
			if overlay.Chart.parent != nil {
				return fmt.Errorf("%s: diff compares the values of %s itself, and not those of a parent chart", overlay.Place, Name)
			}
			state := a.after
			if old {
				state = a.before
			}
			base, err := overlay.Chart.read(state.Files, state.Read)
			if err != nil {
				return err
			}
			a.bases[side{overlay.Chart, old}] = base
		}
	}
	return nil
}

// alike says that two states differ in nothing but their overlays.
func (a *against) alike() (bool, error) {
	was, is := a.before.Inputs, a.after.Inputs
	if len(was.Files) != len(is.Files) {
		return false, nil
	}
	for i := range is.Files {
		before, err := a.before.Read(was.Files[i])
		if err != nil {
			return false, err
		}
		after, err := a.after.Read(is.Files[i])
		if err != nil || !bytes.Equal(before, after) {
			return false, err
		}
	}
	was.Files, is.Files = nil, nil
	return reflect.DeepEqual(was, is), nil
}

// one compares what a cluster was and what it is to be.
func (a *against) one(pair Pair) (report.Cluster, []Finding, error) {
	if pair.After == nil {
		return a.gone(*pair.Before)
	}
	cluster := report.Cluster{Name: pair.After.Name, File: pair.After.File}
	text, err := a.after.Read(pair.After.File)
	if err != nil {
		return cluster, nil, err
	}
	var was []byte
	if pair.Before != nil {
		if was, err = a.before.Read(pair.Before.File); err != nil {
			return cluster, nil, err
		}
		if bytes.Equal(was, text) && a.sameBut(pair) {
			return cluster, nil, nil
		}
	}
	is, err := a.read(side{pair.After.Chart, false}, *pair.After, text)
	if err != nil {
		return cluster, nil, err
	}
	store, found, err := pair.After.judged(is)
	if err != nil {
		return cluster, nil, err
	}
	cluster.Summary, cluster.Change = store.Summary(), New
	finish := func(found []Finding) (report.Cluster, []Finding, error) {
		cluster.Errors, cluster.Warnings = report.Count(found)
		for i := range found {
			found[i].Clusters = []string{cluster.Name}
		}
		return cluster, found, nil
	}
	if len(found) > 0 || pair.Before == nil {
		return finish(found)
	}
	cluster.Change = Changed
	before, err := a.read(side{pair.Before.Chart, true}, *pair.Before, was)
	var unreadable *values.InputError
	if errors.As(err, &unreadable) {
		cluster.Note = fmt.Sprintf("not compared: %s", unreadable)
		return finish(nil)
	}
	if err != nil {
		return cluster, nil, err
	}
	if pair.Before.Chart == pair.After.Chart && pair.Before.Release.is(pair.After.Release) && upgrade.SameObjects(before.Given, is.Given) {
		if reflect.DeepEqual(before.Given, is.Given) {
			cluster.Change = ""
		}
		return finish(nil)
	}
	old, mistakes, err := pair.Before.judged(before)
	if err != nil {
		return cluster, nil, err
	}
	if len(mistakes) > 0 {
		cluster.Note = fmt.Sprintf("not compared: the values of %s are refused: %s: %s", a.before.Name, mistakes[0].Place(), mistakes[0].Text())
		return finish(nil)
	}
	out, err := a.compare(pair, old, store)
	for _, change := range out {
		cluster.Affect(change.effect)
	}
	if err != nil {
		return cluster, nil, err
	}
	changes := make([]Finding, len(out))
	for i, change := range out {
		changes[i] = change.Finding
	}
	return finish(changes)
}

// effect is a finding with what it does.
type effect struct {
	Finding
	effect string
}

// compare renders both states of a store, and returns what is wrong with the change.
func (a *against) compare(pair Pair, old, store *Store) ([]effect, error) {
	before, err := renderer{pair.Before.Chart, pair.Before.Place}.render(old)
	if err != nil {
		return nil, err
	}
	after, err := renderer{pair.After.Chart, pair.After.Place}.render(store)
	if err != nil {
		return nil, err
	}
	how := pair.After.upgrade(a.after)
	how.Expands, how.Was, how.Is, how.Below = store.expands(), old.places(), store.places(), store.below()
	was := old.below()
	how.WasBelow = &was
	how.Try = func(further []upgrade.Setting) (upgrade.Objects, bool) { return a.with(*pair.After, further) }
	if was := pair.Before.Release; !was.is(pair.After.Release) {
		how.Earlier = &upgrade.Owner{Release: was.Name, Namespace: was.Namespace}
	}
	if pair.Before.Chart != pair.After.Chart {
		how.OldChart = pair.Before.Place
	}
	changes, err := upgrade.Compare(before, after, how)
	if err != nil {
		return nil, err
	}
	out := make([]effect, 0, len(changes))
	for _, change := range changes {
		out = append(out, effect{store.changed(change, old), change.Effect})
	}
	return out, nil
}

// with returns the objects of an overlay with further settings; not ok if those are refused.
func (a *against) with(overlay Overlay, further []upgrade.Setting) (upgrade.Objects, bool) {
	text, err := a.after.Read(overlay.File)
	if err != nil {
		return nil, false
	}
	file, err := values.Parse(overlay.File, text, overlay.Chart.helm)
	if err != nil {
		return nil, false
	}
	read, err := overlay.Chart.own.defaults.Over(a.bases[side{overlay.Chart, false}], []*values.File{file}, with(a.after.Inputs, further))
	if err != nil {
		return nil, false
	}
	store, mistakes, err := overlay.judged(read)
	if err != nil || len(mistakes) > 0 {
		return nil, false
	}
	made, err := renderer{overlay.Chart, overlay.Place}.render(store)
	return made, err == nil
}

// sameBut says that an overlay has the chart, the release and the base that it had.
func (a *against) sameBut(pair Pair) bool {
	return pair.Before.Chart == pair.After.Chart && pair.Before.Release.is(pair.After.Release) && a.same
}

// gone says what becomes of the objects of an overlay that is no more.
func (a *against) gone(was Overlay) (report.Cluster, []Finding, error) {
	cluster := report.Cluster{Name: was.Name, File: was.File, Change: Gone}
	text, err := a.before.Read(was.File)
	if err != nil {
		return cluster, nil, err
	}
	read, err := a.read(side{was.Chart, true}, was, text)
	var unreadable *values.InputError
	if errors.As(err, &unreadable) {
		// What is refused makes nothing.
		return cluster, nil, nil
	}
	if err != nil {
		return cluster, nil, err
	}
	store, mistakes, err := was.judged(read)
	if err != nil || len(mistakes) > 0 {
		return cluster, nil, err
	}
	before, err := renderer{was.Chart, was.Place}.render(store)
	if err != nil {
		return cluster, nil, err
	}
	how := was.upgrade(a.before)
	how.Gone, how.Files = true, nil
	changes, err := upgrade.Compare(before.Data(), upgrade.Objects{}, how)
	if err != nil {
		return cluster, nil, err
	}
	var found []Finding
	for _, change := range changes {
		found = append(found, Finding{
			Rule: change.Rule, Severity: change.Severity, Release: was.Release.Name, Clusters: []string{cluster.Name}, File: was.File,
			Message: "the overlay is gone: " + change.Message, Hint: change.Recipe, Group: change.Kind,
		})
		cluster.Affect(change.Effect)
	}
	cluster.Errors, cluster.Warnings = report.Count(found)
	return cluster, found, nil
}

// read reads an overlay over its base.
func (a *against) read(of side, overlay Overlay, text []byte) (*values.Values, error) {
	file, err := values.Parse(overlay.File, text, of.chart.helm)
	if err != nil {
		return nil, err
	}
	state := a.after
	if of.old {
		state = a.before
	}
	return of.chart.own.defaults.Over(a.bases[of], []*values.File{file}, state.Inputs)
}

// judged are the values of an overlay, judged, and the errors in them.
func (o Overlay) judged(read *values.Values) (*Store, []Finding, error) {
	store, err := o.Chart.own.judge(read, o.Release)
	if err != nil {
		return nil, nil, err
	}
	return store, errorsOf(&Result{Findings: report.Join(store.findings)}), nil
}

// upgrade is the upgrade to an overlay.
func (o Overlay) upgrade(to State) upgrade.Upgrade {
	return upgrade.Upgrade{
		Release: o.Release.Name, Namespace: o.Release.Namespace, Chart: o.Place, Cluster: paste.Cluster{Context: o.Context},
		Files: append(slices.Clone(to.Files), o.File), Settings: settings(to.Inputs),
	}
}
