package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/values"
)

// diagnosis turns keywords that failed into mistakes of the user.
type diagnosis struct {
	schema          *Schema
	instance, given map[string]any
	// before are the ids of all failures.
	before map[string]bool
	// proofs counts the failures that were looked at: those of the values, and those of each edit that was tried.
	proofs *int
}

func (d diagnosis) mistakes(failures []failure) []Mistake {
	var out []Mistake
	// A key that is spelled wrong, or stands in the wrong place, is missing in the right one: that is one mistake.
	explained := map[string]bool{}
	lacking := lacking(failures)
	for _, f := range failures {
		if f.keyword == "additionalProperties" {
			out = append(out, d.unknown(f, explained, lacking[f.path.String()])...)
		}
	}
	for _, f := range onePerValue(failures) {
		switch f.keyword {
		case "additionalProperties":
		case "required":
			for _, key := range stringsOf(f.schema["required"]) {
				path := f.path.To(key)
				if _, there := f.value.(map[string]any)[key]; !there && !explained[path.String()] {
					explained[path.String()] = true
					out = append(out, d.missing(f.path, path))
				}
			}
		default:
			out = append(out, d.wrong(f))
		}
	}
	return out
}

// onePerValue keeps, of what is wrong with one value, what says the most.
func onePerValue(failures []failure) []failure {
	rank := func(keyword string) int {
		// A wrong type explains the rest, and what is empty need not have a form.
		return slices.Index([]string{"pattern", "enum", "minLength", "type"}, keyword)
	}
	var out []failure
	at := map[string]int{}
	for _, f := range failures {
		i, before := at[f.path.String()]
		switch {
		case f.keyword == "required" || f.keyword == "additionalProperties" || !before:
			if f.keyword != "required" && f.keyword != "additionalProperties" {
				at[f.path.String()] = len(out)
			}
			out = append(out, f)
		case rank(f.keyword) > rank(out[i].keyword):
			out[i] = f
		}
	}
	return out
}

// lacking are the keys that sections need and do not have, by the path of the section.
func lacking(failures []failure) map[string][]string {
	out := map[string][]string{}
	for _, f := range failures {
		if f.keyword != "required" {
			continue
		}
		section := f.path.String()
		for _, key := range stringsOf(f.schema["required"]) {
			if _, there := f.value.(map[string]any)[key]; !there && !slices.Contains(out[section], key) {
				out[section] = append(out[section], key)
			}
		}
	}
	return out
}

