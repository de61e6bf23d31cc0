// Package report holds what a check finds and prints it.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/values"
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
	// Clusters are the overlays that have the finding, where several were checked at once.
	Clusters []string `json:"clusters,omitempty"`
	// File is the values file, or the command-line option, that set the value last.
	File string `json:"file"`
	// Line and Column count from 1; 0 where the value is not from a file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is the value's key, with dots.
	Path string `json:"path"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Because are the other values that make it wrong.
	Because []Because `json:"because,omitempty"`
	// Hint says what to do, ready to paste where it can be.
	Hint string `json:"hint"`

	// Fix mends it, where there is one way to and nothing is taken for granted.
	Fix *Fix `json:"-"`
	// Group is the same for findings of several clusters that differ only in names and places; "" where each stands alone.
	Group string `json:"-"`
	// Source is the line of the file, for a text that shows it.
	Source string `json:"-"`
	// also are the places of other findings that are printed as this one.
	also []string
	// indent is what is shown of Source before Column.
	indent string
}

// Fix is what mends a finding, in the file that has it.
type Fix struct {
	// Edits are changes of what the file holds. Where one has a From and no Value, what stands there moves as it is.
	Edits []values.Edit
	// Comment says that the comment at the finding's place goes instead.
	Comment bool
}

// Because is a value that a finding rests on, and where it was set.
type Because struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"`
}

func (b Because) String() string {
	place := b.File
	if b.Line > 0 {
		place = fmt.Sprintf("%s:%d", b.File, b.Line)
	}
	return fmt.Sprintf("%s is %s (%s)", b.Path, b.Value, place)
}

// Place is where the finding is, as file:line:column.
func (f Finding) Place() string {
	place := f.File
	if f.Line > 0 {
		place += fmt.Sprintf(":%d", f.Line)
		if f.Column > 0 {
			place += fmt.Sprintf(":%d", f.Column)
		}
	}
	return place
}

// Text is the key and the message.
func (f Finding) Text() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// Reasons are the becauses in one line, or "".
func (f Finding) Reasons() string {
	words := make([]string, 0, len(f.Because))
	for _, b := range f.Because {
		words = append(words, b.String())
	}
	return strings.Join(words, " and ")
}

// Sort orders findings by where they are, errors first where two are at one place.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, compare)
}

func compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint))
}

// Join sorts findings and makes one of those that differ in nothing but the cluster: what a base file has wrong is wrong
// in every cluster, and is said once.
func Join(findings []Finding) []Finding {
	Sort(findings)
	var out []Finding
	for _, f := range findings {
		if last := len(out) - 1; last >= 0 && compare(out[last], f) == 0 {
			// Those of one cluster come one after the other.
			for _, cluster := range f.Clusters {
				if n := len(out[last].Clusters); n == 0 || out[last].Clusters[n-1] != cluster {
					out[last].Clusters = append(out[last].Clusters, cluster)
				}
			}
			continue
		}
		f.Clusters = slices.Clone(f.Clusters)
		out = append(out, f)
	}
	return out
}

// kind is what findings of one group have in common, whatever they are about.
type kind struct{ rule, severity, path, group string }

func (f Finding) kind() kind { return kind{f.Rule, f.Severity, f.Path, f.Group} }

// Alike joins findings as Join does, and those of one group at one place too: a line of a base file does the same to many
// clusters. Where a group is several clusters', its hints say which cluster's names they have.
func Alike(findings []Finding) []Finding {
	Sort(findings)
	clusters := map[kind]int{}
	for _, f := range findings {
		clusters[f.kind()] += len(f.Clusters)
	}
	type place struct {
		kind
		at string
	}
	seen := map[place]int{}
	var out, alone []Finding
	for _, f := range findings {
		if f.Group == "" {
			alone = append(alone, f)
			continue
		}
		here := place{f.kind(), f.Place()}
		if i, known := seen[here]; known {
			out[i].Clusters = append(out[i].Clusters, f.Clusters...)
			continue
		}
		seen[here] = len(out)
		f.Clusters = slices.Clone(f.Clusters)
		if clusters[f.kind()] > 1 && strings.Contains(f.Hint, "\n") {
			f.Hint = "for " + f.Clusters[0] + ": " + f.Hint
		}
		out = append(out, f)
	}
	out = append(out, Join(alone)...)
	Sort(out)
	return out
}

// merged are the findings with those of one group as one, which has the clusters and the places of all.
func merged(findings []Finding) []Finding {
	seen := map[kind]int{}
	var out []Finding
	for _, f := range findings {
		i, known := seen[f.kind()]
		if f.Group == "" || !known {
			seen[f.kind()] = len(out)
			out = append(out, f)
			continue
		}
		out[i].Clusters = slices.Concat(out[i].Clusters, f.Clusters)
		out[i].also = append(out[i].also, f.Place())
	}
	return out
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
