package cli

import (
	"fmt"
	"io"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/amend"
	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/spf13/cobra"
)

// fix makes the fixes that are proven in the files themselves, and says what it changed. It returns the release to check
// then: the standard input has been read.
func fix(command *cobra.Command, chart *check.Chart, in check.Inputs, overlays []check.Overlay, release check.Release) (check.Release, error) {
	fixer, err := chart.NewFixer(in, overlays, release)
	if err != nil {
		return release, err
	}
	var findings []check.Finding
	if len(overlays) > 0 {
		fleet, err := check.Each(in, overlays, fixer.Release().Stdin, func(int) {})
		if err != nil {
			return release, err
		}
		findings = fleet.Findings
	} else {
		result, err := chart.Check(in, fixer.Release())
		if err != nil {
			return release, err
		}
		findings = result.Findings
	}
	changes, err := fixer.Mend(findings)
	if err != nil {
		return release, err
	}
	return fixer.Release(), writeFixes(command.ErrOrStderr(), changes)
}

// writeFixes writes each file once, and shows what has changed in it.
func writeFixes(out io.Writer, changes []check.Change) error {
	var names []string
	first, last := map[string][]byte{}, map[string][]byte{}
	for _, c := range changes {
		if _, seen := first[c.File]; !seen {
			names, first[c.File] = append(names, c.File), c.Before
		}
		last[c.File] = c.After
	}
	for _, name := range names {
		if err := amend.Write(name, first[name], last[name]); err != nil {
			return err
		}
		for _, c := range changes {
			if c.File == name {
				show(out, c)
			}
		}
	}
	return nil
}

func show(out io.Writer, c check.Change) {
	line, before, after := c.Lines()
	fmt.Fprintf(out, "%s:%d: fixed %s\n", plain.Line(c.File), line, plain.Line(c.Finding.Rule+": "+c.Finding.Text()))
	for _, text := range before {
		fmt.Fprintf(out, "  - %s\n", plain.Line(text))
	}
	for _, text := range after {
		fmt.Fprintf(out, "  + %s\n", plain.Line(text))
	}
}
