package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// encoded writes lines of a value whose form in JSON is an object.
func encoded(value any) ([]byte, error) {
	root, err := object(value)
	if err != nil {
		return nil, err
	}
	return lines(root)
}

// object is a value as JSON has it.
func object(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var root map[string]any
	return root, json.Unmarshal(text, &root)
}

// lines writes a line for each key of a section and for each item of a list, however much is in it: indented all the way
// down the schema would be twice as long, and everybody who installs the chart reads it.
func lines(root map[string]any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	var failed error
	line := func(before string, value any) {
		out.WriteString(before)
		failed = errors.Join(failed, encoder.Encode(value))
		// The encoder ends with a line's end, before which a comma may have to come.
		out.Truncate(out.Len() - 1)
	}
	between := "{\n"
	for _, key := range slices.Sorted(maps.Keys(root)) {
		line(between+"  ", key)
		out.WriteString(": ")
		between = ",\n"
		switch value := root[key].(type) {
		case map[string]any:
			if len(value) == 0 {
				line("", value)
				continue
			}
			inner := "{\n    "
			for _, name := range slices.Sorted(maps.Keys(value)) {
				line(inner, name)
				line(": ", value[name])
				inner = ",\n    "
			}
			out.WriteString("\n  }")
		case []any:
			if len(value) == 0 {
				line("", value)
				continue
			}
			inner := "[\n    "
			for _, each := range value {
				line(inner, each)
				inner = ",\n    "
			}
			out.WriteString("\n  ]")
		default:
			line("", value)
		}
	}
	out.WriteString("\n}\n")
	return out.Bytes(), failed
}

// compact writes a line for each key, however much is in it: what is for programs alone, and stands in every release.
func compact(root map[string]any) ([]byte, error) {
	var out bytes.Buffer
	between := "{\n"
	for _, key := range slices.Sorted(maps.Keys(root)) {
		text, err := unescaped(map[string]any{key: root[key]})
		if err != nil {
			return nil, err
		}
		out.WriteString(between)
		out.Write(text[1 : len(text)-1])
		between = ",\n"
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

// unescaped writes a value in one line, with <, > and & as they are.
func unescaped(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
