package check

import (
	"context"
	"io/fs"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Connection says which cluster to ask for a live release.
type Connection = live.Cluster

// Diff says whether Kubernetes and Helm take an upgrade, and whether the data stays reachable. Without old files the old
// side is the live release of the name. Values that are wrong by themselves are reported instead.
func Diff(ctx context.Context, chart fs.FS, helm Helm, old, fresh Inputs, release Release, cluster Connection) ([]Finding, error) {
	c, err := Open(chart, helm)
	if err != nil {
		return nil, err
	}
	renderer, err := upgrade.Load(chart)
	if err != nil {
		return nil, err
	}
	to, err := c.Check(fresh, release)
	if err != nil {
		return nil, err
	}
	if errors := errorsOf(to.Findings); len(errors) > 0 {
		return errors, nil
	}
	var before upgrade.Objects
	if len(old.Files) == 0 {
		var deployed *live.Release
		if deployed, err = cluster.Deployed(ctx, release.Name, release.Namespace); err != nil {
			return nil, err
		}
		before, err = upgrade.Parse(deployed.Manifest)
	} else {
		var from *Result
		if from, err = c.Check(old, release); err != nil {
			return nil, err
		}
		if errors := errorsOf(from.Findings); len(errors) > 0 {
			return errors, nil
		}
		before, err = renderer.Render(from.values.Given, release.Name, release.Namespace)
	}
	if err != nil {
		return nil, err
	}
	after, err := renderer.Render(to.values.Given, release.Name, release.Namespace)
	if err != nil {
		return nil, err
	}
	changes, err := upgrade.Compare(before, after, release.Name, release.Namespace)
	if err != nil {
		return nil, err
	}
	var out []Finding
	backend, _ := to.Merged["backend"].(string)
	for _, change := range changes {
		var paths []values.Path
		for _, key := range change.Values {
			paths = append(paths, values.ParsePath(strings.ReplaceAll(key, "{backend}", backend)))
		}
		path := paths[0]
		if i := slices.IndexFunc(paths, func(p values.Path) bool { _, ok := to.values.Written(p); return ok }); i >= 0 {
			path = paths[i]
		}
		f := to.finding(change.Rule, change.Severity, path, to.values.Where(false, paths...), change.Message, "")
		f.Hint = change.Recipe
		out = append(out, f)
	}
	return report.Join(out), nil
}

func errorsOf(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Severity != report.Error })
}
