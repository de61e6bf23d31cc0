package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/ckptctl/check"
)

// explainFramework says what a framework needs and which backends have it.
func explainFramework(out io.Writer, name string, known check.Catalog) error {
	framework := known.Frameworks.Frameworks[name]
	fmt.Fprintf(out, "%s: %s\n\nneeds:\n", name, framework.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, o := range known.Frameworks.Needed(name) {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", o.Name, o.Title, framework.Needs[o.Name])
	}
	fmt.Fprintf(w, "\nwhole\ta checkpoint is whole when there is %s\n", strings.Join(framework.Published, ", "))
	if len(framework.Memory) > 0 {
		fmt.Fprintf(w, "\nmemory\ta whole checkpoint lies in %s of the node while it is saved\n", strings.Join(framework.Memory, " and "))
	}
	if len(framework.Modes) > 0 {
		fmt.Fprintf(w, "\nmodes\tits files have mode %s: only the user who saved can read them\n", strings.Join(framework.Modes, ", "))
	}
	measured := "with " + framework.Versions
	if framework.Unmeasured != "" {
		measured = "no: " + framework.Unmeasured
	}
	fmt.Fprintf(w, "\nwithout\t%s\nmeasured\t%s\nsource\t%s\n\nbackends:\n", framework.Alternative, measured, framework.Source)
	for _, b := range known.Backends {
		answer, missing := known.Frameworks.Serves(b, name)
		var titles []string
		for _, o := range missing {
			titles = append(titles, o.Title)
		}
		why := ""
		if len(titles) > 0 {
			why = "cannot " + strings.Join(titles, ", ")
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", b.Name, answer, why)
	}
	return w.Flush()
}