// unknown reports the keys that a section does not have; keys that all belong in one other place are one mistake.
func (d diagnosis) unknown(f failure, explained map[string]bool, lacking []string) []Mistake {
	section, _ := f.value.(map[string]any)
	known, _ := f.schema["properties"].(map[string]any)
	taken, _ := lookup(d.given, f.path).(map[string]any)
	words := slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(key string) bool {
		property, _ := known[key].(map[string]any)
		// What is accepted to be refused in words, the retired volume types aside, whose names are close to a backend's.
		return property["deprecated"] == true && len(f.path) > 0
	})
	homes := map[string][]string{}
	var out []Mistake
	for _, key := range slices.Sorted(maps.Keys(section)) {
		if takes(f.schema, key) {
			continue
		}
		path := f.path.To(key)
		m := Mistake{Kind: "unknown-key", Path: path, At: path, Key: true, Message: fmt.Sprintf("there is no such key%s.", in(f.path))}
		moved := func(to values.Path) values.Edit { return values.Edit{From: path, To: to, Value: section[key]} }
		if hint := knownHabits().Sections[f.path.String()][key]; hint != "" {
			m.Hint = hint
			out = append(out, m)
			continue
		}
		home, ok := d.home(f.path, key)
		ok = ok && d.proven(moved(values.ParsePath(home).To(key)))
		// A key of the chosen backend, letter by letter, is no misspelling of another.
		own := ok && home != "" && home == d.instance["backend"]
		if near := nearest(key, words, taken); near != "" && !own {
			if m.Hint, m.Edits = d.renamed(moved(f.path.To(near)), key, alone(near, key, words, taken) && !rivals(f.schema, section, key, near)); m.Hint != "" {
				explained[f.path.To(near).String()] = true
				out = append(out, m)
				continue
			}
		}
		if source := f.path.To("source"); len(f.path) == 2 && f.path[0] == "shardOverrides" && d.proven(moved(source.To(key))) {
			m.Hint, m.Edits = fmt.Sprintf("move %s under source:", key), exact(moved(source.To(key)))
			explained[source.String()] = true
			out = append(out, m)
			continue
		}
		if deeper := d.deeper(f.path, known, key); deeper != nil && d.proven(moved(deeper)) {
			m.Hint, m.Edits = fmt.Sprintf("move %s under %s:", key, deeper[len(deeper)-2]), exact(moved(deeper))
			explained[deeper[:len(deeper)-1].String()] = true
			out = append(out, m)
			continue
		}
		if len(f.path) == 2 && f.path[0] == "shardOverrides" && key == d.instance["backend"] && d.proven(moved(f.path.To("source"))) {
			m.Hint, m.Edits = "write source instead: the keys of a shard's own storage are those of the backend's section", exact(moved(f.path.To("source")))
			explained[f.path.To("source").String()] = true
			out = append(out, m)
			continue
		}
		if to := values.ParsePath(key); len(f.path) == 0 && len(to) == 2 && lookup(d.given, to) == nil && d.schemaOf(to) != nil && d.proven(moved(to)) {
			// A dot is part of a key in a file, and a step in an option.
			m.Hint, m.Edits = "write instead: "+listed([]values.Edit{moved(to)}), exact(moved(to))
			explained[to[0]], explained[key] = true, true
			out = append(out, m)
			continue
		}
		if len(f.path) == 0 {
			if hint, edits, ok := d.habit(key); ok {
				m.Hint, m.Edits = hint, edits
				out = append(out, m)
				continue
			}
		}
		if name := holder.FindStringSubmatch(key); name != nil {
			anchor := values.Path{"x-" + name[1]}
			if lookup(d.given, anchor) == nil && d.proven(moved(anchor)) {
				m.Hint = fmt.Sprintf("write it as %s at the top level, where keys that begin with x- hold anchors, or remove it", anchor)
				m.Edits = []values.Edit{moved(anchor)}
				out = append(out, m)
				continue
			}
		}
		if ok {
			homes[home] = append(homes[home], key)
			explained[strings.TrimPrefix(home+"."+key, ".")] = true
			explained[home] = true
			continue
		}
		m.Hint, m.Edits = "remove it; the keys are: "+strings.Join(words, ", "), []values.Edit{{From: path}}
		if len(f.path) == 0 {
			m.Hint = "remove it; `helm show values` lists the keys"
		}
		// Of a key that many sections have, where else it would fit says nothing.
		switch owners := d.owners(key); {
		case len(owners) > 0 && len(owners) <= 3:
			m.Hint = fmt.Sprintf("remove it; it is a key of %s", strings.Join(owners, " and "))
		case len(f.path) == 0 && d.joined(key) != "" && d.proven(moved(values.ParsePath(d.joined(key)))):
			m.Hint = fmt.Sprintf("did you mean %s?", d.joined(key))
			m.Edits = exact(moved(values.ParsePath(d.joined(key))))
		case len(lacking) == 1 && len(section) <= len(known) && d.proven(moved(f.path.To(lacking[0]))):
			// The one key that is too many is the one that is missing, in other words.
			m.Hint = fmt.Sprintf("did you mean %s?", lacking[0])
			m.Edits = []values.Edit{moved(f.path.To(lacking[0]))}
			explained[f.path.To(lacking[0]).String()] = true
			lacking = nil
		}
		out = append(out, m)
	}
	for _, home := range slices.Sorted(maps.Keys(homes)) {
		keys := homes[home]
		var because values.Path
		if home != "" && home == d.instance["backend"] {
			because = values.Path{"backend"}
		}
		path := f.path.To(keys[0])
		place := "to the top level"
		if home != "" {
			place = "under " + home + ":"
		}
		var edits []values.Edit
		for _, key := range keys {
			edits = append(edits, values.Edit{From: f.path.To(key), To: values.ParsePath(home).To(key), Value: section[key]})
		}
		out = append(out, Mistake{Kind: "unknown-key", Path: path, At: path, Key: true, Because: because, Edits: exact(edits...),
			Message: fmt.Sprintf("there is no such key%s.", in(f.path)), Hint: fmt.Sprintf("move %s %s", strings.Join(keys, ", "), place)})
	}
	return out
}

