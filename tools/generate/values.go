package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	"go.yaml.in/yaml/v3"
)

const valuesMark = "# ---------------------------------------------------------------- backends\n"

// width is how long a line of values.yaml may be, in characters.
const width = 120

// values rewrites the part of values.yaml below the mark: one commented section for each backend. What one step of
// uncommenting reveals is the keys that are required, without values: an example's would be mounted, or asked for, as if
// it had been intended. Text and optional keys have two # signs.
func values(old []byte, backends []catalog.Backend) ([]byte, error) {
	head, _, _ := strings.Cut(string(old), valuesMark)
	var out strings.Builder
	out.WriteString(strings.TrimRight(head, "\n") + "\n\n" + valuesMark)
	comment(&out, "# ", "Generated from the backends' folders by `make generate`. Set backend, and uncomment the block of its "+
		"section that begins with a single #: those are the keys that it requires. Fill them in; one that stays empty is "+
		"refused. Lines with ## are for reading, and keys to add where they are wanted: without their ##, one level below the section.")
	for _, b := range backends {
		out.WriteString("\n")
		comment(&out, "## ", b.Name+": "+b.Title+".")
		comment(&out, "## ", b.Description)
		for _, place := range slices.Sorted(maps.Keys(b.Places)) {
			comment(&out, "## ", "On "+place+": "+b.Places[place].Says)
		}
		comment(&out, "## ", "Access modes: "+modes(b)+".")
		if options := b.Capabilities.MountOptions.Default; len(options) > 0 {
			comment(&out, "## ", "Mount options when none are set: "+strings.Join(options, ", ")+".")
		}
		if err := keys(&out, b); err != nil {
			return nil, fmt.Errorf("backend %s: %w", b.Name, err)
		}
	}
	return []byte(out.String()), nil
}

// keys writes a backend's blocks of required keys, and the keys that it takes besides.
func keys(out *strings.Builder, b catalog.Backend) error {
	shown := map[string]bool{}
	for _, block := range b.Blocks() {
		fmt.Fprintf(out, "##\n## %s\n# %s:\n", block.Title, b.Name)
		for _, key := range block.Keys {
			shown[key] = true
			if err := property(out, "#   ", b, key, block.Unless[key]); err != nil {
				return err
			}
		}
	}
	optional := slices.DeleteFunc(b.Keys(), func(key string) bool { return shown[key] })
	if len(optional) == 0 {
		return nil
	}
	out.WriteString("##\n## Optional:\n")
	for _, key := range optional {
		if err := property(out, "##   ", b, key, ""); err != nil {
			return err
		}
	}
	return nil
}

// property writes a key with its default, if it has one, below what is to know of it: description, words that it may be or
// an example.
func property(out *strings.Builder, indent string, b catalog.Backend, key, unless string) error {
	property := b.Schema.Properties[key]
	says := fmt.Sprint(property["description"])
	if unless != "" {
		says += " Required unless " + unless + "."
	}
	value, given := property["default"]
	words, closed := property["enum"].([]any)
	if closed {
		text, err := flow(words)
		if err != nil {
			return err
		}
		says += " One of " + strings.Trim(text, "[]") + "."
	}
	if !given && !closed {
		text, err := flow(property["examples"].([]any)[0])
		if err != nil {
			return err
		}
		says += " Example: " + text
	}
	comment(out, indent+"# ", says)
	if !given {
		fmt.Fprintf(out, "%s%s:\n", indent, key)
		return nil
	}
	text, err := flow(value)
	fmt.Fprintf(out, "%s%s: %s\n", indent, key, text)
	return err
}

// flow writes a value as YAML in one line.
func flow(value any) (string, error) {
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return "", err
	}
	node.Style |= yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	return strings.Join(strings.Fields(string(text)), " "), err
}

// comment writes text as lines of the width that begin alike. A longer word gets a separate line.
func comment(out *strings.Builder, begin, text string) {
	line := begin
	for _, word := range strings.Fields(text) {
		if line != begin && len(line)+1+len(word) > width {
			out.WriteString(line + "\n")
			line = begin
		}
		if line != begin {
			line += " "
		}
		line += word
	}
	out.WriteString(line + "\n")
}
