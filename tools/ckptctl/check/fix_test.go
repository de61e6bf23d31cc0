package check

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// FuzzFix holds that what mends any values file changes nothing else: what is merged before is what is merged after but at
// the paths of the fix, comments and order stay, and a second time changes nothing.
func FuzzFix(f *testing.F) {
	for _, seed := range []string{
		"# a\nsze: 1Ti # b\n\n# c\nkeep: true\n", "claim:\n  # a\n  size: 1Ti\n  # b\n", "claim: {size: 1Ti, nme: a}\n", "'sze': 1Ti\r\nclaim:\r\n  nme: \"a\"\r\n",
		"backend: nfs\nserver: a # b\n# c\npath: |\n  # d\n", "x: &a {sze: 1}\n<<: *a\n", "\"sze\": !!str 1\n", "? sze\n: 1\n", "# ckptctl:accept W03 a\nsze: |\n  # b\n",
		"accessModes:\n- ReadWriteany\n# a\n- ReadWriteMany\n", "persistence:\n  # a\n  size: 1Ti\n  accessMode: ReadWriteOnce\n", "existingClaim: a #b\n",
	} {
		f.Add(seed)
	}
	fixtures, err := fs.Glob(embedded.FS, "templates/backends/*/testdata/_reject-*.values.yaml")
	require.NoError(f, err)
	for _, fixture := range fixtures {
		text, err := fs.ReadFile(embedded.FS, fixture)
		require.NoError(f, err)
		f.Add(string(text))
	}
	text, err := os.ReadFile("../internal/cli/testdata/mistakes.yaml")
	require.NoError(f, err)
	var mistakes []struct{ Values string }
	require.NoError(f, sigsyaml.Unmarshal(text, &mistakes))
	for _, m := range mistakes {
		f.Add(m.Values)
	}
	var charts []*Chart
	for _, helm := range []Helm{Helm3, Helm4} {
		chart, err := Open(embedded.FS, helm)
		require.NoError(f, err)
		charts = append(charts, chart)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, chart := range charts {
			unchanged(t, chart, text)
		}
	})
}

// unchanged mends a text, and returns what becomes of it: nothing else is to change.
func unchanged(t *testing.T, chart *Chart, text string) string {
	t.Helper()
	before, changes := mend(t, chart, text)
	for _, c := range changes {
		after, _ := judged(t, chart, string(c.After))
		if was, is := rest(t, before, c.Finding), rest(t, after, c.Finding); was != is {
			t.Fatalf("%s\n%s\nbecomes\n%s\nand the values %s become %s", c.Finding.Text(), c.Before, c.After, was, is)
		}
		if was, is := comments(t, string(c.Before), c.Finding), comments(t, string(c.After), Finding{}); !slices.Equal(was, is) {
			t.Fatalf("%s\n%s\nbecomes\n%s\nand its comments %q become %q", c.Finding.Text(), c.Before, c.After, was, is)
		}
		if was, is := order(t, c.Before, c.Finding), order(t, c.After, c.Finding); !slices.Equal(was, is) {
			t.Fatalf("%s\n%s\nbecomes\n%s\nand its order %q becomes %q", c.Finding.Text(), c.Before, c.After, was, is)
		}
		before = after
		text = string(c.After)
	}
	if len(changes) > 0 {
		if _, again := mend(t, chart, text); len(again) > 0 {
			t.Fatalf("a second time makes\n%s\n%s", again[0].Before, again[0].After)
		}
	}
	return text
}

// keyLine is a line with a key at its beginning.
var keyLine = regexp.MustCompile(`(?m)^( *)([A-Za-z]+):`)

// TestMisspelt holds that a misspelt key in values of any backend, comments and all, becomes what it was, to the byte, or
// stays: never another key.
func TestMisspelt(t *testing.T) {
	fixtures, err := fs.Glob(embedded.FS, "templates/backends/*/testdata/_accept-*.values.yaml")
	require.NoError(t, err)
	chart, err := Open(embedded.FS, Helm3)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	mended, all := 0, 0
	for _, fixture := range sample.Of(fixtures) {
		read, err := fs.ReadFile(embedded.FS, fixture)
		require.NoError(t, err)
		// Some show a key that is to be removed.
		text := unchanged(t, chart, string(read))
		lines := keyLine.FindAllStringSubmatchIndex(text, -1)
		for range min(2, len(lines)) {
			at := lines[random.IntN(len(lines))]
			key := text[at[4]:at[5]]
			wrong := misspelt(random, key)
			spoilt, want := text[:at[4]]+wrong+text[at[5]:], text
			if random.IntN(3) == 0 {
				spoilt, want = strings.ReplaceAll(spoilt, "\n", "\r\n"), strings.ReplaceAll(want, "\n", "\r\n")
			}
			all++
			switch got := unchanged(t, chart, spoilt); got {
			case want:
				mended++
			case spoilt:
			default:
				t.Errorf("%s: %s becomes\n%s", fixture, wrong, got)
			}
		}
	}
	t.Logf("%d of %d mended, the others left to words", mended, all)
	assert.Greater(t, mended, all/2)
}

