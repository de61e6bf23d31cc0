package rules

import (
	"fmt"
	"sort"
	"strings"
)

// savers looks for what a declared saver needs and the backend is known not to have. What nobody knows is left to
// `helm test`, which tries it.
func (j *judge) savers() error {
	// Of a claim that is somebody else's, the backend says nothing; and a raw device is a mistake of its own.
	if j.values["provisioning"] == "existing" || j.values["volumeMode"] == "Block" {
		return nil
	}
	if when := j.backend.Capabilities.Semantics.When; when != nil {
		if ok, err := holds(*when, j.subject(-1), ""); !ok || err != nil {
			return err
		}
	}
	var names []string
	for _, name := range items(j.values["savers"]) {
		names = append(names, fmt.Sprint(name))
	}
	sort.Strings(names)
	for _, name := range names {
		_, missing := j.Savers.Serves(j.backend, name)
		var titles []string
		for _, o := range missing {
			titles = append(titles, o.Title)
		}
		if len(titles) > 0 {
			j.report("E22", "missing", "savers", map[string]any{
				"saver": name, "operations": strings.Join(titles, ", "), "instead": j.Savers.Savers[name].Instead,
			})
		}
	}
	return nil
}
