package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// wrong reports a value that a key may not have.
func (d diagnosis) wrong(f failure) Mistake {
	m := Mistake{Kind: "value", Path: f.path, At: f.path}
	switch f.keyword {
	case "type":
		m.Kind = "type"
		want := typeWords(f.schema["type"])
		m.Message = fmt.Sprintf("must be %s, and is %s.", strings.Join(want, " or "), kind(f.value))
		m.Hint = typeHint(want, f.value, m.Path.String())
		if pattern, ok := f.schema["pattern"].(string); ok {
			// Quotes alone would not help.
			if fits, err := regexp.MatchString(pattern, strings.Trim(text(f.value), `"`)); err == nil && !fits {
				m.Hint = d.like(f)
			}
		}
	case "enum":
		allowed := texts(f.schema["enum"])
		m.Message = fmt.Sprintf("%s is none of the values that it can have.", text(f.value))
		if s, ok := f.value.(string); ok {
			if near := nearest(s, allowed, nil); near != "" {
				m.Hint = fmt.Sprintf("did you mean %s?", near)
				break
			}
		}
		m.Hint = "it can be: " + strings.Join(allowed, ", ")
		if hint, ok := f.schema["errorMessage"].(string); ok {
			m.Hint = hint
		}
	case "pattern":
		m.Message = fmt.Sprintf("%s does not have the form that it needs.", text(f.value))
		for _, from := range []map[string]any{d.schemaOf(f.path), f.schema} {
			if own, ok := from["patternErrorMessage"].(string); ok {
				m.Message = fmt.Sprintf("%s %s", text(f.value), own)
			}
		}
		m.Hint = d.like(f)
	case "minimum", "maximum":
		m.Message = fmt.Sprintf("is %s, and must be at %s %s.", text(f.value),
			map[string]string{"minimum": "least", "maximum": "most"}[f.keyword], text(f.schema[f.keyword]))
		m.Hint = fmt.Sprintf("set %s: %s", m.Path, text(f.schema[f.keyword]))
	case "minLength", "minItems":
		m.Message = "is empty."
		m.Hint = d.like(f)
	case "maxLength", "maxItems":
		m.Message = fmt.Sprintf("is too long: at most %s.", text(f.schema[f.keyword]))
		m.Hint = "shorten it"
	case "uniqueItems":
		m.Message = "holds an item twice."
		m.Hint = "list it once"
	default:
		m.Message = fmt.Sprintf("%s breaks %s: %s.", text(f.value), f.keyword, text(f.schema[f.keyword]))
		m.Hint = d.like(f)
	}
	return m
}

// like shows an example of the key.
func (d diagnosis) like(f failure) string {
	// Where a condition gives the key its schema, only the failure knows it.
	for _, schema := range []map[string]any{d.schemaOf(f.path), f.schema} {
		if example := d.example(f.path, schema); example != "…" {
			return fmt.Sprintf("write it like %s: %s", f.path, example)
		}
	}
	if description, ok := f.schema["description"].(string); ok {
		return description
	}
	return "remove it, or see `helm show values`"
}

func typeWords(value any) []string {
	if one, ok := value.(string); ok {
		return []string{names[one]}
	}
	var out []string
	for _, each := range stringsOf(value) {
		// null is how an overlay takes a key back; nobody who writes a value means it.
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

// typeHint knows the ways in which a type goes wrong.
func typeHint(want []string, value any, path string) string {
	switch value := value.(type) {
	case string:
		if has(want, names["integer"]) {
			if _, err := strconv.Atoi(value); err == nil {
				return fmt.Sprintf("write it without quotes: %s: %s", path, value)
			}
		}
		if has(want, names["boolean"]) {
			if b, err := strconv.ParseBool(strings.ToLower(value)); err == nil {
				return fmt.Sprintf("write it without quotes: %s: %t", path, b)
			}
		}
		if has(want, names["array"]) {
			return fmt.Sprintf("make it a list: %s: [%s]", path, value)
		}
	case bool, float64, int, int64, json.Number:
		if has(want, names["string"]) {
			return fmt.Sprintf("put it in quotes: %s: %q", path, strings.Trim(text(value), `"`))
		}
	case nil:
		return "remove it, or give it a value"
	}
	return fmt.Sprintf("make it %s", strings.Join(want, " or "))
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
