package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"checkpoint-storage/tools/ckptctl/internal/plain"
)

// Report is everything that a run found.
type Report struct {
	// Findings are sorted by where they are.
	Findings []Finding
	// Clusters are the overlays of a fleet; nil when one release was checked.
	Clusters []Cluster
	// Closing is the line that is printed when nothing was found; with clusters, the line that sums them up.
	Closing string
	// Version is the tool's own.
	Version string
	// Color says that the text may have colours.
	Color bool
}

// Cluster is what was found in one overlay.
type Cluster struct {
	// Name is the overlay's, without its folder and its extension where that is unambiguous.
	Name string `json:"name"`
	// File is the overlay.
	File string `json:"file"`
	// Errors and Warnings count the findings.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	// Summary says what the values would make; "" when they cannot be read.
	Summary string `json:"summary"`
	// Unreadable says why Helm would not read the overlay.
	Unreadable string `json:"unreadable,omitempty"`
	// Change is what became of the overlay between two states: changed, new or gone; "" where its values are what they were.
	Change string `json:"change,omitempty"`
	// Effects are what the change would do: refused, lost, renamed.
	Effects []string `json:"effects,omitempty"`
	// Note says why the overlay was not compared.
	Note string `json:"note,omitempty"`
}

// Affect adds an effect, once.
func (c *Cluster) Affect(effect string) {
	if effect != "" && !slices.Contains(c.Effects, effect) {
		c.Effects = append(c.Effects, effect)
		slices.Sort(c.Effects)
	}
}

// formats are the writers by name.
var formats = map[string]func(io.Writer, Report) error{
	"text": writeText, "json": writeJSON, "github": writeGitHub, "sarif": writeSARIF, "junit": writeJUnit,
}

// Formats are the names of all formats.
func Formats() []string { return []string{"text", "json", "github", "sarif", "junit"} }

// Write writes a report in a format; it is an error when there is no such format.
func Write(out io.Writer, format string, r Report) error {
	write := formats[format]
	if write == nil {
		return fmt.Errorf("-o %s: it is one of %s", format, strings.Join(Formats(), ", "))
	}
	return write(out, r.shown())
}

// shown is the report with nothing in it that a terminal or a CI runner would obey: findings quote keys, values and names of
// files, and what the libraries say of them. Only hints have several lines.
func (r Report) shown() Report {
	findings := make([]Finding, 0, len(r.Findings))
	var at cursor
	for _, f := range r.Findings {
		source, before := at.excerpt(f.Source, f.Column)
		f.indent = plain.Line(before)
		f.Rule, f.Severity, f.Release, f.Clusters = plain.Line(f.Rule), plain.Line(f.Severity), plain.Line(f.Release), plain.Lines(f.Clusters)
		f.File, f.Path, f.Message, f.Hint, f.Source = plain.Line(f.File), plain.Line(f.Path), plain.Line(f.Message), plain.Text(f.Hint), plain.Line(source)
		because := make([]Because, 0, len(f.Because))
		for _, b := range f.Because {
			because = append(because, Because{plain.Line(b.Path), plain.Line(b.Value), plain.Line(b.File), b.Line})
		}
		f.Because = because
		findings = append(findings, f)
	}
	r.Findings = findings
	var clusters []Cluster
	if r.Clusters != nil {
		clusters = make([]Cluster, 0, len(r.Clusters))
	}
	for _, c := range r.Clusters {
		c.Name, c.File, c.Summary, c.Unreadable = plain.Line(c.Name), plain.Line(c.File), plain.Line(c.Summary), plain.Line(c.Unreadable)
		c.Change, c.Effects, c.Note = plain.Line(c.Change), plain.Lines(c.Effects), plain.Line(c.Note)
		clusters = append(clusters, c)
	}
	r.Clusters, r.Closing, r.Version = clusters, plain.Text(r.Closing), plain.Line(r.Version)
	if clusters != nil {
		r.Closing = plain.Line(r.Closing)
	}
	return r
}

// Known says whether there is a format of the name.
func Known(format string) bool { return slices.Contains(Formats(), format) }

