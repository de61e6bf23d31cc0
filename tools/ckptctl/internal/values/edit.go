package values

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Edit is one change of values: what stands at From is taken away, and Value stands at To. Either path may be nil.
type Edit struct {
	From, To Path
	Value    any
	// Exact says that nothing else would do, and nothing is taken for granted: it is neither an example, nor one of several
	// ways, nor the nearest of several names.
	Exact bool
}

// Below returns edits of a chart's own values as edits of its parent's.
func Below(prefix Path, edits []Edit) []Edit {
	out := make([]Edit, len(edits))
	for i, e := range edits {
		if e.From != nil {
			e.From = slices.Concat(prefix, e.From)
		}
		if e.To != nil {
			e.To = slices.Concat(prefix, e.To)
		}
		out[i] = e
	}
	return out
}

// Apply returns values with the edits made. It changes nothing of what it is given.
func Apply(given map[string]any, edits []Edit) map[string]any {
	var out any = given
	for _, e := range edits {
		if e.From != nil {
			out = changed(out, e.From, nil, true)
		}
	}
	for _, e := range edits {
		if e.To != nil {
			out = changed(out, e.To, e.Value, false)
		}
	}
	section, _ := out.(map[string]any)
	return section
}

// changed returns a value with what stands at the path set, or removed. A section on the way that is none is made one.
func changed(at any, path Path, to any, remove bool) any {
	if len(path) == 0 {
		return to
	}
	if list, ok := at.([]any); ok && strings.HasPrefix(path[0], "[") {
		i, err := strconv.Atoi(strings.Trim(path[0], "[]"))
		if err != nil || i < 0 || i >= len(list) {
			return at
		}
		list = slices.Clone(list)
		if remove && len(path) == 1 {
			return slices.Delete(list, i, i+1)
		}
		list[i] = changed(list[i], path[1:], to, remove)
		return list
	}
	section, isMap := at.(map[string]any)
	if remove && (!isMap || section[path[0]] == nil && len(path) > 1) {
		return at
	}
	if section = maps.Clone(section); section == nil {
		section = map[string]any{}
	}
	if remove && len(path) == 1 {
		delete(section, path[0])
		return section
	}
	section[path[0]] = changed(section[path[0]], path[1:], to, remove)
	return section
}

// Lookup finds what stands at a path, and whether anything does.
func Lookup(at any, path Path) (any, bool) {
	for _, step := range path {
		switch value := at.(type) {
		case map[string]any:
			below, ok := value[step]
			if !ok {
				return nil, false
			}
			at = below
		case []any:
			i, err := strconv.Atoi(strings.Trim(step, "[]"))
			if err != nil || i < 0 || i >= len(value) {
				return nil, false
			}
			at = value[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// Prune returns values without what stands at a path, and without the sections that have nothing else. It changes nothing
// of what it is given.
func Prune(given map[string]any, path Path) map[string]any {
	var out any = given
	for len(path) > 0 {
		out = changed(out, path, nil, true)
		path = path[:len(path)-1]
		if section, ok := Lookup(out, path); !ok || !reflect.DeepEqual(section, map[string]any{}) {
			break
		}
	}
	section, _ := out.(map[string]any)
	return section
}
