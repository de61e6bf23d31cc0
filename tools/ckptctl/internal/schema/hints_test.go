package schema_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// asks are the beginnings of the hints that ask for one thing, which has to be the right one.
var asks = regexp.MustCompile(`^(did you mean .*\?$|move |write |set |put it in quotes|make it a list:|list it once|a key has its dots)`)

// spoiler makes a mistake in values that are right.
type spoiler struct {
	random   *rand.Rand
	sections []string
}

// TestHints holds that what a hint asks for, when it is done, mends what the hint was about and makes nothing else wrong:
// for values of every backend, spoilt as people spoil them. What is missing, or is wrong below a key that now has its right
// name, was not seen before, and has its own hint.
func TestHints(t *testing.T) {
	text, err := embedded.FS.ReadFile("values.schema.json")
	require.NoError(t, err)
	judge, err := schema.Compile(text)
	require.NoError(t, err)
	text, err = embedded.FS.ReadFile("values.yaml")
	require.NoError(t, err)
	defaults, err := values.ReadDefaults(text, values.Helm3)
	require.NoError(t, err)
	backends, err := catalog.Load(embedded.FS)
	require.NoError(t, err)
	validate := func(given map[string]any) []schema.Mistake {
		text, err := yaml.Marshal(given)
		require.NoError(t, err)
		file, err := values.Parse("values.yaml", text, values.Helm3)
		require.NoError(t, err)
		read, err := defaults.Read([]*values.File{file}, values.Inputs{})
		require.NoError(t, err)
		mistakes, err := judge.Validate(read.Merged, read.Given)
		require.NoError(t, err)
		return mistakes
	}
	s := spoiler{random: rand.New(rand.NewPCG(1, 2)), sections: []string{"claim", "volume", "storageClass", "test", "prepare", "persistence"}}
	followed := map[string]int{}
	for _, b := range backends {
		for range 12 {
			given := s.values(b)
			spoilt, how := s.spoil(given)
			shown, err := yaml.Marshal(spoilt)
			require.NoError(t, err)
			before := validate(spoilt)
			for _, m := range before {
				about := fmt.Sprintf("%s\n%s: %s %s\nhint: %s\n%s", how, m.Kind, m.Path, m.Message, m.Hint, shown)
				if len(m.Edits) == 0 {
					assert.NotRegexp(t, asks, m.Hint, about)
					continue
				}
				verb, _, _ := strings.Cut(m.Hint, " ")
				followed[m.Kind+" "+verb]++
				for _, after := range validate(values.Apply(spoilt, m.Edits)) {
					assert.False(t, after.Kind == m.Kind && slices.Equal(after.Path, m.Path), "not mended: %s", about)
					known := slices.ContainsFunc(before, func(b schema.Mistake) bool { return slices.Equal(b.Path, after.Path) })
					below := slices.ContainsFunc(m.Edits, func(e values.Edit) bool {
						return len(after.Path) > len(e.To) && e.To != nil && slices.Equal(after.Path[:len(e.To)], e.To)
					})
					assert.True(t, known || below || after.Kind == "missing-key", "%s: %s is new: %s", after.Path, after.Message, about)
				}
			}
		}
	}
	t.Log(followed)
	for _, kind := range []string{"unknown-key did", "unknown-key move", "missing-key set", "type put", "type write", "value did"} {
		assert.Greater(t, followed[kind], 5, "too few to prove anything: %s", kind)
	}
}

// values are the example of a backend, with a few keys of all stores.
func (s spoiler) values(b catalog.Backend) map[string]any {
	out := map[string]any{"backend": b.Name, b.Name: b.Example, "size": "2Ti", "claim": map[string]any{"labels": map[string]any{"team": "ml"}},
		"test": map[string]any{"image": map[string]any{"tag": "1.37.0"}, "timeoutSeconds": 60}, "keep": true, "accessModes": []any{"ReadWriteOnce"}}
	maps.Copy(out, b.ExampleValues)
	var copied map[string]any
	text, err := yaml.Marshal(out)
	if err != nil || yaml.Unmarshal(text, &copied) != nil {
		panic("the example of " + b.Name)
	}
	return copied
}

// spoil makes one or two mistakes, and says which.
func (s spoiler) spoil(given map[string]any) (map[string]any, string) {
	var how []string
	for range 1 + s.random.IntN(2) {
		path := s.anyPath(given)
		value := at(given, path)
		last := path[len(path)-1]
		var edit values.Edit
		switch s.random.IntN(4) {
		case 0, 1:
			edit = values.Edit{From: path, To: path[:len(path)-1].To(s.misspelt(last)), Value: value}
		case 2:
			to := values.Path{last}
			if len(path) == 1 || s.random.IntN(2) == 0 {
				to = values.Path{s.sections[s.random.IntN(len(s.sections))], last}
			}
			if at(given, to[:len(to)-1]) == nil && len(to) > 1 {
				given = values.Apply(given, []values.Edit{{To: to[:1], Value: map[string]any{}}})
			}
			edit = values.Edit{From: path, To: to, Value: value}
		case 3:
			edit = values.Edit{To: path, Value: s.mistyped(value)}
		}
		how = append(how, fmt.Sprintf("%s becomes %s: %v", path, edit.To, edit.Value))
		given = values.Apply(given, []values.Edit{edit})
	}
	return given, strings.Join(how, ", and ")
}

func (s spoiler) anyPath(given map[string]any) values.Path {
	var path values.Path
	for {
		keys := slices.Sorted(maps.Keys(given))
		path = path.To(keys[s.random.IntN(len(keys))])
		below, _ := given[path[len(path)-1]].(map[string]any)
		if len(below) == 0 || s.random.IntN(3) == 0 {
			return path
		}
		given = below
	}
}

func at(value any, path values.Path) any {
	for _, step := range path {
		section, _ := value.(map[string]any)
		value = section[step]
	}
	return value
}

func (s spoiler) misspelt(word string) string {
	letters := []rune(word)
	i := s.random.IntN(len(letters))
	switch s.random.IntN(6) {
	case 0:
		letters = slices.Delete(letters, i, i+1)
	case 1:
		letters = slices.Insert(letters, i, letters[i])
	case 2:
		letters[i] = rune('a' + s.random.IntN(26))
	case 3:
		j := (i + 1) % len(letters)
		letters[i], letters[j] = letters[j], letters[i]
	case 4:
		return regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(word, func(c string) string { return "_" + strings.ToLower(c) })
	case 5:
		return strings.ToUpper(word[:1]) + word[1:]
	}
	if len(letters) == 0 {
		return "x"
	}
	return string(letters)
}

func (s spoiler) mistyped(value any) any {
	word := fmt.Sprint(value)
	if list, ok := value.([]any); ok && len(list) > 0 {
		word = fmt.Sprint(list[0])
	}
	switch s.random.IntN(8) {
	case 0:
		return word
	case 1:
		return []any{value}
	case 2:
		return 7
	case 3:
		return true
	case 4:
		return strings.ToUpper(word)
	case 5:
		return ""
	case 6:
		return map[string]any{"name": value}
	}
	return word + "x"
}
