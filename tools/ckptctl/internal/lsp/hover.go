package lsp

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"go.yaml.in/yaml/v3"
)

// hover explains what stands at a position: the key, the value where it names a backend or a framework, the rule that a
// comment names, and the rules of what was found there. nil is nothing.
func (s *server) hover(_ context.Context, p hoverParams) (*hover, error) {
	d := s.documents[values.Canonical(nameOf(p.TextDocument.URI))]
	if d == nil {
		return nil, nil
	}
	var parts []string
	add := func(topic string) bool {
		text := plain.Text(strings.TrimSpace(s.Explain(topic)))
		if text == "" || slices.Contains(parts, text) {
			return false
		}
		parts = append(parts, text)
		return true
	}
	found, at := s.topics(d, p.Position)
	for _, topic := range found {
		if add(topic) {
			break
		}
	}
	for i, f := range d.findings {
		if r := d.shown[i].Range; meets(r, span{p.Position, p.Position}) && add(f.Rule) && at == nil {
			at = &r
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	out := &hover{Contents: markup{"plaintext", strings.Join(parts, "\n\n")}, Range: at}
	if s.markdown {
		out.Contents = markup{"markdown", "```text\n" + strings.Join(parts, "\n```\n---\n```text\n") + "\n```"}
	}
	return out, nil
}

var accepted = regexp.MustCompile(`#\s*ckptctl:accept\s+(\S+)`)

// topics are what may be asked about at a position, the likeliest first, and where it stands.
func (s *server) topics(d *document, at position) ([]string, *span) {
	line := lineOf(d.text, at.Line)
	if m := accepted.FindStringSubmatchIndex(line); m != nil {
		from, to := units(line[:m[2]]), units(line[:m[3]])
		if from <= at.Character && at.Character <= to {
			return []string{line[m[2]:m[3]]}, &span{position{at.Line, from}, position{at.Line, to}}
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(d.text)))
	for {
		var root yaml.Node
		if decoder.Decode(&root) != nil {
			return nil, nil
		}
		if topics, where := s.under(&root, nil, d, at); where != nil {
			return topics, where
		}
	}
}

// under looks for a position among the keys and values of a node.
func (s *server) under(node *yaml.Node, path values.Path, d *document, at position) ([]string, *span) {
	within := func(n *yaml.Node) *span {
		r := rangeOf(d.text, n.Line, n.Column)
		if n.Kind != yaml.ScalarNode || !meets(r, span{at, at}) {
			return nil
		}
		return &r
	}
	for i, child := range node.Content {
		below := path
		if node.Kind == yaml.MappingNode {
			below = path.To(values.Key(node.Content[i-i%2]))
			if i%2 == 0 {
				if r := within(child); r != nil {
					return keys(below), r
				}
				continue
			}
		}
		if r := within(child); r != nil {
			topics := keys(below)
			if named(below) {
				// The backend, or the framework, says more than the key.
				topics = append([]string{child.Value}, topics...)
			}
			return topics, r
		}
		if topics, r := s.under(child, below, d, at); r != nil {
			return topics, r
		}
	}
	return nil, nil
}

// named says that a value is the name of a backend or of a framework.
func named(path values.Path) bool {
	last := len(path) - 1
	return path[last] == "backend" || last > 0 && path[last-1] == "frameworks"
}

// keys are the names that a key may have: that of the chart itself, or below the name that a parent gives the chart.
func keys(path values.Path) []string {
	var out []string
	for i := range path {
		out = append(out, path[i:].String())
	}
	return out
}
