package schema

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
)

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

// beyond are the keywords of the draft that judge and are not compiled. Any other word judges nothing: it says something
// to people and editors.
var beyond = []string{
	"format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "minProperties", "maxProperties", "patternProperties", "propertyNames",
	"contains", "dependencies", "additionalItems", "contentEncoding", "contentMediaType",
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
		text, isText := value.(string)
		fits, out.pattern = isText, matcher(text)
	case "allOf":
		if out.all, err = q.list(list); err == nil {
			out.sort(list)
		}
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
		fits = !slices.Contains(beyond, keyword)
	}
	if err == nil && !fits {
		return errBeyond
	}
	return err
}

// matcher says whether a text fits a regular expression, which is compiled when the first text asks: most values meet few of
// a schema's many. What fits no expression at all is for the library to complain of.
func matcher(expression string) func(string) bool {
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

// sort finds the cases among all, of which list are the schemas: where there are many, few concern one value.
func (k *quick) sort(list []any) {
	cases := map[string]map[string][]*quick{}
	for i, schema := range list {
		name, word := caseOf(schema)
		if name == "" {
			k.rest = append(k.rest, k.all[i])
			continue
		}
		if cases[name] == nil {
			cases[name] = map[string][]*quick{}
		}
		cases[name][word] = append(cases[name][word], k.all[i])
	}
	if len(cases) > 0 {
		k.cases = cases
	}
}

// caseOf returns the key, and its word, without which a schema says nothing about an object; "" where there is none.
func caseOf(schema any) (name, word string) {
	section, _ := schema.(map[string]any)
	when, _ := section["if"].(map[string]any)
	if section["then"] == nil || len(section) != 2 {
		return "", ""
	}
	properties, _ := when["properties"].(map[string]any)
	for _, name := range stringsOf(when["required"]) {
		property, _ := properties[name].(map[string]any)
		if word, ok := property["const"].(string); ok {
			return name, word
		}
	}
	return "", ""
}

func (k *quick) allow(value any) {
	if word, ok := value.(string); ok {
		k.words = append(k.words, word)
		return
	}
	k.others = append(k.others, value)
}
