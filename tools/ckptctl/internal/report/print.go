package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// JSON prints {"findings": […], "errors": n, "warnings": n}.
func JSON(out io.Writer, findings []Finding) error {
	errors, warnings := Count(findings)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Findings []Finding `json:"findings"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
	}{append([]Finding{}, findings...), errors, warnings})
}

// Text prints each finding with the line that it is about and what to do, and a closing line.
func Text(out io.Writer, findings []Finding, closing string) {
	for _, f := range findings {
		place := f.File
		if f.Line > 0 {
			place += fmt.Sprintf(":%d", f.Line)
			if f.Column > 0 {
				place += fmt.Sprintf(":%d", f.Column)
			}
		}
		fmt.Fprintf(out, "%s: %s %s: %s\n", place, f.Severity, f.Rule, join(f.Path, f.Message))
		if f.Source != "" {
			fmt.Fprintf(out, "%6d | %s\n", f.Line, f.Source)
			if f.Column > 0 {
				fmt.Fprintf(out, "       | %s^\n", indent(f.Source, f.Column-1))
			}
		}
		if f.Hint != "" {
			fmt.Fprintf(out, "  fix: %s\n", f.Hint)
		}
		fmt.Fprintln(out)
	}
	errors, warnings := Count(findings)
	if errors+warnings == 0 {
		fmt.Fprintln(out, closing)
		return
	}
	fmt.Fprintf(out, "%s, %s\n", plural(errors, "error"), plural(warnings, "warning"))
}

func join(path, message string) string {
	if path == "" {
		return message
	}
	return path + ": " + message
}

// indent is as wide as the line's first columns, tabs and all.
func indent(line string, columns int) string {
	var out strings.Builder
	for i := 0; i < columns && line != ""; i++ {
		r, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		if r == '\t' {
			out.WriteByte('\t')
		} else {
			out.WriteByte(' ')
		}
	}
	return out.String()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