// document is what the format json prints; testdata/report.schema.json describes it.
type document struct {
	Findings []Finding `json:"findings"`
	Clusters []Cluster `json:"clusters,omitempty"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
}

func writeJSON(out io.Writer, r Report) error {
	errors, warnings := Count(r.Findings)
	return encode(out, document{r.Findings, r.Clusters, errors, warnings})
}

func encode(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// palette has the escapes of a terminal's colours, or nothing.
type palette struct{ red, yellow, blue, bold, off string }

func colors(on bool) palette {
	if !on {
		return palette{}
	}
	return palette{red: plain.Red, yellow: plain.Yellow, blue: plain.Blue, bold: plain.Bold, off: plain.Off}
}

// writeText prints each finding with the line that it is about and what to do, and a closing line.
func writeText(out io.Writer, r Report) error {
	var text strings.Builder
	p := colors(r.Color)
	for _, f := range merged(r.Findings) {
		color := p.red
		if f.Severity != Error {
			color = p.yellow
		}
		fmt.Fprintf(&text, "%s%s%s: %s%s%s %s: %s\n", p.bold, f.Place(), p.off, color, f.Severity, p.off, f.Rule, f.Text())
		if f.Source != "" {
			fmt.Fprintf(&text, "%s%6d | %s%s\n", p.blue, f.Line, p.off, f.Source)
			if f.Column > 0 {
				fmt.Fprintf(&text, "%s       | %s%s%s^%s\n", p.blue, p.off, strings.Repeat(" ", utf8.RuneCountInString(f.indent)), color, p.off)
			}
		}
		if reasons := f.Reasons(); reasons != "" {
			fmt.Fprintf(&text, "  because %s\n", reasons)
		}
		if len(f.Clusters) > 0 && r.Clusters != nil {
			fmt.Fprintf(&text, "  in: %s\n", Few(f.Clusters))
		}
		if len(f.also) > 0 {
			fmt.Fprintf(&text, "  also: %s\n", Few(f.also))
		}
		if f.Hint != "" {
			fmt.Fprintf(&text, "  %sfix:%s %s\n", p.bold, p.off, strings.ReplaceAll(f.Hint, "\n", "\n  "))
		}
		fmt.Fprintln(&text)
	}
	errors, warnings := Count(r.Findings)
	switch {
	case r.Clusters != nil && r.Closing != "":
		notes(&text, r.Clusters)
		fmt.Fprintln(&text, r.Closing)
	case r.Clusters != nil:
		summarise(&text, r.Clusters)
	case errors+warnings == 0:
		fmt.Fprintln(&text, r.Closing)
	default:
		fmt.Fprintf(&text, "%s, %s\n", plural(errors, "error"), plural(warnings, "warning"))
	}
	_, err := io.WriteString(out, plain.Inert(text.String()))
	return err
}

// notes prints what could not be read or compared.
func notes(out io.Writer, clusters []Cluster) {
	for _, c := range clusters {
		switch {
		case c.Unreadable != "":
			fmt.Fprintf(out, "%s  cannot be read: %s\n", c.Name, c.Unreadable)
		case c.Note != "":
			fmt.Fprintf(out, "%s  %s\n", c.Name, c.Note)
		}
	}
}

// summarise prints a line for each cluster that has something, and one for all.
func summarise(out io.Writer, clusters []Cluster) {
	width, bad, unreadable := 0, 0, 0
	for _, c := range clusters {
		if c.Errors+c.Warnings > 0 {
			width = max(width, len(c.Name))
		}
	}
	for _, c := range clusters {
		switch {
		case c.Unreadable != "":
			unreadable++
			fmt.Fprintf(out, "%-*s  cannot be read: %s\n", width, c.Name, c.Unreadable)
		case c.Errors+c.Warnings > 0:
			fmt.Fprintf(out, "%-*s  %s, %s\n", width, c.Name, plural(c.Errors, "error"), plural(c.Warnings, "warning"))
		}
		if c.Errors > 0 && c.Unreadable == "" {
			bad++
		}
	}
	fmt.Fprintf(out, "%s: %d without errors, %d with, %d that cannot be read\n",
		plural(len(clusters), "cluster"), len(clusters)-bad-unreadable, bad, unreadable)
}

// Few lists the first names and counts the rest.
func Few(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
