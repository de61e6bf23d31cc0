// Package report holds what a check finds and prints it.
package report

import (
	"cmp"
	"slices"
)

// The severities of a finding.
const (
	Error   = "error"
	Warning = "warning"
)

// Finding is one mistake, with where it was made and what to do.
type Finding struct {
	// Rule is the rule's id, see `ckptctl explain`; schema/… and yaml/… are what the schema and the reader find.
	Rule string `json:"rule"`
	// Severity is Error or Warning.
	Severity string `json:"severity"`
	// Release is the release whose values these are.
	Release string `json:"release,omitempty"`
	// File is the values file, or the command-line option, that set the value last.
	File string `json:"file"`
	// Line and Column count from 1; 0 where the value is not from a file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is the value's key, with dots.
	Path string `json:"path"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Hint says what to do, ready to paste where it can be.
	Hint string `json:"hint"`

	// Source is the line of the file, for a text that shows it.
	Source string `json:"-"`
}

// Sort orders findings by where they are, errors first where two are at one place.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Message, b.Message))
	})
}

// Count returns the number of errors and of warnings.
func Count(findings []Finding) (errors, warnings int) {
	for _, f := range findings {
		if f.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}
