// Package rules judges values as the chart's templates do, with the rules that stand in the chart.
package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Locate adds to a finding where it is: at the path, or, where the path was not written, at the first of those that the rule
// read.
type Locate func(f report.Finding, path string, read []string) report.Finding

// RuleSet is a chart's rules, compiled once and safe to judge with from several goroutines.
type RuleSet struct {
	rules    map[string]catalog.Rule
	cases    []*compiledCase
	defaults []defaultKey
	source   Source

	mutex    sync.RWMutex
	backends map[string]*backend
}

// compiledCase is a case with its condition compiled.
type compiledCase struct {
	catalog.Case
	when *condition
}

// backend is one backend as the rules see it.
type backend struct {
	catalog.Facts
	// facts are the same as conditions look them up.
	facts map[string]any
	cases []*compiledCase
	// topology has the node label that a key of the section is a value of, or the labels that each value stands for.
	topology map[string]any
	// options has the mount option that a key of the section stands for.
	options map[string]any
	// semantics is the condition under which what it says of its file system holds; nil where it always does.
	semantics *condition
	// readOnly are the options by which its volumes are mounted read-only.
	readOnly []readOnlyOption
}

// Source reads what the rules ask of a chart when values first name it.
type Source struct {
	// Facts reads what the chart knows of a backend; the error is fs.ErrNotExist when there is none of the name.
	Facts func(backend string) (catalog.Facts, error)
	// Delivery is what storage may say to what delivers the release.
	Delivery catalog.Delivery
	// Frameworks reads what each framework needs.
	Frameworks func() (catalog.Frameworks, error)
}

// defaultKey is a key that the chart has by default, with those below it.
type defaultKey struct {
	key   string
	value any
	below []defaultKey
}

// New compiles a chart's rules. The defaults are the chart's own values.
func New(rules map[string]catalog.Rule, defaults map[string]any, source Source) (*RuleSet, error) {
	r := &RuleSet{rules: rules, defaults: defaultKeys(defaults), source: source, backends: map[string]*backend{}}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		for _, name := range slices.Sorted(maps.Keys(rules[id].Cases)) {
			c := rules[id].Cases[name]
			c.Rule = id
			if err := appendCase(&r.cases, c); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// appendCase compiles a case that has a condition.
func appendCase(to *[]*compiledCase, c catalog.Case) error {
	if c.When == nil {
		return nil
	}
	when, err := compile(c.When)
	if err != nil {
		return err
	}
	if err := checkPatterns(c.When, c.Each); err != nil {
		return err
	}
	*to = append(*to, &compiledCase{c, when})
	return nil
}

func defaultKeys(defaults map[string]any) []defaultKey {
	var out []defaultKey
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		below, _ := defaults[key].(map[string]any)
		out = append(out, defaultKey{key, defaults[key], defaultKeys(below)})
	}
	return out
}

// backend finds a backend, and reads it the first time; nil when there is none.
func (r *RuleSet) backend(name string) (*backend, error) {
	r.mutex.RLock()
	known := r.backends[name]
	r.mutex.RUnlock()
	if known != nil || name == "" {
		return known, nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if known := r.backends[name]; known != nil {
		return known, nil
	}
	loaded, err := r.source.Facts(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := &backend{Facts: loaded}
	if out.facts, err = facts(loaded); err != nil {
		return nil, err
	}
	if when := loaded.SemanticsWhen; when != nil {
		if out.semantics, err = compile(when); err != nil {
			return nil, err
		}
	}
	for _, o := range loaded.ReadOnly.Options {
		option := readOnlyOption{option: o.Option}
		if o.When != nil {
			if option.when, err = compile(o.When); err != nil {
				return nil, err
			}
		}
		out.readOnly = append(out.readOnly, option)
	}
	mapping, _ := out.facts["mapping"].(map[string]any)
	out.topology, _ = mapping["topology"].(map[string]any)
	out.options, _ = mapping["mountOptions"].(map[string]any)
	for _, c := range loaded.Rules {
		if err := appendCase(&out.cases, c); err != nil {
			return nil, err
		}
	}
	r.backends[name] = out
	return out, nil
}

// Check returns what is wrong with values that fit the schema.
func (r *RuleSet) Check(values map[string]any, named names.Names, locate Locate) ([]report.Finding, error) {
	j := &judge{rules: r, values: values, names: named, locate: locate, seen: map[string]bool{}}
	j.removed("", r.defaults, values)
	name, _ := values["backend"].(string)
	// Without its defaults, or without a backend, there is nothing to judge the rest on.
	if len(j.findings) > 0 || name == "" {
		return j.findings, nil
	}
	var err error
	if j.backend, err = r.backend(name); err != nil {
		return nil, err
	}
	if j.backend == nil {
		// Without facts, there is nothing to judge but whether the backend is a retired one.
		j.cases(slices.DeleteFunc(slices.Clone(r.cases), func(c *compiledCase) bool { return c.Rule != catalog.RetiredRule }), &subject{values: values})
		return j.findings, nil
	}
	j.onlyMakers()
	for _, shard := range j.each() {
		s := j.subject(shard)
		j.cases(r.cases, s)
		j.cases(j.backend.cases, s)
		j.besideKeys(shard)
	}
	if values["provisioning"] != "existing" && !j.vague {
		j.shards()
		j.dataSources()
	}
	err = j.frameworks()
	return j.findings, err
}

// Finding words a case that code has decided. Where it is remains to be added.
func (r *RuleSet) Finding(rule, name string, args map[string]any) report.Finding {
	return r.finding(rule, name, &subject{roots: args})
}

func (r *RuleSet) finding(rule, name string, s *subject) report.Finding {
	c := r.rules[rule].Cases[name]
	c.Rule = rule
	return finding(c, s, each{})
}

// Alone says that a rule judges a release by its values and nothing else: neither by other releases, nor by options.
func (r *RuleSet) Alone(rule string) bool {
	is, known := r.rules[strings.ToUpper(rule)]
	for _, c := range is.Cases {
		if c.By != "" {
			return false
		}
	}
	return known
}

// removal is a fix that takes a key away, and leaves nothing to choose.
var removal = regexp.MustCompile(`^(?:remove ([\w.-]+)|leave ([\w.-]+) out)$`)

// finding fills in the words of a case.
func finding(c catalog.Case, s *subject, one each) report.Finding {
	f := report.Finding{Rule: c.Rule, Severity: cmp.Or(c.Severity, report.Error), Message: fill(c.Message, s, one), Hint: fill(c.Fix, s, one)}
	if words := removal.FindStringSubmatch(f.Hint); words != nil {
		f.Fix = &report.Fix{Edits: []values.Edit{{From: values.ParsePath(words[1] + words[2])}}}
	}
	return f
}

// pathOf is a path of the rules as one of the values: those of a section as those of the backend.
func (s *subject) pathOf(path []string) string {
	if path[0] == "section" {
		path = append([]string{fmt.Sprint(s.values["backend"])}, path[1:]...)
	}
	return strings.Join(path, ".")
}
