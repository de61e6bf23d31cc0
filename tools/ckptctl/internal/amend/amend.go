// Package amend makes edits in the text of a values file, and leaves everything else in it as it is: comments, order,
// indentation, quotes, anchors and line ends. What it cannot make so, it does not make.
package amend

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"checkpoint-storage/tools/ckptctl/internal/values"

	"go.yaml.in/yaml/v3"
)

// errCannot says that an edit would change more than it should, or something that stands elsewhere.
var errCannot = errors.New("the text has no place for the edit")

// Edits returns the text with the edits made, proven: both Helms read from it what they read before but for the edits, and
// every comment is still there.
func Edits(text []byte, edits []values.Edit) ([]byte, error) {
	out := text
	hole := -1
	for _, e := range edits {
		d, err := parse(out)
		if err != nil {
			return nil, err
		}
		d.hole = hole
		if out, err = d.make(e); err != nil {
			return nil, err
		}
		hole = d.hole
	}
	if err := proven(text, out, edits); err != nil {
		return nil, err
	}
	return out, nil
}

// Comment returns the text without the comment that begins at a line and a column, which count from 1.
func Comment(text []byte, line, column int) ([]byte, error) {
	d := &document{text: text, lines: linesOf(text)}
	from := d.offset(line, column)
	if from < 0 || text[from] != '#' {
		return nil, errCannot
	}
	to := from + bytes.IndexAny(append(text[from:len(text):len(text)], '\n'), "\r\n")
	for from > d.lines[line-1] && (text[from-1] == ' ' || text[from-1] == '\t') {
		from--
	}
	if from == d.lines[line-1] {
		// The line was the comment.
		to = d.lineEnd(line)
	}
	out := splice(text, from, to, "")
	if err := proven(text, out, nil); err != nil {
		return nil, err
	}
	return out, nil
}

// proven says whether both Helms read from the new text what they read from the old one, but for the edits.
func proven(before, after []byte, edits []values.Edit) error {
	for _, helm := range []values.Helm{values.Helm3, values.Helm4} {
		was, err := values.Parse("values.yaml", before, helm)
		if err != nil {
			return err
		}
		is, err := values.Parse("values.yaml", after, helm)
		if err != nil {
			return err
		}
		want := values.Apply(was.Values, edits)
		if len(want)+len(is.Values) > 0 && !reflect.DeepEqual(want, is.Values) {
			return errCannot
		}
	}
	return nil
}

// document is a text of one YAML document.
type document struct {
	text []byte
	root *yaml.Node
	// lines are where each line begins, and after the last one, the end.
	lines []int
	// hole is where the last edit took something away, or -1.
	hole int
}

func parse(text []byte) (*document, error) {
	if !utf8.Valid(text) {
		return nil, errCannot
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		return nil, err
	}
	// Helm 3 reads the first document only, Helm 4 all of them.
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errCannot
	}
	if len(first.Content) == 0 || first.Content[0].Kind != yaml.MappingNode {
		return nil, errCannot
	}
	return &document{text: text, root: first.Content[0], lines: linesOf(text), hole: -1}, nil
}

func linesOf(text []byte) []int {
	lines := []int{0}
	for i, c := range text {
		if c == '\n' {
			lines = append(lines, i+1)
		}
	}
	if lines[len(lines)-1] != len(text) {
		lines = append(lines, len(text))
	}
	return lines
}

// offset is where a line and a column are, or -1.
func (d *document) offset(line, column int) int {
	if line < 1 || line >= len(d.lines) {
		return -1
	}
	at := d.lines[line-1]
	if line == 1 && bytes.HasPrefix(d.text, []byte("\ufeff")) {
		at += len("\ufeff")
	}
	for ; column > 1 && at < len(d.text); column-- {
		_, size := utf8.DecodeRune(d.text[at:])
		at += size
	}
	if at >= len(d.text) {
		return -1
	}
	return at
}

