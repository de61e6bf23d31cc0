package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Edit is one change that a hint asks for: what stands at From is taken away, and Value stands at To. Either may be nil.
type Edit struct {
	From, To values.Path
	Value    any
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
func changed(at any, path values.Path, to any, remove bool) any {
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

// after returns what is wrong once the edits are made and was not before, or is wrong with what they put somewhere. What is
// missing elsewhere because of them was not seen before: it is for the next hint.
func (d diagnosis) after(edits ...Edit) []failure {
	failures, _ := d.schema.failures(Apply(d.instance, edits))
	*d.proofs += 1 + len(failures)
	return slices.DeleteFunc(failures, func(f failure) bool {
		put := slices.ContainsFunc(edits, func(e Edit) bool {
			if f.keyword == "additionalProperties" && len(e.To) == len(f.path)+1 && startsWith(e.To, f.path) {
				// One failure stands for all keys that are too many.
				return !takes(f.schema, e.To[len(f.path)])
			}
			return e.To != nil && startsWith(f.path, e.To)
		})
		return f.keyword == "required" || d.before[f.id] && !put
	})
}

// mostProofs is how many failures of the values of one chart are looked at, in trying edits too. Each edit takes as long as
// judging all of the values, and who has that many mistakes mends the first ones first.
const mostProofs = 2000

// proven says that nothing is wrong with what the edits do. What there is no time to try is not proven.
func (d diagnosis) proven(edits ...Edit) bool {
	return d.mayTry() && len(d.after(edits...)) == 0
}

func (d diagnosis) mayTry() bool { return *d.proofs < mostProofs }

func startsWith(path, with values.Path) bool {
	return len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}
