package schema

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"sync"
	"unicode/utf8"
)

// quick is a schema compiled to answer yes or no, and nothing else, without an allocation but for compiling it when it is
// first asked. What it calls invalid, and what it cannot judge, goes to the library, which says why.
type quick struct {
	by     *quickly
	source json.RawMessage
	once   sync.Once

	never bool
	// types has the JSON types that are allowed; 0 allows all.
	types types
	// properties are by name; names has them in order.
	properties map[string]*quick
	names      []string
	additional *quick
	// patterned are for the keys whose names fit an expression, beside those of properties.
	patterned []patterned
	// keys judges the names of all properties.
	keys      *quick
	required  []string
	items     *quick
	minItems  int
	maxItems  int
	unique    bool
	minLength int
	maxLength int
	// cases are those of all that say something only where a key has a certain word, by key and word; rest are the others.
	cases   map[string]map[string][]*quick
	rest    []*quick
	pattern func(string) bool
	minimum float64
	maximum float64
	// words are the allowed strings, others all other allowed values.
	words  []string
	others []any
	closed bool

	all, any, one []*quick
	not           *quick
	when          *quick
	then, or      *quick
}

// patterned is a schema for the keys that fit an expression.
type patterned struct {
	fits   func(string) bool
	schema *quick
}

// types is a set of JSON types.
type types uint8

const (
	typeNull types = 1 << iota
	typeBoolean
	typeNumber
	typeInteger
	typeString
	typeArray
	typeObject
)

var typeNames = map[string]types{
	"null": typeNull, "boolean": typeBoolean, "number": typeNumber, "integer": typeInteger, "string": typeString,
	"array": typeArray, "object": typeObject,
}

// valid judges a value as JSON has it: nil, bool, float64, string, []any and map[string]any.
func (k *quick) valid(value any) bool {
	k.once.Do(k.compile)
	if k.never {
		return false
	}
	var is types
	ok := true
	switch value := value.(type) {
	case map[string]any:
		is, ok = typeObject, k.object(value)
	case []any:
		is, ok = typeArray, k.array(value)
	case string:
		is, ok = typeString, k.text(value)
	case float64:
		is, ok = typeNumber, value >= k.minimum && value <= k.maximum
		if value == math.Trunc(value) {
			is |= typeInteger
		}
	case bool:
		is = typeBoolean
	case nil:
		is = typeNull
	default:
		// Options of the command line bring other types of number; they are few, and the library knows them.
		return false
	}
	return ok && (k.types == 0 || k.types&is != 0) && (!k.closed || k.allowed(value)) && k.combined(value)
}

func (k *quick) object(value map[string]any) bool {
	for _, name := range k.required {
		if _, ok := value[name]; !ok {
			return false
		}
	}
	if k.keys != nil {
		for name := range value {
			if !k.keys.valid(name) {
				return false
			}
		}
	}
	if k.additional == nil && k.patterned == nil {
		// Fewer look-ups: a condition asks for a few keys of many.
		for _, name := range k.names {
			if each, ok := value[name]; ok && !k.properties[name].valid(each) {
				return false
			}
		}
		return true
	}
	for name, each := range value {
		property := k.properties[name]
		if property != nil && !property.valid(each) {
			return false
		}
		known := property != nil
		for _, p := range k.patterned {
			if p.fits(name) {
				if known = true; !p.schema.valid(each) {
					return false
				}
			}
		}
		if !known && k.additional != nil && !k.additional.valid(each) {
			return false
		}
	}
	return true
}

func (k *quick) array(value []any) bool {
	if len(value) < k.minItems || len(value) > k.maxItems {
		return false
	}
	if k.items != nil {
		for _, each := range value {
			if !k.items.valid(each) {
				return false
			}
		}
	}
	if k.unique {
		for i := range value {
			for j := range i {
				if equal(value[i], value[j]) {
					return false
				}
			}
		}
	}
	return true
}

func (k *quick) text(value string) bool {
	if k.minLength > 0 || k.maxLength < len(value) {
		if n := utf8.RuneCountInString(value); n < k.minLength || n > k.maxLength {
			return false
		}
	}
	return k.pattern == nil || k.pattern(value)
}

func (k *quick) allowed(value any) bool {
	if word, ok := value.(string); ok {
		return slices.Contains(k.words, word)
	}
	for _, other := range k.others {
		if equal(value, other) {
			return true
		}
	}
	return false
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	}
	return reflect.DeepEqual(a, b)
}

func (k *quick) combined(value any) bool {
	all := k.all
	if section, ok := value.(map[string]any); ok && k.cases != nil {
		all = k.rest
		for name, words := range k.cases {
			word, _ := section[name].(string)
			for _, each := range words[word] {
				if !each.valid(value) {
					return false
				}
			}
		}
	}
	for _, each := range all {
		if !each.valid(value) {
			return false
		}
	}
	if k.when != nil {
		branch := k.then
		if !k.when.valid(value) {
			branch = k.or
		}
		if branch != nil && !branch.valid(value) {
			return false
		}
	}
	if k.not != nil && k.not.valid(value) {
		return false
	}
	return (k.any == nil || count(k.any, value) > 0) && (k.one == nil || count(k.one, value) == 1)
}

func count(schemas []*quick, value any) int {
	n := 0
	for _, each := range schemas {
		if each.valid(value) {
			n++
		}
	}
	return n
}