// lineOf is the line, counted from 1, that an offset is in.
func (d *document) lineOf(at int) int {
	return bytes.Count(d.text[:at], []byte("\n")) + 1
}

// lineEnd is where the next line begins.
func (d *document) lineEnd(line int) int { return d.lines[min(line, len(d.lines)-1)] }

// newline is how the text ends its lines.
func (d *document) newline() string {
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func splice(text []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(text)-(to-from)+len(with))
	out = append(out, text[:from]...)
	out = append(out, with...)
	return append(out, text[to:]...)
}

// entry is a key of a map with its value, or an item of a list.
type entry struct {
	// key is nil for an item.
	key, value *yaml.Node
	// parent is the map or the list that has it.
	parent *yaml.Node
}

// find finds what stands at a path, in the text itself: not by an alias, nor merged from elsewhere.
func (d *document) find(path values.Path) (entry, bool) {
	at := entry{value: d.root}
	for _, step := range path {
		next, ok := below(at.value, step)
		if !ok {
			return entry{}, false
		}
		at = next
	}
	return at, len(path) > 0
}

func below(node *yaml.Node, step string) (entry, bool) {
	var found entry
	times := 0
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if key := node.Content[i]; key.Kind == yaml.ScalarNode && values.Key(key) == step && key.Tag != "!!merge" {
				found = entry{key, node.Content[i+1], node}
				times++
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if step == fmt.Sprintf("[%d]", i) {
				found = entry{nil, item, node}
				times++
			}
		}
	}
	// Of a key that stands twice, either may be the one that is meant.
	return found, times == 1
}

// start is where a node begins, and whether that is certain.
func (d *document) start(node *yaml.Node) (int, bool) {
	at := d.offset(node.Line, node.Column)
	return at, at >= 0
}

// span is where a scalar, or a list or map in brackets, begins and ends. What has an anchor or a tag, stands in a block or
// over several lines without quotes has none.
func (d *document) span(node *yaml.Node) (from, to int, ok bool) {
	from, ok = d.start(node)
	if !ok || node.Anchor != "" || node.Style&yaml.TaggedStyle != 0 {
		return 0, 0, false
	}
	switch {
	case node.Kind == yaml.ScalarNode && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		to = d.scalarEnd(node, from)
	case node.Kind != yaml.ScalarNode && node.Style&yaml.FlowStyle != 0:
		to = d.flowEnd(from)
	}
	return from, to, to > from
}

func (d *document) scalarEnd(node *yaml.Node, from int) int {
	switch {
	case node.Style&yaml.DoubleQuotedStyle != 0:
		for i := from + 1; d.text[from] == '"' && i < len(d.text); i++ {
			switch d.text[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
	case node.Style&yaml.SingleQuotedStyle != 0:
		for i := from + 1; d.text[from] == '\'' && i < len(d.text); i++ {
			if d.text[i] != '\'' {
				continue
			}
			if i+1 < len(d.text) && d.text[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
	case bytes.HasPrefix(d.text[from:], []byte(node.Value)):
		return from + len(node.Value)
	}
	return -1
}

// flowEnd is where the brackets close that open at an offset; -1 where a comment stands in between.
func (d *document) flowEnd(from int) int {
	depth, before := 0, byte(' ')
	for i := from; i < len(d.text); i++ {
		c := d.text[i]
		switch {
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case c == '#' && strings.IndexByte(" \t\r\n", d.text[i-1]) >= 0:
			return -1
		case (c == '"' || c == '\'') && strings.IndexByte("[{,:", before) >= 0:
			style := yaml.DoubleQuotedStyle
			if c == '\'' {
				style = yaml.SingleQuotedStyle
			}
			end := d.scalarEnd(&yaml.Node{Style: style}, i)
			if end < 0 {
				return -1
			}
			i = end - 1
		}
		if strings.IndexByte(" \t\r\n", c) < 0 {
			before = c
		}
	}
	return -1
}
