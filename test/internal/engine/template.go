package engine

import (
	"fmt"
	"regexp"
	"strings"

	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// source is the line that Helm puts above what a template renders, with the template's name.
var source = regexp.MustCompile(`(?m)^# Source: [^/]+/(.+)$`)

// Template returns what `helm template` prints of the chart: all of it, or what comes from the templates that are named.
func Template(given values.Options, release, namespace string, templates ...string) (string, error) {
	chart, err := load()
	if err != nil {
		return "", err
	}
	merged, err := given.MergeValues(nil)
	if err != nil {
		return "", err
	}
	rendered, err := chart.rendered(merged, release, namespace)
	if err != nil {
		return "", err
	}
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
