package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/values"

	"sigs.k8s.io/yaml"
)

// wrong reports a value that a key may not have.
func (d diagnosis) wrong(f failure) Mistake {
	m := Mistake{Kind: "value", Path: f.path, At: f.path, Key: f.name}
	switch f.keyword {
	case "type":
		m.Kind = "type"
		want := typeWords(f.schema["type"])
		m.Message = fmt.Sprintf("must be %s, and is %s.", strings.Join(want, " or "), kind(f.value))
		m.Hint, m.Edits = d.retyped(f, want)
	case "enum":
		allowed := texts(f.schema["enum"])
		m.Message = fmt.Sprintf("%s is none of the values that it can have.", brief(f.value))
		if s, ok := f.value.(string); ok && !f.name {
			if full := knownHabits().Abbreviations[strings.ToUpper(s)]; slices.Contains(allowed, full) {
				m.Hint, m.Edits = fmt.Sprintf("did you mean %s?", full), exact(values.Edit{To: f.path, Value: full})
				break
			}
			// A word of a name goes before a name that is spelt almost like it.
			if named := withPart(s, allowed); len(named) > 0 && len(named) <= 3 {
				m.Hint = fmt.Sprintf("did you mean %s?", strings.Join(named, " or "))
				if len(named) == 1 {
					m.Edits = []values.Edit{{To: f.path, Value: named[0]}}
				}
				break
			}
			if near := nearest(s, allowed, nil); near != "" {
				m.Hint, m.Edits = fmt.Sprintf("did you mean %s?", near), []values.Edit{{To: f.path, Value: near, Exact: alone(near, s, allowed, nil)}}
				break
			}
		}
		m.Hint = "it can be: " + strings.Join(allowed, ", ")
		if hint, ok := f.schema["errorMessage"].(string); ok {
			m.Hint = hint
		}
	case "pattern":
		m.Message = fmt.Sprintf("%s does not have the form that it needs.", brief(f.value))
		for _, from := range d.around(f) {
			if own, ok := from["patternErrorMessage"].(string); ok {
				m.Message = fmt.Sprintf("%s %s", brief(f.value), own)
			}
		}
		if m.Hint, m.Edits = d.like(f); len(f.path) == 1 && f.path[0] == "storageClassName" && f.value == "-" {
			m.Hint, m.Edits = d.dash(f.path)
		}
	case "minimum", "maximum":
		m.Message = fmt.Sprintf("is %s, and must be at %s %s.", text(f.value),
			map[string]string{"minimum": "least", "maximum": "most"}[f.keyword], text(f.schema[f.keyword]))
		m.Hint = fmt.Sprintf("set %s: %s", m.Path, text(f.schema[f.keyword]))
		m.Edits = []values.Edit{{To: f.path, Value: f.schema[f.keyword]}}
	case "minLength", "minItems":
		m.Message = "is empty."
		m.Hint, m.Edits = d.like(f)
	case "maxLength", "maxItems":
		if f.schema[f.keyword] == 0.0 {
			m.Message, m.Hint, m.Edits = "cannot stand here.", "remove it", []values.Edit{{From: f.path}}
			break
		}
		m.Message = fmt.Sprintf("is too long: at most %s.", text(f.schema[f.keyword]))
		m.Hint = "shorten it"
	case "uniqueItems":
		m.Message = "holds an item twice."
		m.Hint = "list it once"
		m.Edits = exact(values.Edit{To: f.path, Value: once(f.value)})
	default:
		m.Message = fmt.Sprintf("%s breaks %s: %s.", brief(f.value), f.keyword, text(f.schema[f.keyword]))
		m.Hint, m.Edits = d.like(f)
	}
	return m
}

// around are the schemas that have words for a failure. Where a condition gives the key its schema, only the failure
// knows it; what is said of a key's value says nothing of the key's name.
func (d diagnosis) around(f failure) []map[string]any {
	if f.name {
		return []map[string]any{f.schema}
	}
	return []map[string]any{d.schemaOf(f.path), f.schema}
}

// like shows an example of the key, or the same size in the form that the key takes.
func (d diagnosis) like(f failure) (string, []values.Edit) {
	if size := sizeLike(f); size != "" {
		if edit := (values.Edit{To: f.path, Value: size, Exact: true}); d.proven(edit) {
			return fmt.Sprintf("set %s: %s", f.path, size), []values.Edit{edit}
		}
	}
	for _, schema := range d.around(f) {
		if !d.mayTry() {
			break
		}
		example := d.example(f.path, schema)
		if f.name {
			return d.keyLike(f, example)
		}
		if edit := (values.Edit{To: f.path, Value: parsed(example)}); example != "…" && d.proven(edit) {
			return fmt.Sprintf("write it like %s: %s", f.path, example), []values.Edit{edit}
		}
	}
	return "remove it, or see `helm show values`", nil
}

// keyLike shows a name that a key could have.
func (d diagnosis) keyLike(f failure, example string) (string, []values.Edit) {
	name, _ := parsed(example).(string)
	edit := values.Edit{From: f.path, To: f.path[:len(f.path)-1].To(name), Value: lookup(d.instance, f.path)}
	if name == "" || !d.proven(edit) {
		return "give it another name", nil
	}
	return "write it like " + name, []values.Edit{edit}
}

