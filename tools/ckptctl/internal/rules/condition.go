package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	"k8s.io/apimachinery/pkg/api/resource"
)

// holds judges a condition; each is the path that $ stands for.
func holds(c catalog.Condition, s subject, each string) (bool, error) {
	for _, one := range c.All {
		if ok, err := holds(one, s, each); !ok || err != nil {
			return false, err
		}
	}
	if len(c.Any) > 0 {
		any := false
		for _, one := range c.Any {
			ok, err := holds(one, s, each)
			if err != nil {
				return false, err
			}
			any = any || ok
		}
		if !any {
			return false, nil
		}
	}
	if c.Not != nil {
		if ok, err := holds(*c.Not, s, each); ok || err != nil {
			return false, err
		}
	}
	if c.Path == "" {
		return true, nil
	}
	return leaf(c, s, each)
}

func leaf(c catalog.Condition, s subject, each string) (bool, error) {
	path := c.Path
	if path == "$" {
		path = each
	}
	value := s.at(path)
	if c.Is != nil && !same(value, *c.Is) {
		return false, nil
	}
	if c.Same != "" && !same(value, s.at(c.Same)) {
		return false, nil
	}
	if c.Empty != nil && empty(value) != *c.Empty {
		return false, nil
	}
	if c.Set != nil && (value != nil) != *c.Set {
		return false, nil
	}
	if c.Has != "" && !contains(value, c.Has) {
		return false, nil
	}
	if c.HasAny != "" && !slices.ContainsFunc(items(s.at(c.HasAny)), func(item any) bool { return slices.Contains(items(value), item) }) {
		return false, nil
	}
	if !compares(c, s, value) {
		return false, nil
	}
	if c.Matches != "" {
		pattern, err := regexp.Compile(c.Matches)
		if err != nil {
			return false, fmt.Errorf("the chart's rule on %s: %w", c.Path, err)
		}
		return matches(pattern, value), nil
	}
	return true, nil
}

// compares judges what a condition says of a quantity: false too where the quantity, or its limit, is missing.
func compares(c catalog.Condition, s subject, value any) bool {
	for _, comparison := range []struct {
		limit string
		holds func(steps float64) bool
	}{
		{c.Below, func(steps float64) bool { return steps < 1 }},
		{c.Above, func(steps float64) bool { return steps > 1 }},
		{c.OffStep, func(steps float64) bool { return steps != math.Floor(steps) }},
	} {
		if comparison.limit == "" {
			continue
		}
		var limit any = comparison.limit
		if c := comparison.limit[0]; c < '0' || c > '9' {
			limit = s.at(comparison.limit)
		}
		have, one := quantity(value)
		want, other := quantity(limit)
		if !one || !other || !comparison.holds(have/want) {
			return false
		}
	}
	return true
}

// quantity reads a Kubernetes quantity.
func quantity(value any) (float64, bool) {
	if empty(value) {
		return 0, false
	}
	q, err := resource.ParseQuantity(fmt.Sprint(value))
	return q.AsApproximateFloat64(), err == nil
}

func same(a, b any) bool {
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

func contains(list any, item string) bool {
	for _, each := range items(list) {
		if each == item {
			return true
		}
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
		list = []any{value}
	}
	for _, item := range list {
		if s, ok := item.(string); ok && pattern.MatchString(s) {
			return true
		}
	}
	return false
}

var placeholder = regexp.MustCompile(`\{[$A-Za-z.]+\}`)

// fill puts what stands at a path in the place of {path}; what leads nowhere stays as it is.
func fill(text string, s subject, each string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		path := strings.Trim(found, "{}")
		if path == "$" {
			return each
		}
		switch value := s.at(path).(type) {
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
	})
}