// deeper is where a key stands that belongs in the one section below which has it; nil where there is none, or it is taken.
func (d diagnosis) deeper(at values.Path, known map[string]any, key string) (to values.Path) {
	if len(at) == 0 || len(d.owners(key)) > 1 {
		return nil
	}
	for _, section := range slices.Sorted(maps.Keys(known)) {
		keys, _ := d.schemaOf(at.To(section))["properties"].(map[string]any)
		if keys[key] == nil {
			continue
		}
		if to != nil {
			return nil
		}
		to = at.To(section).To(key)
	}
	if to == nil || lookup(d.given, to) != nil {
		return nil
	}
	return to
}

// holder is how people name keys of the top level that hold anchors, here and in Compose files.
var holder = regexp.MustCompile(`^(?:[._]+(?:x-)?|[xX][-_])(.+)$`)

// renamed asks whether another key was meant, if the value fits that one, or can be made to. What is wrong further below
// is for the next hint. alone says that no other name is as near.
func (d diagnosis) renamed(e values.Edit, key string, alone bool) (string, []values.Edit) {
	if !d.mayTry() {
		return "", nil
	}
	// Names that differ in nothing but their spelling are the same, whatever the value.
	sure := fold(e.To[len(e.To)-1]) == fold(key)
	e.Exact = alone
	hint := fmt.Sprintf("did you mean %s?", e.To[len(e.To)-1])
	for _, f := range d.after(e) {
		if len(f.path) != len(e.To) || f.keyword == "additionalProperties" {
			continue
		}
		m := d.wrong(f)
		if len(m.Edits) == 1 && slices.Equal(m.Edits[0].To, e.To) {
			e.Value, e.Exact = m.Edits[0].Value, alone && m.Edits[0].Exact
			return hint + " " + m.Hint, []values.Edit{e}
		}
		if !sure {
			return "", nil
		}
		return hint + " It " + m.Message, nil
	}
	return hint, []values.Edit{e}
}

// rivals says that a section has another key that may be the same one, misspelt.
func rivals(schema, section map[string]any, key, near string) bool {
	for other := range section {
		if other != key && !takes(schema, other) && nearest(other, []string{near}, nil) != "" {
			return true
		}
	}
	return false
}

// takes says that a section has a key, by its name or by what the name begins with.
func takes(section map[string]any, key string) bool {
	if known, _ := section["properties"].(map[string]any); known[key] != nil {
		return true
	}
	expressions, _ := section["patternProperties"].(map[string]any)
	for expression := range expressions {
		if fits, err := regexp.MatchString(expression, key); err == nil && fits {
			return true
		}
	}
	return false
}

// joined finds the key of a section whose names make up the word together: existingClaim is claim.existing.
func (d diagnosis) joined(word string) string { return d.schema.index().joined[fold(word)] }

// home finds the section that a key was meant for: the chosen backend's, the top level, or the only one that has it.
func (d diagnosis) home(from values.Path, key string) (string, bool) {
	owners := d.owners(key)
	backend, _ := d.instance["backend"].(string)
	if section, _ := d.given[backend].(map[string]any); slices.Contains(owners, backend) && (len(from) == 0 || from[0] != backend) && section[key] == nil {
		return backend, true
	}
	if top, _ := d.schema.document()["properties"].(map[string]any); len(from) > 0 {
		// What the user wrote there is not to be overwritten.
		return "", top[key] != nil && d.given[key] == nil
	}
	// A key that several sections have says nothing of where it was meant to stand.
	if len(owners) == 1 && !slices.Contains(texts(d.schemaOf(values.Path{"backend"})["enum"]), owners[0]) {
		return owners[0], true
	}
	return "", false
}

