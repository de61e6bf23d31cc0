package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
)

// refusedAnnotation is a catalog.RefusedAnnotation, ready to judge many values.
type refusedAnnotation struct {
	catalog.RefusedAnnotation
	key, value, unless *regexp.Regexp
	list               bool
}

func compileRefused(delivery catalog.Delivery) ([]refusedAnnotation, error) {
	var out []refusedAnnotation
	for _, refused := range delivery.Refused {
		compiled := refusedAnnotation{RefusedAnnotation: refused}
		for _, pattern := range []struct {
			text string
			to   **regexp.Regexp
		}{{refused.Key, &compiled.key}, {refused.Value, &compiled.value}, {refused.Unless, &compiled.unless}} {
			if pattern.text == "" {
				continue
			}
			found, err := regexp.Compile(pattern.text)
			if err != nil {
				return nil, fmt.Errorf("the chart's annotations that are refused: %w", err)
			}
			*pattern.to = found
		}
		compiled.list = slices.ContainsFunc(delivery.Lists, compiled.key.MatchString)
		out = append(out, compiled)
	}
	return out, nil
}

// delivery looks for annotations and labels that have storage deleted by what delivers the release.
func (j *judge) delivery() {
	claim, volume := j.section("claim"), j.section("volume")
	for _, place := range []struct {
		path   string
		keys   any
		labels bool
	}{
		{"claim.annotations", claim["annotations"], false},
		{"claim.labels", claim["labels"], true},
		{"commonAnnotations", j.values["commonAnnotations"], false},
		{"commonLabels", j.values["commonLabels"], true},
		{"volume.annotations", volume["annotations"], false},
		{"volume.labels", volume["labels"], true},
	} {
		given, _ := place.keys.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(given)) {
			for _, refused := range j.rules.refused {
				if place.labels && !refused.Labels || !refused.key.MatchString(key) || !j.concerned(refused) {
					continue
				}
				for _, item := range refused.items(given[key]) {
					j.report("E14", refused.Case, place.path, map[string]any{"key": key, "value": item})
				}
			}
		}
	}
}

// concerned says that an annotation is refused on such a store.
func (j *judge) concerned(refused refusedAnnotation) bool {
	return (!refused.Keep || j.values["keep"] == true) && (refused.Gitops == "" || refused.Gitops == j.values["gitops"])
}

// items are those of an annotation's value that are refused.
func (r refusedAnnotation) items(value any) []string {
	list := []string{fmt.Sprint(value)}
	if r.list {
		list = strings.Split(list[0], ",")
	}
	var out []string
	for _, item := range list {
		item = strings.TrimSpace(item)
		if (r.value == nil || r.value.MatchString(item)) && (r.unless == nil || item != "" && !r.unless.MatchString(item)) {
			out = append(out, item)
		}
	}
	return out
}
