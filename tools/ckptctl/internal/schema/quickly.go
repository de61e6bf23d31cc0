package schema

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// quickly compiles schemas when a value first meets them: of a schema with a section for every backend, values meet one.
type quickly struct {
	text []byte
	// members are those of the whole schema.
	members map[string]json.RawMessage
	// done are the schemas that references lead to; ones that refer to themselves end where they began.
	done sync.Map
	// beyond says that a schema had what only the library knows: what was judged since is not to be relied upon.
	beyond atomic.Bool
}

// schema is one that is yet to be compiled.
func (q *quickly) schema(text json.RawMessage) *quick {
	return &quick{by: q, source: bytes.TrimSpace(text)}
}

// refer returns the schema that a reference leads to; what stands beside one does not judge in this draft.
func (q *quickly) refer(ref string) *quick {
	if done, ok := q.done.Load(ref); ok {
		return done.(*quick)
	}
	at := q.target(ref)
	if at == nil || q.leads(at, ref, map[string]bool{}) {
		q.beyond.Store(true)
		return q.schema([]byte("false"))
	}
	done, _ := q.done.LoadOrStore(ref, q.schema(at))
	return done.(*quick)
}

// target is the text that a reference leads to; nil when there is none in the schema.
func (q *quickly) target(ref string) json.RawMessage {
	pointer, local := strings.CutPrefix(ref, "#")
	at, members := json.RawMessage(q.text), q.members
	for i, step := range unescape(pointer) {
		if i > 0 && json.Unmarshal(at, &members) != nil {
			return nil
		}
		// A map that is there would be added to by the next step.
		at, members = members[step], nil
	}
	if !local {
		return nil
	}
	return at
}

// reference is a keyword that refers, or a key of the values that has its name.
var reference = regexp.MustCompile(`"\$ref"\s*:\s*"([^"]*)"`)

// leads says whether the references in a text lead to one of them, at any remove: a schema that refers to itself may have no
// end, which the library finds out.
func (q *quickly) leads(text json.RawMessage, to string, seen map[string]bool) bool {
	for _, found := range reference.FindAllSubmatch(text, -1) {
		ref := string(found[1])
		if ref == to {
			return true
		}
		if !seen[ref] {
			seen[ref] = true
			if q.leads(q.target(ref), to, seen) {
				return true
			}
		}
	}
	return false
}

// compile reads the schema's own text.
func (k *quick) compile() {
	var members map[string]json.RawMessage
	switch {
	case bytes.Equal(k.source, []byte("true")):
	case bytes.Equal(k.source, []byte("false")):
		k.never = true
	case !read(k.source, &members):
		k.by.beyond.Store(true)
	}
	k.keywords(members)
	k.source = nil
}

// keywords compiles the members of the schema.
func (k *quick) keywords(members map[string]json.RawMessage) {
	k.maxItems, k.maxLength, k.minimum, k.maximum = math.MaxInt, math.MaxInt, math.Inf(-1), math.Inf(1)
	if text, ok := members["$ref"]; ok {
		var ref string
		if !read(text, &ref) {
			k.by.beyond.Store(true)
		}
		k.all = []*quick{k.by.refer(ref)}
		return
	}
	for keyword, text := range members {
		if !k.keyword(keyword, text) {
			k.by.beyond.Store(true)
		}
	}
}

// beyond are the keywords of the draft that judge and are not compiled. Any other word judges nothing: it says something
// to people and editors.
var beyond = []string{
	"format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minProperties", "maxProperties",
	"contains", "dependencies", "additionalItems", "contentEncoding", "contentMediaType",
}

