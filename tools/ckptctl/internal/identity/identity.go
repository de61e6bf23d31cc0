// Package identity compares the storage of two stores, independently of how its address is spelled.
package identity

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Shard stands for a shard's number.
const Shard = "{shard}"

// Storage identifies where a store's data is. The facts of a backend map its keys to these fields.
type Storage struct {
	// Kind names the storage system: backends of one kind reach the same storage.
	Kind string
	// Places are the addresses of its servers; one in common is enough.
	Places []string
	// Words are the other identifying keys in order.
	Words []string
	// Directory is the absolute path in it; "" if the storage is used as a whole.
	Directory string
	// Nodes are the nodes that it belongs to; nil if it is not local to nodes.
	Nodes Nodes
	// Shards is the number of storages if Shard stands for their numbers; 0 for a single one.
	Shards int
}

// Relation is the relation of one storage to another.
type Relation int

// The relations.
const (
	Apart Relation = iota
	Same
	// Inside and Around: its directory lies in the other's, or the other's in its.
	Inside
	Around
)

// To returns the relation of the storage to another.
func (s Storage) To(other Storage) Relation {
	if s.Kind != other.Kind {
		return Apart
	}
	found := s.to(other)
	switch {
	case found != Apart || (s.Shards > 0) == (other.Shards > 0):
		return found
	case s.Shards > 0:
		return s.one(other, func(shard Storage) Relation { return shard.to(other) })
	default:
		return other.one(s, s.to)
	}
}

// one looks for a shard that is not apart: its number is one that the other storage spells.
func (s Storage) one(other Storage, relation func(shard Storage) Relation) Relation {
	for _, text := range number.FindAllString(strings.Join(other.texts(), " "), -1) {
		if n, err := strconv.Atoi(text); err == nil && n < s.Shards {
			if found := relation(s.shard(text)); found != Apart {
				return found
			}
		}
	}
	return Apart
}

var number = regexp.MustCompile(`[0-9]+`)

func (s Storage) to(other Storage) Relation {
	if !slices.Equal(s.Words, other.Words) || !common(s.Places, other.Places) || !s.Nodes.meet(other.Nodes) {
		return Apart
	}
	switch {
	case s.Directory == other.Directory:
		return Same
	case within(s.Directory, other.Directory):
		return Inside
	case within(other.Directory, s.Directory):
		return Around
	}
	return Apart
}

func common(a, b []string) bool {
	return len(a) == 0 && len(b) == 0 || slices.ContainsFunc(a, func(place string) bool { return slices.Contains(b, place) })
}

// within says that a directory lies in another.
func within(inner, outer string) bool {
	return outer == "/" && inner != "" || outer != "" && strings.HasPrefix(inner, outer+"/")
}

// texts returns all strings that identify the storage, apart from its nodes.
func (s Storage) texts() []string { return slices.Concat(s.Places, s.Words, []string{s.Directory}) }

// Numbered reports whether each shard has its own storage.
func (s Storage) Numbered() bool {
	return slices.ContainsFunc(s.texts(), func(text string) bool { return strings.Contains(text, Shard) }) || s.Nodes.numbered()
}

// Key is the same for two storages that are the same on any node, and are spelled alike in the end.
func (s Storage) Key() string { return s.Kind + "\x00" + strings.Join(s.texts(), "\x00") }

// shard is the storage of one shard.
func (s Storage) shard(number string) Storage {
	fill := func(texts []string) []string {
		out := make([]string, len(texts))
		for i, text := range texts {
			out[i] = strings.ReplaceAll(text, Shard, number)
		}
		return out
	}
	s.Places, s.Words, s.Directory = fill(s.Places), fill(s.Words), strings.ReplaceAll(s.Directory, Shard, number)
	s.Nodes, s.Shards = s.Nodes.shard(fill), 0
	return s
}

// Directory joins the steps of a path, of which each lies in the one before; without any, it is the whole.
func Directory(steps ...string) string { return path.Join(append([]string{"/"}, steps...)...) }
