package values

import (
	"maps"
	"slices"
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

func position(file string, node *yaml.Node, shift int) Position {
	return Position{File: file, Line: shift + node.Line, Column: node.Column}
}

// origin is the shape of a document: where each of its keys stands. It is made only when there is something to point at.
type origin struct {
	Position
	key      Position
	children map[string]*origin
}

// origins are the positions of everything in the file, or nil when it has nothing that has a position.
func (f *File) origins() *origin {
	var all *origin
	for _, d := range f.documents {
		p := placer{file: f.Name, shift: d.shift, budget: maxNodes}
		if o := p.place(d.root, d.root, 0); o.children != nil {
			all = all.merge(o)
		}
	}
	if all == nil {
		return nil
	}
	for _, step := range slices.Backward(f.at) {
		all = &origin{Position: all.Position, key: all.key, children: map[string]*origin{step: all}}
	}
	return all
}

type placer struct {
	file   string
	shift  int
	budget int
}

func (p *placer) place(key, node *yaml.Node, depth int) *origin {
	p.budget--
	o := &origin{Position: position(p.file, node, p.shift), key: position(p.file, key, p.shift)}
	for node.Kind == yaml.AliasNode && node.Alias != nil && depth < 100 {
		node = node.Alias
		depth++
	}
	if p.budget <= 0 || depth >= 100 {
		return o
	}
	switch node.Kind {
	case yaml.ScalarNode:
		o.Text, o.Quoted = node.Value, !isPlain(node)
	case yaml.MappingNode:
		o.children = map[string]*origin{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Tag == "!!merge" {
				p.inherit(o, node.Content[i+1], depth+1)
				continue
			}
			name, _ := keyName(node.Content[i])
			o.children[name] = p.place(node.Content[i], node.Content[i+1], depth+1)
		}
	case yaml.SequenceNode:
		o.children = map[string]*origin{}
		for i, item := range node.Content {
			o.children[index(i)] = p.place(item, item, depth+1)
		}
	}
	return o
}

// inherit takes over the keys of what is merged with <<, from a map or from each map of a list.
func (p *placer) inherit(o *origin, node *yaml.Node, depth int) {
	from := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		from = node.Content
	}
	for _, each := range from {
		for name, child := range p.place(each, each, depth).children {
			if o.children[name] == nil {
				o.children[name] = child
			}
		}
	}
}

// merge lays a later document over this one, as Helm merges values: maps key by key, anything else as a whole.
func (o *origin) merge(later *origin) *origin {
	if o == nil || o.children == nil || later.children == nil {
		return later
	}
	if o.isList() || later.isList() {
		return later
	}
	merged := &origin{Position: later.Position, key: later.key, children: maps.Clone(o.children)}
	for name, child := range later.children {
		merged.children[name] = merged.children[name].merge(child)
	}
	return merged
}

// add lays an option over this, in place: there may be thousands of them. An option sets one item of a list, and leaves the
// others.
func (o *origin) add(later *origin) {
	children := o.children
	if *o = *later; children == nil || later.children == nil {
		return
	}
	for name, child := range later.children {
		if below := children[name]; below != nil {
			below.add(child)
		} else {
			children[name] = child
		}
	}
	o.children = children
}

func (o *origin) isList() bool {
	for name := range o.children {
		return strings.HasPrefix(name, "[")
	}
	return false
}

// at finds what stands at a path, or nil.
func (o *origin) at(path Path) *origin {
	for _, step := range path {
		if o == nil {
			return nil
		}
		o = o.children[step]
	}
	return o
}

// everywhere gives every value below the same position.
func everywhere(value any, at Position) *origin {
	o := &origin{Position: at, key: at}
	switch value := value.(type) {
	case map[string]any:
		o.children = map[string]*origin{}
		for name, child := range value {
			o.children[name] = everywhere(child, at)
		}
	case []any:
		o.children = map[string]*origin{}
		for i, child := range value {
			if child != nil {
				o.children[index(i)] = everywhere(child, at)
			}
		}
	}
	return o
}
