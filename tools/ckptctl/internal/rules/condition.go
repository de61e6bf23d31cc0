package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/plain"

	"k8s.io/apimachinery/pkg/api/resource"
)

// condition is a catalog.Condition, ready to judge many values.
type condition struct {
	all, any []*condition
	not      *condition

	// path is nil for a condition that only joins others; each says that it is the path that the case is judged for.
	path    []string
	each    bool
	is      any
	hasIs   bool
	same    []string
	empty   *bool
	set     *bool
	has     string
	twice   bool
	hasAny  []string
	matches *regexp.Regexp
	limits  []limit
}

// limit is what a quantity is compared with: another, or the one at a path.
type limit struct {
	value any
	path  []string
	holds func(steps float64) bool
}

func compile(c catalog.Condition) (*condition, error) {
	out := &condition{empty: c.Empty, set: c.Set, has: c.Has, twice: c.Twice != nil && *c.Twice}
	for _, group := range []struct {
		from []catalog.Condition
		to   *[]*condition
	}{{c.All, &out.all}, {c.Any, &out.any}} {
		for _, one := range group.from {
			compiled, err := compile(one)
			if err != nil {
				return nil, err
			}
			*group.to = append(*group.to, compiled)
		}
	}
	var err error
	if c.Not != nil {
		if out.not, err = compile(*c.Not); err != nil {
			return nil, err
		}
	}
	if c.Path != "" {
		out.path, out.each = strings.Split(c.Path, "."), c.Path == "$"
	}
	if c.Is != nil {
		out.is, out.hasIs = *c.Is, true
	}
	if c.Same != "" {
		out.same = strings.Split(c.Same, ".")
	}
	if c.Matches != "" {
		if out.matches, err = regexp.Compile(c.Matches); err != nil {
			return nil, fmt.Errorf("the chart's rule on %s: %w", c.Path, err)
		}
	}
	if c.HasAny != "" {
		out.hasAny = strings.Split(c.HasAny, ".")
	}
	for _, comparison := range []struct {
		text  string
		holds func(steps float64) bool
	}{
		{c.Below, func(steps float64) bool { return steps < 1 }},
		{c.Above, func(steps float64) bool { return steps > 1 }},
		{c.OffStep, func(steps float64) bool { return steps != math.Floor(steps) }},
	} {
		switch {
		case comparison.text == "":
		case comparison.text[0] >= '0' && comparison.text[0] <= '9':
			out.limits = append(out.limits, limit{value: comparison.text, holds: comparison.holds})
		default:
			out.limits = append(out.limits, limit{path: strings.Split(comparison.text, "."), holds: comparison.holds})
		}
	}
	return out, nil
}

// holds judges a condition; each is the path that $ stands for.
func (c *condition) holds(s *subject, each []string) bool {
	for _, one := range c.all {
		if !one.holds(s, each) {
			return false
		}
	}
	if len(c.any) > 0 && !slices.ContainsFunc(c.any, func(one *condition) bool { return one.holds(s, each) }) {
		return false
	}
	if c.not != nil && c.not.holds(s, each) {
		return false
	}
	return c.path == nil || c.leaf(s, each)
}

func (c *condition) leaf(s *subject, each []string) bool {
	value := s.at(along(c.path, each))
	return (!c.hasIs || same(value, c.is)) &&
		(c.same == nil || same(value, s.at(c.same))) &&
		(c.empty == nil || empty(value) == *c.empty) &&
		(c.set == nil || (value != nil) == *c.set) &&
		(c.has == "" || contains(value, word(c.has, each))) &&
		(!c.twice || twice(value)) &&
		(c.hasAny == nil || slices.ContainsFunc(items(s.at(c.hasAny)), func(item any) bool { return slices.Contains(items(value), item) })) &&
		(c.matches == nil || matches(c.matches, value)) &&
		!slices.ContainsFunc(c.limits, func(l limit) bool { return !l.compares(s, value, each) })
}

