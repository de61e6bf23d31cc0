package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"
)

// explainKey prints what a key is for, what it may be, what it is by default, and the rules about it.
func explainKey(out io.Writer, key check.Key, known check.Catalog) error {
	fmt.Fprintf(out, "%s: %s\n\n", key.Path, described(key, known))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	row("type", strings.Join(listed(key.Schema["type"]), " or "))
	row("values", strings.Join(listed(key.Schema["enum"]), ", "))
	keys, _ := key.Schema["properties"].(map[string]any)
	if key.HasDefault && len(keys) == 0 {
		row("default", shown(key.Default))
	} else if value, ok := key.Schema["default"]; ok {
		row("default", shown(value))
	}
	if examples, ok := key.Schema["examples"].([]any); ok && len(examples) > 0 {
		row("example", shown(examples[0]))
	}
	if section, name, ok := strings.Cut(key.Path, "."); ok {
		for _, b := range known.Backends {
			if b.Name == section && b.Schema.Properties[name] != nil {
				row("needed", needed(b, name))
				row("becomes", strings.Join(b.MappedTo(name), ", "))
			}
		}
	}
	for _, below := range slices.Sorted(maps.Keys(keys)) {
		section, _ := known.Key(key.Path + "." + below)
		text, _ := section.Schema["description"].(string)
		fmt.Fprintf(w, "%s\t%s\n", below, text)
	}
	for _, id := range key.Rules {
		row("rule "+id, known.Rules[id].Title)
	}
	return w.Flush()
}

// described says what a key is for. The keys of Kubernetes' own types are described by what they are a part of.
func described(key check.Key, known check.Catalog) string {
	if text, ok := key.Schema["description"].(string); ok {
		return text
	}
	last := strings.LastIndex(key.Path, ".")
	if last < 0 {
		return "a key of the chart."
	}
	above, _ := known.Key(key.Path[:last])
	return fmt.Sprintf("a key of %s: %s", above.Path, described(above, known))
}

func needed(b catalog.Backend, key string) string {
	switch {
	case slices.Contains(b.Schema.Required, key):
		return "required"
	case slices.Contains(b.Schema.ClassRequired, key):
		return "required for a class"
	}
	return ""
}

// listed are the words of one value or of several; null is how a key is taken back.
func listed(value any) []string {
	list, ok := value.([]any)
	if !ok && value != nil {
		list = []any{value}
	}
	var out []string
	for _, each := range list {
		if each != nil && each != "null" && each != "" {
			out = append(out, fmt.Sprint(each))
		}
	}
	return out
}

func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
