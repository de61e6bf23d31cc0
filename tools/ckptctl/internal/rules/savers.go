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
	declared := items(j.values["savers"])
	if len(declared) == 0 || j.backend.semantics != nil && !j.backend.semantics.holds(j.subject(-1), nil) {
		return nil
	}
	known, err := j.book.chart.Savers()
	if err != nil {
		return err
	}
	var names []string
	for _, name := range declared {
		names = append(names, fmt.Sprint(name))
	}
	sort.Strings(names)
	for _, name := range names {
		_, missing := known.Serves(j.backend.Backend, name)
		var titles []string
		for _, o := range missing {
			titles = append(titles, o.Title)
		}
		if len(titles) > 0 {
			j.report("E22", "missing", "savers", map[string]any{
				"saver": name, "operations": strings.Join(titles, ", "), "instead": known.Savers[name].Instead,
			})
		}
	}
	return nil
}