// word is what stands for itself, or the one that $ stands for.
func word(text string, each []string) string {
	if text == eachWord {
		return strings.Join(each, ".")
	}
	return text
}

// eachWord stands for the path, or the word, that a case is judged for.
const eachWord = "$"

// along is a path with the one that $ stands for in its place.
func along(path, each []string) []string {
	at := slices.Index(path, eachWord)
	if at < 0 {
		return path
	}
	return slices.Concat(path[:at], each, path[at+1:])
}

// twice says that two items of a list give one key different values, as in KEY=VALUE.
func twice(list any) bool {
	values := map[string]any{}
	for _, item := range items(list) {
		key, _, found := strings.Cut(fmt.Sprint(item), "=")
		if other, there := values[key]; found && !strings.HasPrefix(key, "x-") && there && other != item {
			return true
		}
		values[key] = item
	}
	return false
}

// compares judges what a condition says of a quantity: false too where the quantity, or its limit, is missing.
func (l limit) compares(s *subject, value any, each []string) bool {
	other := l.value
	if l.path != nil {
		other = s.at(along(l.path, each))
	}
	have, one := quantity(value)
	want, two := quantity(other)
	return one && two && l.holds(have/want)
}

// quantity reads a Kubernetes quantity.
func quantity(value any) (float64, bool) {
	if empty(value) {
		return 0, false
	}
	q, err := resource.ParseQuantity(fmt.Sprint(value))
	return q.AsApproximateFloat64(), err == nil
}

// same compares as JSON does: numbers by their value, whatever their type.
func same(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	}
	if reflect.DeepEqual(a, b) {
		return true
	}
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

func contains(list any, item string) bool {
	switch list := list.(type) {
	case []any:
		for _, each := range list {
			if each == item {
				return true
			}
		}
	case []string:
		return slices.Contains(list, item)
	}
	return false
}

func items(list any) []any {
	switch list := list.(type) {
	case []any:
		return list
	case []string:
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = item
		}
		return out
	}
	return nil
}

func matches(pattern *regexp.Regexp, value any) bool {
	list := items(value)
	if list == nil {
		s, ok := value.(string)
		return ok && pattern.MatchString(s)
	}
	for _, item := range list {
		if s, ok := item.(string); ok && pattern.MatchString(s) {
			return true
		}
	}
	return false
}

// paths lists what a condition looks at.
func (c *condition) paths() [][]string {
	var out [][]string
	for _, one := range slices.Concat(c.all, c.any) {
		out = append(out, one.paths()...)
	}
	if c.not != nil {
		out = append(out, c.not.paths()...)
	}
	if c.path != nil && !c.each {
		out = append(out, c.path)
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`\{[$A-Za-z.]+(\|host|\|port)?\}`)
	portSuffix  = regexp.MustCompile(`:[0-9]*$`)
)

// fill puts what stands at a path in the place of {path}; what leads nowhere stays as it is. It makes one line, whatever the
// values are.
func fill(text string, s *subject, each []string) string {
	return plain.Line(placeholder.ReplaceAllStringFunc(text, func(found string) string {
		text, part, _ := strings.Cut(strings.Trim(found, "{}"), "|")
		path := strings.Split(text, ".")
		if path[0] == eachWord {
			return strings.Join(each, ".")
		}
		value := s.at(along(path, each))
		switch part {
		case "host":
			return portSuffix.ReplaceAllString(fmt.Sprint(value), "")
		case "port":
			return strings.TrimPrefix(portSuffix.FindString(fmt.Sprint(value)), ":")
		}
		switch value := value.(type) {
		case nil:
			return found
		case []any, []string:
			var parts []string
			for _, item := range items(value) {
				parts = append(parts, fmt.Sprint(item))
			}
			return strings.Join(parts, ", ")
		default:
			return fmt.Sprint(value)
		}
	}))
}
