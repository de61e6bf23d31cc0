package schema

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"checkpoint-storage/tools/ckptctl/internal/values"

	"sigs.k8s.io/yaml"
)

// habits are what people write who come from other charts.
type habits struct {
	Blocks      []string
	Inside, Top map[string]habit
	Notes       map[string]string
	// Abbreviations are words that are written out in values.
	Abbreviations map[string]string
	// Sections are keys of Kubernetes' own volume types that share their name with a backend, by section.
	Sections map[string]map[string]string
	// Backend is that of a class of which nothing else is known.
	Backend string
}

// habit is what to write instead of one key.
type habit struct {
	To    string
	List  bool
	And   map[string]any
	Class bool
	Alone bool
	Drop  []any
}

//go:embed habits.yaml
var habitsText []byte

var knownHabits = sync.OnceValue(func() (h habits) {
	if err := yaml.UnmarshalStrict(habitsText, &h); err != nil {
		panic("habits.yaml: " + err.Error())
	}
	return h
})

// habit finds what to write instead of a key of the top level that other charts have; ok is false where nothing is known
// that the values would be right with.
func (d diagnosis) habit(key string) (hint string, edits []values.Edit, ok bool) {
	value := d.instance[key]
	block, isMap := value.(map[string]any)
	if slices.Contains(knownHabits().Blocks, key) && isMap {
		return d.block(key, block)
	}
	if note, ok := knownHabits().Notes[key]; ok {
		return "remove it: " + note, []values.Edit{{From: values.Path{key}}}, true
	}
	h, known := knownHabits().Top[key]
	if !known {
		return "", nil, false
	}
	written, taken := d.written(h, value)
	if taken || len(written) == 0 {
		return "", nil, false
	}
	edits = append([]values.Edit{{From: values.Path{key}}}, written...)
	if !d.proven(edits...) {
		return "", nil, false
	}
	return "write instead: " + listed(written), exact(edits...), true
}

// block translates what another chart says of its volume.
func (d diagnosis) block(key string, block map[string]any) (hint string, edits []values.Edit, ok bool) {
	edits = []values.Edit{{From: values.Path{key}}}
	var said, left []values.Edit
	var unsaid []string
	alone := false
	for _, below := range slices.Sorted(maps.Keys(block)) {
		value := block[below]
		h, known := knownHabits().Inside[below]
		switch empty := value == nil || value == "" || isEmpty(value); {
		case empty || known && slices.Contains(h.Drop, value):
			continue
		case !known:
			unsaid = append(unsaid, below)
			continue
		}
		written, taken := d.written(h, value)
		if taken {
			continue
		}
		if len(written) == 0 || !d.proven(slices.Concat(edits, said, written)...) {
			unsaid = append(unsaid, below)
			continue
		}
		if h.Alone {
			alone, left = true, append(left, written...)
		}
		said = append(said, written...)
	}
	if alone {
		said = left
	}
	rest := ""
	if len(unsaid) > 0 {
		rest = "; nothing stands for " + strings.Join(unsaid, ", ")
	}
	edits = append(edits, said...)
	if len(said) == 0 {
		return "remove it" + rest, edits, true
	}
	if rest == "" {
		edits = exact(edits...)
	}
	return "write instead: " + listed(said) + rest, edits, d.proven(edits...)
}

// written are the edits that say in this chart's words what a value says in another's. taken says that the user wrote the
// key already.
func (d diagnosis) written(h habit, value any) (edits []values.Edit, taken bool) {
	if h.To == "" {
		return nil, false
	}
	to := values.ParsePath(h.To)
	if lookup(d.given, to) != nil {
		return nil, true
	}
	if _, list := value.([]any); h.List && !list {
		value = []any{value}
	}
	if to[0] == "storageClassName" && value == "-" {
		// Charts that leave "" out write it so.
		value = ""
	}
	and := maps.Clone(h.And)
	if h.Class && value != "" && d.given["provisioning"] == nil {
		and = map[string]any{"provisioning": "dynamic"}
		if d.given["backend"] == nil {
			and["backend"] = knownHabits().Backend
		}
	}
	for _, key := range slices.Sorted(maps.Keys(and)) {
		if path := values.ParsePath(key); lookup(d.given, path) != and[key] {
			edits = append(edits, values.Edit{To: path, Value: and[key]})
		}
	}
	return append(edits, values.Edit{To: to, Value: value}), false
}

// listed shows what edits write, key by key.
func listed(edits []values.Edit) string {
	var out []string
	for _, e := range edits {
		if e.To != nil {
			out = append(out, shown(e.To, e.Value))
		}
	}
	return strings.Join(out, ", ")
}

// shown is a key with its value as YAML has them in one line.
func shown(path values.Path, value any) string {
	out := text(value)
	for _, step := range slices.Backward(path[1:]) {
		out = fmt.Sprintf("{%s: %s}", step, out)
	}
	return path[0] + ": " + out
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	return false
}
