package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/ckptctl/check"
)

// explainSaver says what a saver needs and which backends have it.
func explainSaver(out io.Writer, name string, known check.Catalog) error {
	saver := known.Savers.Savers[name]
	fmt.Fprintf(out, "%s: %s\n\nneeds:\n", name, saver.Title)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, o := range known.Savers.Needed(name) {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", o.Name, o.Title, saver.Needs[o.Name])
	}
	fmt.Fprintf(w, "\nwithout\t%s\nsource\t%s\n\nbackends:\n", saver.Instead, saver.Source)
	for _, b := range known.Backends {
		answer, missing := known.Savers.Serves(b, name)
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
