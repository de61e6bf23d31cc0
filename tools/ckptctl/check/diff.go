package check

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/identity"
	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Connection says which cluster to ask for a live release.
type Connection = live.Connection

// Side is one side of an upgrade: values, and the chart that reads them.
type Side struct {
	Inputs
	// Chart has the chart's files, and Place is where it is for who is to run Helm. An old side without a chart has the new
	// side's.
	Chart fs.FS
	Place string
}

// Diff says whether Kubernetes and Helm take an upgrade, and whether the data stays reachable. Without old files the old
// side is the live release of the name, whatever chart has made it. Values that are wrong by themselves are reported instead.
func Diff(ctx context.Context, helm Helm, old, fresh Side, release Release, cluster Connection) ([]Finding, error) {
	next, err := fresh.open(helm)
	if err != nil {
		return nil, err
	}
	now, live := next, len(old.Files) == 0
	how := upgrade.Upgrade{Release: release.Name, Namespace: release.Namespace, Chart: fresh.Place, Files: fresh.Files, Settings: settings(fresh.Inputs), Cluster: cluster.Named()}
	if !live && old.Chart != nil {
		if now, err = old.open(helm); err != nil {
			return nil, err
		}
		how.OldChart = old.Place
	}
	to, after, err := next.objects(fresh.Inputs, release)
	if err != nil || after == nil {
		return errorsOf(to), err
	}
	store := to.Stores[0]
	how.Expands, how.Is, how.Below = store.expands(), store.places(), store.below()
	how.Try = func(further []upgrade.Setting) (upgrade.Objects, bool) {
		_, made, err := next.objects(with(fresh.Inputs, further), release)
		return made, err == nil && made != nil
	}
	var before upgrade.Objects
	var was *Store
	if live {
		how.Mounted = store.mounted
		if before, err = deployed(ctx, cluster, next, after, release, &how); err != nil {
			return nil, err
		}
	} else {
		var from *Result
		if from, before, err = now.objects(old.Inputs, release); err != nil || before == nil {
			found := errorsOf(from)
			for i := range found {
				// The new side's chart may take the same file.
				if now != next {
					found[i].Message += " So says the chart of the old side, " + old.Place + "."
				}
			}
			return found, err
		}
		was = from.Stores[0]
		below := was.below()
		how.Was, how.WasBelow = was.places(), &below
	}
	changes, err := upgrade.Compare(before, after, how)
	if err != nil {
		return nil, err
	}
	out := make([]Finding, 0, len(changes))
	for _, change := range changes {
		out = append(out, store.changed(change, was))
	}
	return report.Join(out), nil
}

// changed is a change at the key that caused it: of those that may have, the first whose value is another than it was, or the
// first that the user wrote.
func (s *Store) changed(change upgrade.Change, old *Store) Finding {
	backend, _ := s.Merged["backend"].(string)
	var paths []values.Path
	for _, key := range change.Values {
		paths = append(paths, values.ParsePath(strings.ReplaceAll(key, "{backend}", backend)))
	}
	path := paths[0]
	if i := slices.IndexFunc(paths, func(p values.Path) bool { _, ok := s.values.Written(p); return ok }); i >= 0 {
		path = paths[i]
	}
	if old != nil {
		for _, each := range paths {
			if other := values.Other(old.Merged, s.Merged, each); other != nil {
				path, paths = other, []values.Path{other}
				break
			}
		}
	}
	f := Finding{Rule: change.Rule, Severity: change.Severity, Message: change.Message, Hint: change.Recipe, Group: change.Kind}
	return s.locate(f, path, s.values.Where(false, paths...))
}

// expands says that the values let the class of a store expand.
func (s *Store) expands() bool {
	class, _ := s.Merged["storageClass"].(map[string]any)
	expands, _ := class["allowVolumeExpansion"].(bool)
	return expands
}

// settings are the options by which Helm is given the same values, in the order in which it applies them.
func settings(in Inputs) (out []upgrade.Setting) {
	for _, kind := range []struct {
		kind  string
		texts []string
	}{{"json", in.SetJSON}, {"", in.Set}, {"string", in.SetString}, {"file", in.SetFile}, {"literal", in.SetLiteral}} {
		for _, text := range kind.texts {
			out = append(out, upgrade.Setting{Kind: kind.kind, Text: text})
		}
	}
	return out
}

