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
// side is the live release of the name. Values that are wrong by themselves are reported instead. place is where the chart is
// for who is to run Helm.
func Diff(ctx context.Context, chart fs.FS, place string, helm Helm, old, fresh Inputs, release Release, cluster Connection) ([]Finding, error) {
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
	after, err := renderer.Render(to.values.Given, release.Name, release.Namespace)
	if err != nil {
		return nil, err
	}
	how := upgrade.Upgrade{Release: release.Name, Namespace: release.Namespace, Chart: place, Files: fresh.Files, Set: fresh.Set}
	class, _ := to.Merged["storageClass"].(map[string]any)
	how.Expands, _ = class["allowVolumeExpansion"].(bool)
	var before upgrade.Objects
	if len(old.Files) == 0 {
		before, how.Live, err = deployed(ctx, cluster, after, release)
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
	changes, err := upgrade.Compare(before, after, how)
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

// deployed are the objects of a live release, and what the cluster has of them and of what is to be.
func deployed(ctx context.Context, cluster Connection, after upgrade.Objects, release Release) (upgrade.Objects, *upgrade.Live, error) {
	stored, err := cluster.Deployed(ctx, release.Name, release.Namespace)
	if err != nil {
		return nil, nil, err
	}
	before, err := upgrade.Parse(stored.Manifest, release.Namespace)
	if err != nil {
		return nil, nil, err
	}
	client, err := cluster.Client()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	found, err := upgrade.Read(ctx, client, before, after, release.Name, release.Namespace)
	return before, found, cluster.Explain(err)
}

func errorsOf(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Severity != report.Error })
}
