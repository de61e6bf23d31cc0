package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"checkpoint-storage/tools/catalog"
)

// rules writes what people write of rules in the form that is read quickest.
func rules(written catalog.Rules) ([]byte, error) {
	text, err := json.Marshal(written)
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	return lines(root)
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
			inner := "{\n    "
			for _, name := range slices.Sorted(maps.Keys(value)) {
				line(inner, name)
				line(": ", value[name])
				inner = ",\n    "
			}
			out.WriteString("\n  }")
		case []any:
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
