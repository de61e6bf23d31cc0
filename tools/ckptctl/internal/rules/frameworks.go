package rules

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// frameworks looks for what a declared framework needs and the backend is known not to have. What is unknown is left to
// `helm test`, which tries it.
func (j *judge) frameworks() error {
	// Of an existing claim, the backend says nothing; and a raw device is another mistake.
	if j.values["provisioning"] == "existing" || j.values["volumeMode"] == "Block" {
		return nil
	}
	declared := items(j.values["frameworks"])
	if len(declared) == 0 || j.backend.semantics != nil && !j.backend.semantics.holds(j.subject(-1), each{}) {
		return nil
	}
	known, err := j.rules.source.Frameworks()
	if err != nil {
		return err
	}
	var names []string
	for _, name := range declared {
		names = append(names, fmt.Sprint(name))
	}
	sort.Strings(names)
	needed := j.backend.MountOptionsNeeded
	options, _ := j.mountOptions(j.sectionOf(-1))
	does, takes := known.Filesystems[j.backend.SemanticsLike].Complete(j.backend.Semantics, j.backend.OptionsTake)
	for _, name := range names {
		_, missing := known.Judge(does, j.backend.SemanticsErrors, name)
		var titles []string
		for _, o := range missing {
			titles = append(titles, o.Title)
		}
		if len(titles) > 0 {
			j.report("E22", "missing", "frameworks", map[string]any{
				"framework": name, "operations": strings.Join(titles, ", "), "alternative": known.Frameworks[name].Alternative,
			})
		}
		for _, option := range slices.Sorted(maps.Keys(takes)) {
			for _, o := range known.Needed(name) {
				if slices.Contains(takes[option], o.Name) && slices.Contains(options, any(option)) {
					j.report("E22", "taken", "mountOptions", map[string]any{"framework": name, "operation": o.Title, "option": option})
				}
			}
		}
		for _, option := range slices.Sorted(maps.Keys(needed)) {
			for _, o := range known.Needed(name) {
				if o.Name == needed[option].Operation && options != nil && !slices.Contains(options, any(option)) {
					j.report("E22", "option", "mountOptions", map[string]any{"framework": name, "operation": o.Title, "option": option})
				}
			}
		}
	}
	return nil
}