// with adds settings of a recipe to the inputs.
func with(in Inputs, further []upgrade.Setting) Inputs {
	for _, set := range further {
		if set.Kind == "string" {
			in.SetString = append(slices.Clone(in.SetString), set.Text)
		} else {
			in.Set = append(slices.Clone(in.Set), set.Text)
		}
	}
	return in
}

// places are what the values say of the storage of each volume, by its name.
func (s *Store) places() map[string]upgrade.Place {
	named, out := s.Names(), map[string]upgrade.Place{}
	for _, shard := range (footprint{shards: s.shards()}).ranks() {
		if storage, ok := s.definition.rules.Storage(s.Merged, named, shard); ok {
			out[named.Volume(shard)] = s.place(storage, s.definition.rules.Options(s.Merged, shard))
		}
	}
	return out
}

// mounted is what the values would say of the storage of a volume that is mounted with other options.
func (s *Store) mounted(volume string, options []string) (upgrade.Place, bool) {
	named := s.Names()
	for _, shard := range (footprint{shards: s.shards()}).ranks() {
		if named.Volume(shard) == volume {
			storage, ok := s.definition.rules.Mounted(s.Merged, named, shard, options)
			return s.place(storage, options), ok
		}
	}
	return upgrade.Place{}, false
}

func (s *Store) place(storage identity.Storage, options []string) upgrade.Place {
	backend, _ := s.Merged["backend"].(string)
	return upgrade.Place{Storage: storage, FreeHandle: s.definition.rules.FreeHandle(backend), Options: s.definition.rules.Leads(backend, options)}
}

// below is the directory of the claim that pods save to, "" for its root.
func (s *Store) below() string {
	prepare, _ := s.Merged["prepare"].(map[string]any)
	if enabled, _ := prepare["enabled"].(bool); !enabled {
		return ""
	}
	directory, _ := prepare["directory"].(string)
	return directory
}

// deployed are the objects of a live release; to the upgrade it adds what the cluster has of them and of what is to be, and the
// version of the release's chart where that is not the new one's.
func deployed(ctx context.Context, cluster Connection, next renderer, after upgrade.Objects, release Release, how *upgrade.Upgrade) (upgrade.Objects, error) {
	stored, err := cluster.Deployed(ctx, release.Name, release.Namespace)
	if err != nil {
		return nil, err
	}
	before, err := upgrade.Parse(stored.Manifest, release.Namespace)
	if err != nil {
		return nil, err
	}
	templates, err := next.chart.templates()
	if err != nil {
		return nil, err
	}
	if stored.ChartVersion != templates.Version() {
		how.OldVersion = stored.ChartVersion
	}
	client, err := cluster.Client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	how.Live, err = upgrade.Read(ctx, client, before, after, release.Name, release.Namespace)
	return before, cluster.Explain(err)
}

// renderer is a side's chart, opened, and where it is.
type renderer struct {
	chart *Chart
	place string
}

// open opens a side's chart, and names it where it cannot be read.
func (s Side) open(helm Helm) (renderer, error) {
	chart, err := Open(s.Chart, helm)
	if err == nil {
		_, err = chart.templates()
	}
	if err != nil {
		return renderer{}, fmt.Errorf("%s: %w", s.Place, err)
	}
	return renderer{chart, s.Place}, nil
}

// objects checks values, and returns the objects that they make; none where the values have errors.
func (r renderer) objects(in Inputs, release Release) (*Result, upgrade.Objects, error) {
	result, err := r.chart.Check(in, release)
	if err != nil || len(errorsOf(result)) > 0 {
		return result, nil, err
	}
	made, err := r.render(result.Stores[0])
	return result, made, err
}

// render returns the objects that a store without errors makes.
func (r renderer) render(s *Store) (upgrade.Objects, error) {
	templates, err := r.chart.templates()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.place, err)
	}
	backend, _ := s.Merged["backend"].(string)
	made, err := templates.RenderChecked(backend, s.values.Given, s.release.Name, s.release.Namespace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.place, err)
	}
	return made, nil
}

// errorsOf are the errors among what was found, if anything was.
func errorsOf(result *Result) []Finding {
	if result == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(result.Findings), func(f Finding) bool { return f.Severity != report.Error })
}
