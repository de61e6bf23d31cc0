// Package rules judges values as the chart's templates do, with the rules that stand in the chart.
package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/names"
)

// Finding is a rule that the values break.
type Finding struct {
	Rule, Severity, Path, Message, Fix string
	// Because are the paths that the rule judged: where to look when nobody wrote Path itself.
	Because []string
}

// Book is a chart's rules, compiled once and safe to judge with from several goroutines.
type Book struct {
	rules    map[string]catalog.Rule
	cases    []*item
	defaults []standard
	chart    Chart
	refused  []refusedAnnotation

	mutex    sync.RWMutex
	backends map[string]*backend
}

// item is a case with its condition compiled.
type item struct {
	catalog.Case
	when *condition
	each [][]string
}

// backend is one backend as the rules see it.
type backend struct {
	catalog.Backend
	defaults map[string]any
	facts    map[string]any
	cases    []*item
	// topology has the node label that a key of the section is a value of, or the labels that each value stands for.
	topology map[string]any
	// options has the mount option that a key of the section stands for.
	options map[string]any
	// semantics is the condition under which what it says of its file system holds; nil where it always does.
	semantics *condition
	// readOnly are the options by which its volumes are mounted read-only.
	readOnly []readOnlyOption
}

// Chart reads what the rules ask of a chart when values first name it.
type Chart struct {
	// Backend reads a backend; the error is fs.ErrNotExist when there is none of the name.
	Backend func(name string) (catalog.Backend, error)
	// Retired are the names that look like backends and have an answer of their own.
	Retired map[string]catalog.Retired
	// Delivery is what storage may say to what delivers the release.
	Delivery catalog.Delivery
	// Savers reads what each saver needs.
	Savers func() (catalog.Savers, error)
}

// standard is a key that the chart has by default, with those below it.
type standard struct {
	key   string
	value any
	below []standard
}

// New compiles a chart's rules. The defaults are the chart's own values.
func New(rules map[string]catalog.Rule, defaults map[string]any, chart Chart) (*Book, error) {
	b := &Book{rules: rules, defaults: standards(defaults), chart: chart, backends: map[string]*backend{}}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		for _, name := range slices.Sorted(maps.Keys(rules[id].Cases)) {
			c := rules[id].Cases[name]
			c.Rule = id
			if err := appendCase(&b.cases, c); err != nil {
				return nil, err
			}
		}
	}
	var err error
	b.refused, err = compileRefused(chart.Delivery)
	return b, err
}

// appendCase compiles a case that has a condition.
func appendCase(to *[]*item, c catalog.Case) error {
	if c.When == nil {
		return nil
	}
	when, err := compile(*c.When)
	if err != nil {
		return err
	}
	i := &item{Case: c, when: when, each: [][]string{nil}}
	if len(c.Each) > 0 {
		i.each = nil
	}
	for _, path := range c.Each {
		i.each = append(i.each, strings.Split(path, "."))
	}
	*to = append(*to, i)
	return nil
}

func standards(defaults map[string]any) []standard {
	var out []standard
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		below, _ := defaults[key].(map[string]any)
		out = append(out, standard{key, defaults[key], standards(below)})
	}
	return out
}

// backend finds a backend, and reads it the first time; nil when there is none.
func (b *Book) backend(name string) (*backend, error) {
	b.mutex.RLock()
	known := b.backends[name]
	b.mutex.RUnlock()
	if known != nil || name == "" {
		return known, nil
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if known := b.backends[name]; known != nil {
		return known, nil
	}
	loaded, err := b.chart.Backend(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := &backend{Backend: loaded, defaults: loaded.Defaults()}
	if out.facts, err = facts(loaded); err != nil {
		return nil, err
	}
	if when := loaded.Capabilities.Semantics.When; when != nil {
		if out.semantics, err = compile(*when); err != nil {
			return nil, err
		}
	}
	for _, o := range loaded.Capabilities.ReadOnly.Options {
		option := readOnlyOption{option: o.Option}
		if o.When != nil {
			if option.when, err = compile(*o.When); err != nil {
				return nil, err
			}
		}
		out.readOnly = append(out.readOnly, option)
	}
	becomes, _ := out.facts["becomes"].(map[string]any)
	out.topology, _ = becomes["topology"].(map[string]any)
	out.options, _ = becomes["mountOptions"].(map[string]any)
	for _, c := range loaded.Rules {
		if err := appendCase(&out.cases, c); err != nil {
			return nil, err
		}
	}
	b.backends[name] = out
	return out, nil
}

// Check returns what is wrong with values that fit the schema.
func (b *Book) Check(values map[string]any, named names.Names) ([]Finding, error) {
	j := &judge{book: b, values: values, names: named}
	j.removed("", b.defaults, values)
	name, _ := values["backend"].(string)
	// Without its defaults, or without a backend, there is nothing to judge the rest on.
	if len(j.findings) > 0 || name == "" {
		return j.findings, nil
	}
	var err error
	if j.backend, err = b.backend(name); err != nil {
		return nil, err
	}
	if j.backend == nil {
		if old, ok := b.chart.Retired[name]; ok {
			j.report("E21", "retired", "backend", map[string]any{"why": old.Why, "use": old.Use, "how": old.How})
		}
		return j.findings, nil
	}
	j.conditions()
	if values["provisioning"] != "existing" {
		j.required()
		forward := j.backsteps()
		j.accessModes()
		if forward {
			j.shards()
		}
		j.dataSources()
		j.delivery()
	}
	j.unnumbered()
	err = j.savers()
	return j.findings, err
}

// Words fills in the words of a case that code has decided.
func (b *Book) Words(rule, name string, args map[string]any) (severity, message, fix string) {
	c := b.rules[rule].Cases[name]
	s := &subject{args: args}
	if severity = c.Severity; severity == "" {
		severity = "error"
	}
	return severity, fill(c.Message, s, nil), fill(c.Fix, s, nil)
}

func finding(c catalog.Case, s *subject, when *condition, each []string) Finding {
	f := Finding{Rule: c.Rule, Severity: c.Severity, Path: c.Path, Message: fill(c.Message, s, each), Fix: fill(c.Fix, s, each)}
	if f.Severity == "" {
		f.Severity = "error"
	}
	if f.Path = strings.ReplaceAll(f.Path, eachWord, strings.Join(each, ".")); strings.HasPrefix(f.Path, "section.") {
		f.Path = fmt.Sprint(s.values["backend"]) + strings.TrimPrefix(f.Path, "section")
	}
	if when != nil {
		for _, path := range when.paths() {
			if text := strings.Join(along(path, each), "."); !slices.Contains(f.Because, text) {
				f.Because = append(f.Because, text)
			}
		}
	}
	return f
}