// parsed is an example as a value.
func parsed(example string) (value any) {
	if yaml.Unmarshal([]byte(example), &value) != nil {
		return nil
	}
	return value
}

// dash answers the - by which many charts write the empty name of a class.
func (d diagnosis) dash(path values.Path) (string, []values.Edit) {
	if d.instance["provisioning"] == "dynamic" {
		return `leave it out for the cluster's default class, or name one; other charts write - for "", with which nothing is provisioned`, []values.Edit{{From: path}}
	}
	return fmt.Sprintf(`write %s: "", which other charts write as -`, path), exact(values.Edit{To: path, Value: ""})
}

// retyped knows the ways in which a type goes wrong.
func (d diagnosis) retyped(f failure, want []string) (string, []values.Edit) {
	path := f.path.String()
	try := func(value any) []values.Edit {
		if edit := (values.Edit{To: f.path, Value: value, Exact: true}); d.proven(edit) {
			return []values.Edit{edit}
		}
		return nil
	}
	switch value := f.value.(type) {
	case string:
		if n, err := strconv.Atoi(value); err == nil && has(want, names["integer"]) {
			if edits := try(float64(n)); edits != nil {
				return fmt.Sprintf("write it without quotes: %s: %s", path, value), edits
			}
		}
		if b, err := strconv.ParseBool(strings.ToLower(value)); err == nil && has(want, names["boolean"]) {
			if edits := try(b); edits != nil {
				return fmt.Sprintf("write it without quotes: %s: %t", path, b), edits
			}
		}
		if has(want, names["array"]) {
			for _, list := range []string{"[" + value + "]", text([]any{value})} {
				if edits := try(parsed(list)); edits != nil {
					return fmt.Sprintf("make it a list: %s: %s", path, list), edits
				}
			}
		}
	case bool, float64, int, int64, json.Number:
		if quoted := strings.Trim(text(value), `"`); has(want, names["string"]) {
			if edits := try(quoted); edits != nil {
				return fmt.Sprintf("put it in quotes: %s: %q", path, quoted), edits
			}
		}
	case map[string]any:
		if edits := dotted(f.path, value); edits != nil && has(want, names["string"]) {
			if edits = append([]values.Edit{{From: f.path}}, edits...); d.proven(edits...) {
				return "a key has its dots in it, not a map for each: " + listed(edits), edits
			}
		}
	case nil:
		if edits := []values.Edit{{From: f.path}}; d.proven(edits...) {
			return "remove it, or give it a value", edits
		}
		return "give it a value", nil
	}
	if len(f.path) == 1 {
		if hint, edits, ok := d.habit(f.path[0]); ok {
			return hint, edits
		}
	}
	// Where a value has a form, its type alone says little.
	if _, formed := f.schema["pattern"]; formed {
		return d.like(f)
	}
	return fmt.Sprintf("make it %s", strings.Join(want, " or ")), nil
}

// dotted takes maps in maps for keys that have dots in them, as --set makes of kubernetes.io/os.
func dotted(path values.Path, value map[string]any) []values.Edit {
	var out []values.Edit
	for _, key := range slices.Sorted(maps.Keys(value)) {
		joined := path[:len(path)-1].To(path[len(path)-1] + "." + key)
		switch below := value[key].(type) {
		case map[string]any:
			deeper := dotted(joined, below)
			if deeper == nil {
				return nil
			}
			out = append(out, deeper...)
		case string:
			out = append(out, values.Edit{To: joined, Value: below})
		case bool, float64, int64:
			out = append(out, values.Edit{To: joined, Value: text(below)})
		default:
			return nil
		}
	}
	return out
}

// longest is how many bytes of a wrong value a message shows: a whole file may have been set as one.
const longest = 300

// brief is a value in few words.
func brief(value any) string {
	out := text(value)
	if len(out) > longest {
		return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(out[:longest], ""), len(out))
	}
	return out
}

func typeWords(value any) []string {
	if one, ok := value.(string); ok {
		return []string{names[one]}
	}
	var out []string
	for _, each := range stringsOf(value) {
		// null is how an overlay takes a key back; a written value never means it.
		if each != "null" {
			out = append(out, names[each])
		}
	}
	return out
}

var names = map[string]string{
	"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false",
	"array": "a list", "object": "a map", "null": "null",
}

func kind(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return "the string " + text(value)
	case bool:
		return "the boolean " + strconv.FormatBool(value)
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	default:
		return "the number " + text(value)
	}
}

// once is a list with every item once.
func once(value any) any {
	list, _ := value.([]any)
	var out []any
	for _, item := range list {
		if !slices.ContainsFunc(out, func(other any) bool { return reflect.DeepEqual(item, other) }) {
			out = append(out, item)
		}
	}
	return out
}

func has(list []string, item string) bool {
	for _, each := range list {
		if each == item {
			return true
		}
	}
	return false
}

func texts(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, item := range list {
		switch item := item.(type) {
		case nil:
		case string:
			if item != "" {
				out = append(out, item)
			}
		default:
			out = append(out, text(item))
		}
	}
	return out
}
