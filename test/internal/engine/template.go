package engine

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"

	"checkpoint-storage/test/internal/charts"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli/values"
	helm "helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// files are those of the chart, read once.
var files = sync.OnceValues(func() ([]*loader.BufferedFile, error) {
	read, err := loader.LoadDir(charts.Chart())
	if err != nil {
		return nil, err
	}
	out := make([]*loader.BufferedFile, len(read.Raw))
	for i, file := range read.Raw {
		out[i] = &loader.BufferedFile{Name: file.Name, Data: file.Data}
	}
	return out, nil
})

// compiled is the chart's schema, which Helm compiles anew for each set of values.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	read, err := loader.LoadDir(charts.Chart())
	if err != nil {
		return nil, err
	}
	_, schema, err := compile(read.Schema)
	return schema, err
})

// source is the line that Helm puts above what a template renders, with the template's name.
var source = regexp.MustCompile(`(?m)^# Source: [^/]+/(.+)$`)

// Template returns what `helm template` prints of the chart: all of it, or what comes from the templates that are named.
func Template(given values.Options, release, namespace string, templates ...string) (string, error) {
	raw, err := files()
	if err != nil {
		return "", err
	}
	schema, err := compiled()
	if err != nil {
		return "", err
	}
	chart, err := loader.LoadFiles(raw)
	if err != nil {
		return "", err
	}
	merged, err := given.MergeValues(nil)
	if err != nil {
		return "", err
	}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(chart, merged, options, chartutil.DefaultCapabilities, true)
	if err != nil {
		return "", err
	}
	if err := schema.Validate(map[string]any(top["Values"].(chartutil.Values))); err != nil {
		return "", err
	}
	rendered, err := helm.Engine{}.Render(chart, top)
	if err != nil {
		return "", err
	}
	maps.DeleteFunc(rendered, func(name, _ string) bool { return strings.HasSuffix(name, "NOTES.txt") })
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, m := range manifests {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", m.Name, m.Content)
	}
	for _, hook := range hooks {
		fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", hook.Path, hook.Manifest)
	}
	if len(templates) == 0 {
		return strings.TrimSuffix(out.String(), "\n"), nil
	}
	return only(out.String(), templates)
}

// only picks the documents of the templates, in the order in which those are named.
func only(manifest string, templates []string) (string, error) {
	var out strings.Builder
	for _, template := range templates {
		missing := true
		for _, document := range strings.Split("\n"+manifest, "\n---\n") {
			if from := source.FindStringSubmatch(document); from != nil && from[1] == template {
				missing = false
				fmt.Fprintf(&out, "---\n%s\n", strings.TrimSpace(document))
			}
		}
		if missing {
			return "", fmt.Errorf("could not find template %s in chart", template)
		}
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