// owners are the sections of the top level that have a key.
func (d diagnosis) owners(key string) []string { return d.schema.index().owners[key] }

// index finds keys in the sections of the top level.
type index struct {
	// owners are the sections that have a key, in order.
	owners map[string][]string
	// joined are the keys, with their sections, by the words that both make up together, whichever comes first.
	joined map[string]string
}

func (s *Schema) indexed() index {
	out := index{owners: map[string][]string{}, joined: map[string]string{}}
	top, _ := s.document()["properties"].(map[string]any)
	for _, section := range slices.Sorted(maps.Keys(top)) {
		keys, _ := diagnosis{schema: s}.schemaOf(values.Path{section})["properties"].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			out.owners[key] = append(out.owners[key], section)
			for _, word := range []string{fold(section + key), fold(key + section)} {
				if out.joined[word] == "" {
					out.joined[word] = section + "." + key
				}
			}
		}
	}
	return out
}

func (d diagnosis) missing(section, path values.Path) Mistake {
	m := Mistake{Kind: "missing-key", Path: path, At: section, Message: "is missing."}
	schema := d.schemaOf(path)
	if backend, ok := d.instance["backend"].(string); ok && len(path) > 0 && path[0] == backend {
		m.Message = fmt.Sprintf("is missing, and backend %s needs it.", backend)
		m.Because = values.Path{"backend"}
		if len(path) == 1 {
			m.At = values.Path{"backend"}
		}
	}
	example := d.example(path, schema)
	m.Hint = "give it a value; `helm show values` lists the keys"
	if edit := (values.Edit{To: path, Value: parsed(example)}); example != "…" && d.proven(edit) {
		m.Hint, m.Edits = "set "+path.String()+": "+example, []values.Edit{edit}
	}
	return m
}

// example is something to paste: a section with the keys that the chosen backend needs, or the schema's own example.
func (d diagnosis) example(path values.Path, schema map[string]any) string {
	if keys, ok := schema["properties"].(map[string]any); ok {
		var parts []string
		for _, key := range d.needed(path) {
			child, _ := keys[key].(map[string]any)
			parts = append(parts, key+": "+d.example(path.To(key), child))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	if shown, ok := schema["examples"].([]any); ok && len(shown) > 0 {
		return text(shown[0])
	}
	if allowed, ok := schema["enum"].([]any); ok && len(allowed) > 0 {
		return text(allowed[0])
	}
	return "…"
}

// needed are the keys that the schema's conditions ask of a section for the values at hand.
func (d diagnosis) needed(path values.Path) []string {
	conditions, _ := d.schema.document()["allOf"].([]any)
	for _, c := range conditions {
		then, _ := c.(map[string]any)["then"].(map[string]any)
		sections, _ := then["properties"].(map[string]any)
		if section, ok := sections[path.String()].(map[string]any); ok {
			return stringsOf(section["required"])
		}
	}
	return nil
}

// schemaOf finds what the schema says of a path.
func (d diagnosis) schemaOf(path values.Path) map[string]any {
	at := d.schema.document()
	for _, step := range path {
		child := at["items"]
		if !strings.HasPrefix(step, "[") {
			keys, _ := at["properties"].(map[string]any)
			child = keys[step]
		}
		at, _ = child.(map[string]any)
		if ref, ok := at["$ref"].(string); ok {
			// What stands beside a reference does not judge, but it describes.
			joined := map[string]any{}
			target, _ := lookup(d.schema.document(), unescape(strings.TrimPrefix(ref, "#"))).(map[string]any)
			for _, from := range []map[string]any{target, at} {
				for key, value := range from {
					joined[key] = value
				}
			}
			at = joined
		}
	}
	return at
}

func in(path values.Path) string {
	if len(path) == 0 {
		return ""
	}
	return " in " + path.String()
}

func text(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(out)
}

func stringsOf(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
