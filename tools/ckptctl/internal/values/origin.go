package values

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Position is where a value was set.
type Position struct {
	// File is a file's name as it was given, or the command-line option.
	File string
	// Line and Column count from 1; 0 where there are none.
	Line, Column int
	// Text is the scalar as it was written, "" for maps, lists and options.
	Text string
	// Quoted says that the scalar stands in quotes or in a block.
	Quoted bool
}

// origin is the shape of a document: where each of its keys stands.
type origin struct {
	Position
	key      Position
	children map[string]*origin
}

// maxNodes bounds what aliases may unfold to; beyond it positions are those of the nearest key that has one.
const maxNodes = 200_000

// origins reads the positions of a YAML document. What YAML's newer rules cannot read has none.
func origins(file string, node *yaml.Node) *origin {
	budget := maxNodes
	return place(file, node, node, &budget, 0)
}

func place(file string, key, node *yaml.Node, budget *int, depth int) *origin {
	*budget--
	o := &origin{
		Position: Position{File: file, Line: node.Line, Column: node.Column},
		key:      Position{File: file, Line: key.Line, Column: key.Column},
	}
	for node.Kind == yaml.AliasNode && node.Alias != nil && depth < 100 {
		node = node.Alias
		depth++
	}
	if *budget <= 0 || depth >= 100 {
		return o
	}
	switch node.Kind {
	case yaml.ScalarNode:
		o.Text, o.Quoted = node.Value, node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	case yaml.MappingNode:
		o.children = map[string]*origin{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			child := place(file, node.Content[i], node.Content[i+1], budget, depth+1)
			if node.Content[i].Tag == "!!merge" {
				for name, merged := range child.children {
					if o.children[name] == nil {
						o.children[name] = merged
					}
				}
				continue
			}
			o.children[keyName(node.Content[i])] = child
		}
	case yaml.SequenceNode:
		o.children = map[string]*origin{}
		for i, item := range node.Content {
			o.children[index(i)] = place(file, item, item, budget, depth+1)
		}
	}
	return o
}

// keyName is a key as Helm sees it: by the older rules of YAML the words on and yes are booleans, and a boolean key
// becomes "true".
func keyName(node *yaml.Node) string {
	if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		if b, ok := booleanWord(node.Value); ok {
			return map[bool]string{true: "true", false: "false"}[b]
		}
	}
	return node.Value
}

// booleanWord is what a plain scalar means by YAML 1.1, which Helm reads.
func booleanWord(text string) (value, ok bool) {
	switch text {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// merge lays a later document over this one, as Helm merges values: maps key by key, anything else as a whole.
func (o *origin) merge(later *origin, lists bool) *origin {
	if o == nil || o.children == nil || later.children == nil {
		return later
	}
	if !lists && (o.isList() || later.isList()) {
		return later
	}
	merged := &origin{Position: later.Position, key: later.key, children: map[string]*origin{}}
	for name, child := range o.children {
		merged.children[name] = child
	}
	for name, child := range later.children {
		merged.children[name] = merged.children[name].merge(child, lists)
	}
	return merged
}

func (o *origin) isList() bool {
	for name := range o.children {
		return strings.HasPrefix(name, "[")
	}
	return false
}
