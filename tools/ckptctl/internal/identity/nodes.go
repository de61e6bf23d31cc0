package identity

import (
	"maps"
	"slices"
	"strings"
)

// Nodes are some of a cluster's nodes: those whose labels have, for each label of one of the terms, one of its values.
// nil are all.
type Nodes []map[string][]string

// meet says that a node may be one of both.
func (n Nodes) meet(other Nodes) bool {
	if n == nil || other == nil {
		return true
	}
	for _, a := range n {
		for _, b := range other {
			if !apart(a, b) {
				return true
			}
		}
	}
	return false
}

// apart says that no node fits both terms.
func apart(a, b map[string][]string) bool {
	for label, values := range a {
		others, named := b[label]
		if named && !slices.ContainsFunc(values, func(value string) bool { return slices.Contains(others, value) }) {
			return true
		}
	}
	return false
}

// Equal reports whether both have the same labels and values.
func (n Nodes) Equal(other Nodes) bool {
	return slices.EqualFunc(n, other, func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal) })
}

func (n Nodes) numbered() bool {
	for _, term := range n {
		for _, values := range term {
			if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, Shard) }) {
				return true
			}
		}
	}
	return false
}

// shard has the values filled in.
func (n Nodes) shard(fill func([]string) []string) Nodes {
	if n == nil {
		return nil
	}
	out := make(Nodes, len(n))
	for i, term := range n {
		out[i] = make(map[string][]string, len(term))
		for label, values := range term {
			out[i][label] = fill(values)
		}
	}
	return out
}
