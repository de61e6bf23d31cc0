package values

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// YAMLWarning is about something that Helm takes in silence, and in another way than its author may think.
type YAMLWarning struct {
	// Rule is the last part of its id.
	Rule string
	At   Position
	Path Path
	// Message and Hint are as in a finding.
	Message, Hint string
	// Edits are what the hint asks for, where it asks for one thing.
	Edits []Edit
}

// converter turns a document's nodes into the values that Helm reads from the same text, and warns of what it reads in another way than people.
type converter struct {
	file     string
	shift    int
	warnings []YAMLWarning
	path     []step
	budget   int
	// beyond says that the document has something that only Helm's own reader can tell.
	beyond bool
	// suspicious says that the text may hold placeholders.
	suspicious bool
	// unfolding are the anchors that the node at hand is in: one that contains itself has no end.
	unfolding map[*yaml.Node]bool
}

// step is a key, or the number of an item.
type step struct {
	key   string
	index int
}

func (c *converter) here() Path {
	path := make(Path, len(c.path))
	for i, s := range c.path {
		if path[i] = s.key; s.index >= 0 {
			path[i] = index(s.index)
		}
	}
	return path
}

func (c *converter) warn(rule string, node *yaml.Node, message, hint string, edits ...Edit) {
	c.warnings = append(c.warnings, YAMLWarning{
		Rule: rule, At: position(c.file, node, c.shift), Path: c.here(), Message: message, Hint: hint, Edits: edits,
	})
}

func (c *converter) convert(node *yaml.Node) any {
	if c.budget--; c.budget < 0 || node.Style&yaml.TaggedStyle != 0 {
		c.beyond = true
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return c.mapping(node)
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		c.path = append(c.path, step{})
		for i, item := range node.Content {
			c.path[len(c.path)-1] = step{index: i}
			list[i] = c.convert(item)
		}
		c.path = c.path[:len(c.path)-1]
		return list
	case yaml.ScalarNode:
		return c.scalar(node)
	}
	// An alias: what it unfolds to, and whether it may, is for Helm's own reader to say.
	c.beyond = true
	if node.Kind != yaml.AliasNode || node.Alias == nil || c.unfolding[node.Alias] {
		return nil
	}
	if c.unfolding == nil {
		c.unfolding = map[*yaml.Node]bool{}
	}
	c.unfolding[node.Alias] = true
	defer delete(c.unfolding, node.Alias)
	return c.convert(node.Alias)
}

func (c *converter) mapping(node *yaml.Node) any {
	section := make(map[string]any, len(node.Content)/2)
	// first has the line in which each key stands first, once one stands twice.
	var first map[string]int
	c.path = append(c.path, step{index: -1})
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name, ok := keyName(key)
		if !ok {
			c.beyond = true
		}
		c.path[len(c.path)-1] = step{key: name, index: -1}
		if _, twice := section[name]; twice {
			if first == nil {
				first = firstOf(node)
			}
			c.warn("duplicate-key", key, fmt.Sprintf("the key stands in line %d already, and Helm takes only this last one.",
				c.shift+first[name]), "keep one of the two")
		}
		if ok && isPlain(key) && key.Value != name && (name == "true" || name == "false") && key.Value != "True" && key.Value != "TRUE" {
			c.warn("boolean-key", key, fmt.Sprintf("YAML 1.1, which Helm reads, takes the key %s for the boolean %s, and Helm makes it %q.",
				key.Value, name, name), fmt.Sprintf("put the key in quotes: %q", key.Value),
				Edit{From: c.here(), To: c.here()[:len(c.path)-1].To(key.Value)})
		}
		c.placeholder(key, key.Value)
		section[name] = c.convert(value)
	}
	c.path = c.path[:len(c.path)-1]
	return section
}

func firstOf(node *yaml.Node) map[string]int {
	lines := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		name, _ := keyName(node.Content[i])
		if _, before := lines[name]; !before {
			lines[name] = node.Content[i].Line
		}
	}
	return lines
}

// placeholder notes what is to be replaced in a key or a value.
func (c *converter) placeholder(node *yaml.Node, text string) {
	if !c.suspicious {
		return
	}
	if what, how := placeholder(c.here(), text); what != "" {
		c.warn("placeholder", node, fmt.Sprintf("%s is a placeholder that nothing has filled in.", what), how)
	}
}

func (c *converter) scalar(node *yaml.Node) any {
	c.placeholder(node, node.Value)
	if !isPlain(node) {
		return node.Value
	}
	s := plain(node.Value)
	if s.refused {
		c.beyond = true
		return nil
	}
	if s.whole != "" {
		number := s.value.(float64)
		switch {
		case rounded(s.whole, number):
			c.warn("rounded-number", node, fmt.Sprintf("Helm holds numbers as 64-bit floats, and makes %s into %s.",
				s.whole, strconv.FormatFloat(number, 'f', -1, 64)), fmt.Sprintf("put it in quotes: %q", s.whole),
				Edit{To: c.here(), Value: s.whole})
		case octal(s.whole):
			c.warn("octal-number", node, fmt.Sprintf("a leading zero makes a number octal in YAML 1.1: Helm reads %s as %s.",
				s.whole, strconv.FormatFloat(number, 'f', -1, 64)), fmt.Sprintf("put it in quotes: %q", s.whole),
				Edit{To: c.here(), Value: s.whole})
		}
	}
	return s.value
}

// isPlain says that a scalar stands without quotes and in no block.
func isPlain(node *yaml.Node) bool {
	return node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
}

// keyName is a key as Helm sees it, and whether it is certain: by the older rules of YAML the words on and yes are
// booleans, and a boolean key becomes "true".
func keyName(node *yaml.Node) (name string, certain bool) {
	if node.Kind != yaml.ScalarNode {
		return node.Value, false
	}
	if !isPlain(node) {
		return node.Value, node.Style&yaml.TaggedStyle == 0
	}
	if node.Value == "<<" {
		return node.Value, false
	}
	s := plain(node.Value)
	if s.noKey {
		return node.Value, false
	}
	return s.key, true
}

// Key is what Helm calls the key of a map that a node stands for.
func Key(node *yaml.Node) string {
	name, _ := keyName(node)
	return name
}
