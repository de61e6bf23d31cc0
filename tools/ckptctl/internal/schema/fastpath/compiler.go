package fastpath

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

	"checkpoint-storage/tools/ckptctl/internal/pattern"
)

// compiler compiles schemas when a value first meets them: of a schema with a section for every backend, values meet one.
type compiler struct {
	text []byte
	// members are those of the whole schema.
	members map[string]json.RawMessage
	// referenced are the schemas that references lead to, by the reference, so that one which refers to itself is one.
	referenced sync.Map
	// unsupported says that a schema has what is not compiled: no verdict since can be relied on.
	unsupported atomic.Bool
}

// Compile reads a JSON schema of draft 7. What in it is no schema is found when a value meets it, and supported by no verdict.
func Compile(text []byte) (*Validator, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	v := &Validator{compiler: &compiler{text: text, members: members}}
	v.once.Do(func() { v.keywords(members) })
	return v, nil
}

// schema is one that is yet to be compiled.
func (c *compiler) schema(text json.RawMessage) *Validator {
	return &Validator{compiler: c, source: bytes.TrimSpace(text)}
}

// compile reads the schema's own text.
func (v *Validator) compile() {
	var members map[string]json.RawMessage
	switch {
	case bytes.Equal(v.source, []byte("true")):
	case bytes.Equal(v.source, []byte("false")):
		v.never = true
	case !read(v.source, &members):
		v.compiler.unsupported.Store(true)
	}
	v.keywords(members)
	v.source = nil
}

// keywords compiles the members of the schema.
func (v *Validator) keywords(members map[string]json.RawMessage) {
	v.maxItems, v.maxLength, v.minimum, v.maximum = math.MaxInt, math.MaxInt, math.Inf(-1), math.Inf(1)
	if text, ok := members["$ref"]; ok {
		var ref string
		if !read(text, &ref) {
			v.compiler.unsupported.Store(true)
		}
		v.all = []*Validator{v.compiler.refer(ref)}
		return
	}
	for keyword, text := range members {
		if !v.keyword(keyword, text) {
			v.compiler.unsupported.Store(true)
		}
	}
}

// unsupportedKeywords are the keywords of the draft that judge and are not compiled. Any other word is an annotation.
var unsupportedKeywords = []string{
	"format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minProperties", "maxProperties",
	"contains", "dependencies", "additionalItems", "contentEncoding", "contentMediaType",
}

// keyword compiles one keyword, and returns whether its text is what the draft wants there.
func (v *Validator) keyword(keyword string, text json.RawMessage) bool {
	switch keyword {
	case "type":
		return v.typed(text)
	case "enum":
		var list []any
		fits := read(text, &list) && len(list) > 0
		for _, each := range list {
			v.allow(each)
		}
		return fits
	case "const":
		var value any
		fits := read(text, &value)
		v.allow(value)
		return fits
	case "properties":
		var sections map[string]json.RawMessage
		fits := read(text, &sections)
		v.properties, v.names = make(map[string]*Validator, len(sections)), slices.Sorted(maps.Keys(sections))
		for name, section := range sections {
			v.properties[name] = v.compiler.schema(section)
		}
		return fits
	case "patternProperties":
		var sections map[string]json.RawMessage
		fits := read(text, &sections)
		for _, expression := range slices.Sorted(maps.Keys(sections)) {
			// What is no expression is for the complete validator to report.
			if _, err := regexp.Compile(expression); err != nil {
				return false
			}
			v.patterned = append(v.patterned, patterned{matcher(expression), v.compiler.schema(sections[expression])})
		}
		return fits
	case "required":
		return read(text, &v.required)
	case "minItems":
		return read(text, &v.minItems)
	case "maxItems":
		return read(text, &v.maxItems)
	case "uniqueItems":
		return read(text, &v.unique)
	case "minLength":
		return read(text, &v.minLength)
	case "maxLength":
		return read(text, &v.maxLength)
	case "minimum":
		return read(text, &v.minimum)
	case "maximum":
		return read(text, &v.maximum)
	case "pattern":
		var expression string
		fits := read(text, &expression)
		v.pattern = matcher(expression)
		return fits
	case "allOf":
		return v.cased(text)
	case "anyOf":
		return v.list(text, &v.any)
	case "oneOf":
		return v.list(text, &v.one)
	}
	if one := v.single(keyword); one != nil {
		*one = v.compiler.schema(text)
		return true
	}
	return !slices.Contains(unsupportedKeywords, keyword)
}

// single is where a keyword that takes one schema has it; nil for all others.
func (v *Validator) single(keyword string) **Validator {
	switch keyword {
	case "additionalProperties":
		return &v.additional
	case "propertyNames":
		return &v.keys
	case "items":
		return &v.items
	case "not":
		return &v.not
	case "if":
		return &v.when
	case "then":
		return &v.then
	case "else":
		return &v.or
	}
	return nil
}

// read reads the text of a keyword, and returns whether it is of the right type. No keyword takes null.
func read(text json.RawMessage, into any) bool {
	return json.Unmarshal(text, into) == nil && string(text) != "null"
}

func (v *Validator) typed(text json.RawMessage) bool {
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
		v.types |= typeNames[name]
	}
	return true
}

// matcher says whether a text fits a regular expression, which is compiled when the first text asks: most values meet few of
// a schema's many. What fits no expression at all is for the complete validator to report.
func matcher(expression string) func(string) bool {
	if begin, ok := strings.CutPrefix(expression, "^"); ok && regexp.QuoteMeta(begin) == begin {
		return func(text string) bool { return strings.HasPrefix(text, begin) }
	}
	compiled := sync.OnceValue(func() *pattern.Pattern {
		r, err := regexp.Compile(expression)
		if err != nil {
			return nil
		}
		return pattern.New(r)
	})
	return func(text string) bool {
		is := compiled()
		return is != nil && is.Match(text)
	}
}

func (v *Validator) list(text json.RawMessage, into *[]*Validator) bool {
	var schemas []json.RawMessage
	if !read(text, &schemas) || len(schemas) == 0 {
		return false
	}
	for _, each := range schemas {
		*into = append(*into, v.compiler.schema(each))
	}
	return true
}

// cased compiles allOf, and finds the cases among its schemas: where there are many, few concern one value.
func (v *Validator) cased(text json.RawMessage) bool {
	if !v.list(text, &v.all) {
		return false
	}
	cases := map[string]map[string][]*Validator{}
	for _, each := range v.all {
		name, word := caseOf(each.source)
		if name == "" {
			v.rest = append(v.rest, each)
			continue
		}
		if cases[name] == nil {
			cases[name] = map[string][]*Validator{}
		}
		cases[name][word] = append(cases[name][word], each)
	}
	if len(cases) > 0 {
		v.cases = cases
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

func (v *Validator) allow(value any) {
	v.closed = true
	if word, ok := value.(string); ok {
		v.words = append(v.words, word)
		return
	}
	v.others = append(v.others, value)
}