// keyword compiles one keyword, and returns whether its text is what the draft wants there.
func (k *quick) keyword(keyword string, text json.RawMessage) bool {
	switch keyword {
	case "type":
		return k.typed(text)
	case "enum":
		var list []any
		fits := read(text, &list) && len(list) > 0
		for _, each := range list {
			k.allow(each)
		}
		return fits
	case "const":
		var value any
		fits := read(text, &value)
		k.allow(value)
		return fits
	case "properties":
		var sections map[string]json.RawMessage
		fits := read(text, &sections)
		k.properties, k.names = make(map[string]*quick, len(sections)), slices.Sorted(maps.Keys(sections))
		for name, section := range sections {
			k.properties[name] = k.by.schema(section)
		}
		return fits
	case "patternProperties":
		var sections map[string]json.RawMessage
		fits := read(text, &sections)
		for _, expression := range slices.Sorted(maps.Keys(sections)) {
			// What is no expression is for the library to complain of.
			if _, err := regexp.Compile(expression); err != nil {
				return false
			}
			k.patterned = append(k.patterned, patterned{matcher(expression), k.by.schema(sections[expression])})
		}
		return fits
	case "required":
		return read(text, &k.required)
	case "minItems":
		return read(text, &k.minItems)
	case "maxItems":
		return read(text, &k.maxItems)
	case "uniqueItems":
		return read(text, &k.unique)
	case "minLength":
		return read(text, &k.minLength)
	case "maxLength":
		return read(text, &k.maxLength)
	case "minimum":
		return read(text, &k.minimum)
	case "maximum":
		return read(text, &k.maximum)
	case "pattern":
		var expression string
		fits := read(text, &expression)
		k.pattern = matcher(expression)
		return fits
	case "allOf":
		return k.cased(text)
	case "anyOf":
		return k.list(text, &k.any)
	case "oneOf":
		return k.list(text, &k.one)
	}
	if one := k.single(keyword); one != nil {
		*one = k.by.schema(text)
		return true
	}
	return !slices.Contains(beyond, keyword)
}

// single is where a keyword that takes one schema has it; nil for all others.
func (k *quick) single(keyword string) **quick {
	switch keyword {
	case "additionalProperties":
		return &k.additional
	case "propertyNames":
		return &k.keys
	case "items":
		return &k.items
	case "not":
		return &k.not
	case "if":
		return &k.when
	case "then":
		return &k.then
	case "else":
		return &k.or
	}
	return nil
}

// read reads the text of a keyword, and returns whether it is of the right type. No keyword takes null.
func read(text json.RawMessage, into any) bool {
	return json.Unmarshal(text, into) == nil && string(text) != "null"
}

func (k *quick) typed(text json.RawMessage) bool {
	var names []string
	if text[0] == '"' {
		names = []string{""}
		if !read(text, &names[0]) {
			return false
		}
	} else if !read(text, &names) {
		return false
	}
	for _, name := range names {
		if typeNames[name] == 0 {
			return false
		}
		k.types |= typeNames[name]
	}
	return true
}

// matcher says whether a text fits a regular expression, which is compiled when the first text asks: most values meet few of
// a schema's many. What fits no expression at all is for the library to complain of.
func matcher(expression string) func(string) bool {
	if begin, ok := strings.CutPrefix(expression, "^"); ok && regexp.QuoteMeta(begin) == begin {
		return func(text string) bool { return strings.HasPrefix(text, begin) }
	}
	compiled := sync.OnceValue(func() *regexp.Regexp {
		r, err := regexp.Compile(expression)
		if err != nil {
			return nil
		}
		return r
	})
	return func(text string) bool {
		r := compiled()
		return r != nil && r.MatchString(text)
	}
}

func (k *quick) list(text json.RawMessage, into *[]*quick) bool {
	var schemas []json.RawMessage
	if !read(text, &schemas) || len(schemas) == 0 {
		return false
	}
	for _, each := range schemas {
		*into = append(*into, k.by.schema(each))
	}
	return true
}

// cased compiles allOf, and finds the cases among its schemas: where there are many, few concern one value.
func (k *quick) cased(text json.RawMessage) bool {
	if !k.list(text, &k.all) {
		return false
	}
	cases := map[string]map[string][]*quick{}
	for _, each := range k.all {
		name, word := caseOf(each.source)
		if name == "" {
			k.rest = append(k.rest, each)
			continue
		}
		if cases[name] == nil {
			cases[name] = map[string][]*quick{}
		}
		cases[name][word] = append(cases[name][word], each)
	}
	if len(cases) > 0 {
		k.cases = cases
	}
	return true
}

// caseOf returns the key, and its word, without which a schema says nothing about an object; "" where there is none.
func caseOf(text json.RawMessage) (name, word string) {
	var section map[string]json.RawMessage
	var when struct {
		Properties map[string]struct{ Const any }
		Required   []string
	}
	if !read(text, &section) || section["then"] == nil || len(section) != 2 || !read(section["if"], &when) {
		return "", ""
	}
	for _, name := range when.Required {
		if word, ok := when.Properties[name].Const.(string); ok {
			return name, word
		}
	}
	return "", ""
}

func (k *quick) allow(value any) {
	k.closed = true
	if word, ok := value.(string); ok {
		k.words = append(k.words, word)
		return
	}
	k.others = append(k.others, value)
}
