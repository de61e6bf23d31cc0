// Package check judges the values of a checkpoint store: how Helm reads them, what the schema allows, and what the
// backend can do.
package check

import (
	"fmt"
	"io/fs"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"helm.sh/helm/v3/pkg/chart"
)

// Inputs are the command line's, in Helm's own terms.
type Inputs = values.Inputs

// Finding is one mistake, with where it was made and what to do.
type Finding = report.Finding

// Chart is the chart with everything that a check needs of it.
type Chart struct {
	// Book is the chart's rules and backends.
	Book rules.Book

	chart  *chart.Chart
	schema *schema.Schema
}

// Result is what a check found.
type Result struct {
	// Findings are sorted by where they are.
	Findings []Finding
	// Merged are the values that Helm would give to the templates.
	Merged map[string]any

	values  *values.Values
	release string
}

// Load reads a chart's folder.
func Load(from fs.FS) (*Chart, error) {
	c := &Chart{}
	var err error
	if c.chart, err = values.LoadChart(from); err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	if c.schema, err = schema.Compile(c.chart.Schema); err != nil {
		return nil, fmt.Errorf("the chart's values.schema.json: %w", err)
	}
	if c.Book.Backends, err = catalog.Load(from); err != nil {
		return nil, fmt.Errorf("the chart's backends: %w", err)
	}
	if c.Book.Rules, err = catalog.LoadRules(from); err != nil {
		return nil, fmt.Errorf("the chart's rules: %w", err)
	}
	if c.Book.Savers, err = catalog.LoadSavers(from); err != nil {
		return nil, fmt.Errorf("the chart's savers: %w", err)
	}
	if c.Book.Retired, err = catalog.LoadRetired(from); err != nil {
		return nil, fmt.Errorf("the chart's retired names: %w", err)
	}
	c.Book.Defaults = c.chart.Values
	return c, nil
}

// Check reads the inputs as Helm would for a release of the name and judges them. The error is a *values.InputError when
// an input cannot be read.
func (c *Chart) Check(in Inputs, release string) (*Result, error) {
	read, err := values.Read(c.chart, in)
	if err != nil {
		return nil, err
	}
	result := &Result{Merged: read.Merged, values: read, release: release}
	for _, file := range read.Files() {
		for _, odd := range file.Oddities {
			result.add("yaml/"+odd.Rule, report.Warning, odd.Path, odd.At, odd.Message, odd.Hint)
		}
	}
	mistakes := c.schema.Validate(read.Merged, read.Given)
	for _, m := range mistakes {
		at := read.Where(m.Key || m.Kind == "missing-key", m.At)
		result.add("schema/"+m.Kind, report.Error, m.Path, at, m.Message, wordHint(m, at))
	}
	// The rules can be relied on only where the values have the shape that the schema gives them.
	if len(mistakes) == 0 {
		broken, err := c.Book.Check(read.Merged, release)
		if err != nil {
			return nil, err
		}
		for _, b := range broken {
			paths := []values.Path{values.ParsePath(b.Path)}
			for _, because := range b.Because {
				paths = append(paths, values.ParsePath(because))
			}
			result.add(b.Rule, b.Severity, paths[0], read.Where(false, paths...), b.Message, b.Fix)
		}
	}
	report.Sort(result.Findings)
	return result, nil
}

func (r *Result) add(rule, severity string, path values.Path, at values.Position, message, hint string) {
	r.Findings = append(r.Findings, Finding{
		Rule: rule, Severity: severity, Release: r.release, File: at.File, Line: at.Line, Column: at.Column,
		Path: path.String(), Message: message, Hint: hint, Source: r.values.Source(at.File, at.Line),
	})
}

// wordHint knows the words that Helm's YAML takes for booleans though nobody meant one.
func wordHint(m schema.Mistake, at values.Position) string {
	switch strings.ToLower(at.Text) {
	case "yes", "no", "on", "off", "y", "n":
		if m.Kind == "type" && !at.Quoted {
			return fmt.Sprintf("YAML reads the word %s as a boolean; put it in quotes: %q", at.Text, at.Text)
		}
	}
	return m.Hint
}

// Summary says in a line what the values would make.
func (r *Result) Summary() string {
	modes, _ := r.Merged["accessModes"].([]any)
	words := make([]string, 0, len(modes))
	for _, mode := range modes {
		words = append(words, fmt.Sprint(mode))
	}
	return fmt.Sprintf("%s: backend %v, %v, %v, %s", r.release, r.Merged["backend"], r.Merged["provisioning"], r.Merged["size"], strings.Join(words, " "))
}
