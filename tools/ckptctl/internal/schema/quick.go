package schema

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// quick is a schema compiled to answer yes or no, and nothing else, without an allocation. What it calls invalid, and
// what it cannot judge, goes to the library, which says why.
type quick struct {
	never bool
	// types has the JSON types that are allowed; 0 allows all.
	types types
	// properties are by name; names has them in order.
	properties map[string]*quick
	names      []string
	additional *quick
	required   []string
	items      *quick
	minItems   int
	maxItems   int
	unique     bool
	minLength  int
	maxLength  int
	pattern    *regexp.Regexp
	minimum    float64
	maximum    float64
	// words are the allowed strings, others all other allowed values.
	words  []string
	others []any
	closed bool

	all, any, one []*quick
	not           *quick
	when          *quick
	then, or      *quick
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

// quickly compiles schemas; ones that refer to themselves end where they began.
type quickly struct {
	document map[string]any
	done     map[string]*quick
}

// errBeyond says that a schema has a keyword that only the library knows.
var errBeyond = errors.New("beyond the quick check")

func (q *quickly) compile(schema any) (*quick, error) {
	out := &quick{maxItems: math.MaxInt, maxLength: math.MaxInt, minimum: math.Inf(-1), maximum: math.Inf(1)}
	switch schema := schema.(type) {
	case bool:
		out.never = !schema
		return out, nil
	case map[string]any:
		if ref, ok := schema["$ref"].(string); ok {
			// In this draft what stands beside a reference does not judge.
			return q.refer(ref)
		}
		for _, keyword := range sortedKeys(schema) {
			if err := q.keyword(out, keyword, schema); err != nil {
				return nil, fmt.Errorf("%s: %w", keyword, err)
			}
		}
		return out, nil
	}
	return nil, errBeyond
}

func (q *quickly) refer(ref string) (*quick, error) {
	if done := q.done[ref]; done != nil {
		return done, nil
	}
	pointer, local := strings.CutPrefix(ref, "#")
	target := lookup(q.document, unescape(pointer))
	if !local || target == nil {
		return nil, errBeyond
	}
	out := &quick{}
	q.done[ref] = out
	compiled, err := q.compile(target)
	if err != nil {
		return nil, err
	}
	*out = *compiled
	return out, nil
}

// annotations say something to people and editors, and judge nothing.
var annotations = []string{
	"$schema", "$id", "$comment", "title", "description", "default", "examples", "definitions", "errorMessage", "patternErrorMessage",
	"deprecationMessage", "markdownDescription", "deprecated", "readOnly", "writeOnly",
}

func (q *quickly) keyword(out *quick, keyword string, schema map[string]any) (err error) {
	value := schema[keyword]
	number, isNumber := value.(float64)
	list, isList := value.([]any)
	section, isMap := value.(map[string]any)
	fits := true
	switch keyword {
	case "type":
		names := list
		if !isList {
			names = []any{value}
		}
		for _, name := range names {
			word, _ := name.(string)
			out.types |= typeNames[word]
			fits = fits && typeNames[word] != 0
		}
	case "enum":
		fits, out.closed = isList && len(list) > 0, true
		for _, each := range list {
			out.allow(each)
		}
	case "const":
		out.closed = true
		out.allow(value)
	case "properties":
		fits, out.properties, out.names = isMap, make(map[string]*quick, len(section)), sortedKeys(section)
		for _, name := range out.names {
			if out.properties[name], err = q.compile(section[name]); err != nil {
				return err
			}
		}
	case "additionalProperties":
		out.additional, err = q.compile(value)
	case "required":
		fits, out.required = isList, stringsOf(value)
	case "items":
		out.items, err = q.compile(value)
	case "minItems":
		fits, out.minItems = isNumber, int(number)
	case "maxItems":
		fits, out.maxItems = isNumber, int(number)
	case "uniqueItems":
		out.unique, fits = value.(bool)
	case "minLength":
		fits, out.minLength = isNumber, int(number)
	case "maxLength":
		fits, out.maxLength = isNumber, int(number)
	case "minimum":
		fits, out.minimum = isNumber, number
	case "maximum":
		fits, out.maximum = isNumber, number
	case "pattern":
		text, _ := value.(string)
		out.pattern, err = regexp.Compile(text)
	case "allOf":
		out.all, err = q.list(list)
	case "anyOf":
		out.any, err = q.list(list)
	case "oneOf":
		out.one, err = q.list(list)
	case "not":
		out.not, err = q.compile(value)
	case "if":
		out.when, err = q.compile(value)
	case "then":
		out.then, err = q.compile(value)
	case "else":
		out.or, err = q.compile(value)
	default:
		fits = slices.Contains(annotations, keyword)
	}
	if err == nil && !fits {
		return errBeyond
	}
	return err
}

func (q *quickly) list(schemas []any) ([]*quick, error) {
	var out []*quick
	for _, schema := range schemas {
		compiled, err := q.compile(schema)
		if err != nil {
			return nil, err
		}
		out = append(out, compiled)
	}
	return out, nil
}

func (k *quick) allow(value any) {
	if word, ok := value.(string); ok {
		k.words = append(k.words, word)
		return
	}
	k.others = append(k.others, value)
}

// valid judges a value as JSON has it: nil, bool, float64, string, []any and map[string]any.
func (k *quick) valid(value any) bool {
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
	if k.additional == nil {
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
		if property == nil {
			property = k.additional
		}
		if !property.valid(each) {
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
	return k.pattern == nil || k.pattern.MatchString(value)
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
	for _, each := range k.all {
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