// misspelt is a word with two letters swapped, one left out, doubled or replaced, or in capitals.
func misspelt(random *rand.Rand, word string) string {
	i := random.IntN(len(word) - 1)
	out := word
	switch random.IntN(5) {
	case 0:
		out = word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]
	case 1:
		out = word[:i] + word[i+1:]
	case 2:
		out = word[:i] + word[i:i+1] + word[i:]
	case 3:
		out = word[:i] + "q" + word[i+1:]
	case 4:
		out = strings.ToUpper(word[:1]) + word[1:]
	}
	if out == word {
		out += "s"
	}
	return out
}

func judged(t *testing.T, chart *Chart, text string) (map[string]any, []Finding) {
	t.Helper()
	in := Inputs{Files: []string{"/values.yaml"}, Texts: map[string][]byte{"/values.yaml": []byte(text)}}
	result, err := chart.Check(in, Release{Name: "checkpoints", Namespace: "train"})
	if err != nil {
		return nil, nil
	}
	return result.Stores[0].Merged, result.Findings
}

func mend(t *testing.T, chart *Chart, text string) (map[string]any, []Change) {
	t.Helper()
	merged, findings := judged(t, chart, text)
	in := Inputs{Files: []string{"/values.yaml"}, Texts: map[string][]byte{"/values.yaml": []byte(text)}}
	fixer, err := chart.NewFixer(in, nil, Release{Name: "checkpoints", Namespace: "train"})
	require.NoError(t, err)
	changes, err := fixer.Mend(findings)
	require.NoError(t, err)
	return merged, changes
}

// rest is every value that does not lie at, or below, a path of a fix, each with its path. Sections that have nothing say
// nothing.
func rest(t *testing.T, merged map[string]any, finding Finding) string {
	t.Helper()
	leaves := map[string]string{}
	var walk func(path values.Path, value any)
	walk = func(path values.Path, value any) {
		for _, e := range finding.Fix.Edits {
			for _, of := range []values.Path{e.From, e.To} {
				if of != nil && len(path) >= len(of) && slices.Equal(path[:len(of)], of) {
					return
				}
			}
		}
		switch value := value.(type) {
		case map[string]any:
			for key, below := range value {
				walk(path.To(key), below)
			}
		case []any:
			for i, below := range value {
				walk(path.To(fmt.Sprintf("[%d]", i)), below)
			}
			leaves[fmt.Sprintf("%q", path)] = fmt.Sprint(len(value), " items")
		default:
			leaves[fmt.Sprintf("%q", path)] = fmt.Sprintf("%#v", value)
		}
	}
	walk(nil, merged)
	out, err := json.Marshal(leaves)
	require.NoError(t, err)
	return string(out)
}

// comments are the words of all comments, as the YAML library finds them, without the one that a finding is about.
func comments(t *testing.T, text string, finding Finding) []string {
	t.Helper()
	var root yaml.Node
	if yaml.Unmarshal([]byte(text), &root) != nil {
		return nil
	}
	var out []string
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		for _, block := range []string{node.HeadComment, node.LineComment, node.FootComment} {
			for line := range strings.Lines(block) {
				out = append(out, strings.TrimSpace(line))
			}
		}
		for _, below := range node.Content {
			walk(below)
		}
	}
	walk(&root)
	slices.Sort(out)
	if finding.Fix != nil && finding.Fix.Comment {
		// Another comment may stand before it in its line.
		gone := string([]rune(finding.Source)[finding.Column-1:])
		for i, c := range out {
			if rest, ok := strings.CutSuffix(c, strings.TrimSpace(gone)); ok {
				out[i] = strings.TrimSpace(rest)
				break
			}
		}
		slices.Sort(out)
	}
	return slices.DeleteFunc(out, func(c string) bool { return c == "" })
}

// order are the keys in the order of the text, without those that a fix names.
func order(t *testing.T, text []byte, finding Finding) []string {
	t.Helper()
	var root yaml.Node
	if yaml.Unmarshal(text, &root) != nil || len(root.Content) == 0 {
		return nil
	}
	var out []string
	var walk func(path values.Path, node *yaml.Node)
	walk = func(path values.Path, node *yaml.Node) {
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			here := path.To(values.Key(node.Content[i]))
			named := slices.ContainsFunc(finding.Fix.Edits, func(e values.Edit) bool {
				return startsWith(here, e.From) || startsWith(here, e.To) || startsWith(e.To, here)
			})
			if !named {
				out = append(out, here.String())
			}
			walk(here, node.Content[i+1])
		}
	}
	walk(nil, root.Content[0])
	return out
}

func startsWith(path, with values.Path) bool {
	return len(with) > 0 && len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}
