package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/pattern"
)

// condition is a catalog.Condition, ready to judge many values.
type condition struct {
	entries []entry
	any     []*condition
}

// entry is a path and the test that what is there has to pass.
type entry struct {
	path []string
	test test
}

// test judges a value of a subject; one is what $ stands for.
type test func(value any, s *subject, one each) bool

func compile(c catalog.Condition) (*condition, error) {
	out := &condition{}
	for _, path := range slices.Sorted(maps.Keys(c)) {
		if path == "any" {
			choices, _ := c[path].([]any)
			for _, choice := range choices {
				choice, _ := choice.(map[string]any)
				compiled, err := compile(choice)
				if err != nil {
					return nil, err
				}
				out.any = append(out.any, compiled)
			}
			continue
		}
		passes, err := compileTest(c[path])
		if err != nil {
			return nil, fmt.Errorf("the chart's rule on %s: %w", path, err)
		}
		out.entries = append(out.entries, entry{strings.Split(path, "."), passes})
	}
	return out, nil
}

// compileTest compiles a value to compare with, or the operators of a map, all of which have to hold.
func compileTest(written any) (test, error) {
	operators, ok := written.(map[string]any)
	if !ok {
		return same.with(written), nil
	}
	var all []test
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		operand := operators[name]
		switch name {
		case "not":
			inner, err := compileTest(operand)
			if err != nil {
				return nil, err
			}
			all = append(all, func(value any, s *subject, one each) bool { return !inner(value, s, one) })
		case "matches":
			if text, ok := reference(fmt.Sprint(operand)); ok {
				path := strings.Split(text, ".")
				all = append(all, func(value any, s *subject, one each) bool {
					is := compiled(s.word(path, one))
					return is != nil && matches(is, value)
				})
				continue
			}
			expression, err := regexp.Compile(fmt.Sprint(operand))
			if err != nil {
				return nil, err
			}
			is := pattern.New(expression)
			all = append(all, func(value any, _ *subject, _ each) bool { return matches(is, value) })
		default:
			compare, known := comparisons[name]
			if !known {
				return nil, fmt.Errorf("there is no test %s", name)
			}
			all = append(all, compare.with(operand))
		}
	}
	return func(value any, s *subject, one each) bool {
		for _, passes := range all {
			if !passes(value, s, one) {
				return false
			}
		}
		return true
	}, nil
}

// comparison compares a value with an operand.
type comparison func(value, operand any) bool

var comparisons = map[string]comparison{
	"empty":    func(value, operand any) bool { return empty(value) == operand },
	"has":      has,
	"numbered": func(value, operand any) bool { return numberedIn(value) == operand },
	"below":    steps(func(n float64) bool { return n < 1 }),
	"above":    steps(func(n float64) bool { return n > 1 }),
	"offStep":  steps(func(n float64) bool { return n != math.Floor(n) }),
}

// with binds the operand, which {path} takes from the subject; " x " multiplies what stands on its two sides.
func (c comparison) with(operand any) test {
	text, _ := operand.(string)
	if factors := strings.Split(text, " x "); len(factors) > 1 {
		return func(value any, s *subject, one each) bool { return c(value, product(factors, s, one)) }
	}
	if text, ok := reference(text); ok {
		path := strings.Split(text, ".")
		return func(value any, s *subject, one each) bool { return c(value, s.word(path, one)) }
	}
	return func(value any, _ *subject, _ each) bool { return c(value, operand) }
}

// product multiplies quantities, and what {path} takes from the subject; 0 where one of them is missing.
func product(factors []string, s *subject, one each) float64 {
	all := 1.0
	for _, factor := range factors {
		var value any = factor
		if path, ok := reference(factor); ok {
			value = s.word(strings.Split(path, "."), one)
		}
		number, _ := quantity(value)
		all *= number
	}
	return all
}

// reference is the path in {path}.
func reference(text string) (string, bool) {
	inner, open := strings.CutPrefix(text, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	return inner, open && closed
}

// has says that a list has an item, or one of several.
func has(list, wanted any) bool {
	several := items(wanted)
	if several == nil {
		several = []any{wanted}
	}
	there := items(list)
	return slices.ContainsFunc(several, func(item any) bool { return slices.Contains(there, item) })
}

// numberedIn says that {shard} stands somewhere in a value.
func numberedIn(value any) bool {
	text, err := json.Marshal(value)
	return err == nil && strings.Contains(string(text), shardWord)
}

// steps compares how many times a quantity holds another; false where one of the two is missing.
func steps(holds func(n float64) bool) comparison {
	return func(value, limit any) bool {
		have, one := quantity(value)
		want, two := quantity(limit)
		return one && two && holds(have/want)
	}
}

// patterns are those that {path} has stood for.
var patterns sync.Map

// compiled is the pattern in a value; nil where there is none.
func compiled(value any) *pattern.Pattern {
	text, ok := value.(string)
	if !ok {
		return nil
	}
	if known, ok := patterns.Load(text); ok {
		return known.(*pattern.Pattern)
	}
	expression, err := regexp.Compile(text)
	if err != nil {
		return nil
	}
	is := pattern.New(expression)
	patterns.Store(text, is)
	return is
}

// checkPatterns compiles the patterns that a condition finds in the rows of its case: one that is none would never hold.
func checkPatterns(when catalog.Condition, rows []any) error {
	for path, test := range when {
		choices, _ := test.([]any)
		for _, choice := range choices {
			inner, _ := choice.(map[string]any)
			if err := checkPatterns(inner, rows); err != nil {
				return err
			}
		}
		operators, _ := test.(map[string]any)
		text, _ := reference(fmt.Sprint(operators["matches"]))
		key, ofRow := strings.CutPrefix(text, eachWord+".")
		for _, row := range rows {
			row, isRow := row.(map[string]any)
			if !ofRow || !isRow {
				continue
			}
			pattern, _ := row[key].(string)
			if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
				return fmt.Errorf("the chart's rule on %s: %s of a row is no pattern: %q", path, key, pattern)
			}
		}
	}
	return nil
}

func matches(is *pattern.Pattern, value any) bool {
	list := items(value)
	if list == nil {
		list = []any{value}
	}
	return slices.ContainsFunc(list, func(item any) bool {
		text, ok := item.(string)
		return ok && is.Match(text)
	})
}

// holds judges a condition.
func (c *condition) holds(s *subject, one each) bool {
	for _, e := range c.entries {
		if !e.test(s.at(e.path, one), s, one) {
			return false
		}
	}
	return len(c.any) == 0 || slices.ContainsFunc(c.any, func(choice *condition) bool { return choice.holds(s, one) })
}

// paths lists what a condition looks at.
func (c *condition) paths() [][]string {
	var out [][]string
	for _, e := range c.entries {
		if len(e.path) > 1 || e.path[0] != eachWord {
			out = append(out, e.path)
		}
	}
	for _, choice := range c.any {
		out = append(out, choice.paths()...)
	}
	return out
}
