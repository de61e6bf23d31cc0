// Package schema validates values against the chart's JSON schema and says what is wrong one mistake at a time.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"checkpoint-storage/tools/ckptctl/internal/schema/fastpath"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Schema is a compiled values schema.
type Schema struct {
	// document is the schema itself, read when it is to be explained.
	document func() map[string]any
	// fast accepts values that are valid, which most are.
	fast *fastpath.Validator
	// index finds keys in it.
	index func() index
	// library is compiled when the fast path does not accept values: it decides, and says why.
	library func() (*jsonschema.Schema, error)
}

// Mistake is one thing in the values that the schema does not allow.
type Mistake struct {
	// Kind is unknown-key, missing-key, type or value.
	Kind string
	// Path is the key that is wrong or missing.
	Path values.Path
	// At is where to look: Path itself, or the section that misses a key.
	At values.Path
	// Key says that the key is wrong rather than the value.
	Key bool

	// Because is the value that makes it a mistake, if one does.
	Because values.Path

	Message, Hint string
	// Edits are what the hint asks for, where it asks for one thing: made, they mend the mistake and make no other.
	Edits []values.Edit
}

const location = "values.schema.json"

// Compile reads a JSON schema.
func Compile(text []byte) (*Schema, error) {
	fast, err := fastpath.Compile(text)
	if err != nil {
		return nil, err
	}
	s := &Schema{fast: fast}
	s.document = sync.OnceValue(func() (document map[string]any) {
		_ = json.Unmarshal(text, &document)
		return document
	})
	s.index = sync.OnceValue(s.indexed)
	s.library = sync.OnceValues(func() (*jsonschema.Schema, error) {
		compiler := jsonschema.NewCompiler()
		compiler.Draft = jsonschema.Draft7
		compiler.LoadURL = func(url string) (io.ReadCloser, error) {
			return nil, fmt.Errorf("the schema refers to %s, and nothing outside of it is read", url)
		}
		if err := compiler.AddResource(location, bytes.NewReader(text)); err != nil {
			return nil, err
		}
		return compiler.Compile(location)
	})
	return s, nil
}

// failure is one keyword that did not hold: the schema around it and the value it judged.
type failure struct {
	// id tells it from all others of the same values.
	id      string
	keyword string
	schema  map[string]any
	path    values.Path
	value   any
	// name says that the value is the name of a key.
	name bool
}

// Validate returns the mistakes in the values, in a stable order. given are the keys that the user wrote, without the
// chart's defaults: a key that is there by default may still be the one that was meant.
func (s *Schema) Validate(instance, given map[string]any) ([]Mistake, error) {
	failures, err := s.failures(instance)
	if len(failures) == 0 || err != nil {
		return nil, err
	}
	proofs := len(failures)
	d := diagnosis{schema: s, instance: instance, given: given, before: map[string]bool{}, proofs: &proofs}
	for _, f := range failures {
		d.before[f.id] = true
	}
	mistakes := d.mistakes(failures)
	return inOrder(mistakes), nil
}

// Backend says whether the schema has a backend of the name that is not retired.
func (s *Schema) Backend(name string) bool {
	d := diagnosis{schema: s}
	retired, _ := d.schemaOf(values.Path{name})["deprecated"].(bool)
	return !retired && slices.Contains(texts(d.schemaOf(values.Path{"backend"})["enum"]), name)
}

// failures are the keywords that do not hold for the values, each once.
func (s *Schema) failures(instance map[string]any) ([]failure, error) {
	if s.fast.Valid(instance) {
		return nil, nil
	}
	library, err := s.library()
	if err != nil {
		return nil, err
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(s.part(library, instance).Validate(s.few(instance)), &invalid) {
		return nil, nil
	}
	var out []failure
	seen := map[string]bool{}
	s.leaves(invalid, instance, func(f failure) {
		if !seen[f.id] {
			seen[f.id] = true
			out = append(out, f)
		}
	})
	return out, nil
}

// part is the schema without the conditions that hold. A chart has many, of which few concern one values file, and for each
// the library copies the names of all keys.
func (s *Schema) part(library *jsonschema.Schema, instance map[string]any) *jsonschema.Schema {
	failing, ok := s.fast.Failing(instance)
	if !ok || library.Ref != nil {
		return library
	}
	part := *library
	part.AllOf = make([]*jsonschema.Schema, len(failing))
	for i, at := range failing {
		part.AllOf[i] = library.AllOf[at]
	}
	return &part
}

// enough is how many unknown keys the library is shown.
const enough = 100

// few is the instance without most of its unknown keys, where it has many: for each of the schema's many conditions the
// library copies every key, and to know which are unknown it takes one.
func (s *Schema) few(instance map[string]any) map[string]any {
	document := s.document()
	known, _ := document["properties"].(map[string]any)
	if len(instance) < len(known)+enough || document["additionalProperties"] != false {
		return instance
	}
	out, unknown := make(map[string]any, len(known)+enough), 0
	for key, value := range instance {
		if !takes(document, key) {
			if unknown++; unknown > enough {
				continue
			}
		}
		out[key] = value
	}
	return out
}

// inOrder sorts mistakes by where they are, and by what they say.
func inOrder(mistakes []Mistake) []Mistake {
	keys := make([]string, len(mistakes))
	order := make([]int, len(mistakes))
	for i, m := range mistakes {
		keys[i], order[i] = m.Path.String()+m.Message, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	sorted := make([]Mistake, len(mistakes))
	for i, from := range order {
		sorted[i] = mistakes[from]
	}
	return sorted
}

// leaves visits the keywords that failed by themselves, not those that only report that something below them did.
func (s *Schema) leaves(e *jsonschema.ValidationError, instance map[string]any, visit func(failure)) {
	for _, cause := range e.Causes {
		s.leaves(cause, instance, visit)
	}
	if len(e.Causes) > 0 {
		return
	}
	_, pointer, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	steps := unescape(pointer)
	if len(steps) == 0 {
		return
	}
	around, _ := lookup(s.document(), steps[:len(steps)-1]).(map[string]any)
	where := unescape(e.InstanceLocation)
	f := failure{
		id:      pointer + " " + e.InstanceLocation,
		keyword: steps[len(steps)-1], schema: around, path: pathOf(instance, where), value: lookup(instance, where),
	}
	if f.name = strings.Contains(e.KeywordLocation, "/propertyNames/"); f.name {
		f.value = where[len(where)-1]
	}
	visit(f)
}

func unescape(pointer string) []string {
	if pointer == "" {
		return nil
	}
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, step := range steps {
		if plain, err := url.PathUnescape(step); err == nil {
			step = plain
		}
		steps[i] = escapes.Replace(step)
	}
	return steps
}

var escapes = strings.NewReplacer("~1", "/", "~0", "~")

func lookup(value any, steps []string) any {
	for _, step := range steps {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			value = at[i]
		default:
			return nil
		}
	}
	return value
}

// pathOf turns the steps of a JSON pointer into a path: items of lists are written [0].
func pathOf(instance any, steps []string) values.Path {
	var path values.Path
	for i, step := range steps {
		if _, list := lookup(instance, steps[:i]).([]any); list {
			step = fmt.Sprintf("[%s]", step)
		}
		path = append(path, step)
	}
	return path
}
