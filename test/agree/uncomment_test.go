package agree

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// key is a line of values.yaml that waits for a value.
var key = regexp.MustCompile(`^  (\w+):$`)

// TestUncomment uncomments the sections of values.yaml as their readers do: a block of required keys is refused until each
// of them is filled in, then it is taken, and the store has what the block says and nothing that an example says.
func TestUncomment(t *testing.T) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(charts.Chart(), "values.yaml"))
	require.NoError(t, err)
	for _, b := range sample.Of(backends) {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			_, section, found := strings.Cut(string(text), "\n\n## "+b.Name+": ")
			require.True(t, found, "values.yaml has no section of it")
			section, _, _ = strings.Cut("## "+strings.TrimSpace(section), "\n\n")
			blocks, optional := uncomment(t, section)
			promised := b.Blocks()
			require.Len(t, blocks, len(promised))
			all := slices.Collect(maps.Keys(optional))
			for i, p := range promised {
				assert.Contains(t, section, "\n## "+p.Title+"\n# "+b.Name+":")
				assertBlock(t, b, p, blocks[i], optional)
				all = append(all, p.Keys...)
			}
			slices.Sort(all)
			assert.Equal(t, slices.Sorted(maps.Keys(b.Schema.Properties)), slices.Compact(all), "values.yaml shows other keys")
			if len(blocks) == 1 {
				// An editor that is given the whole section takes one # away from each line, and the space behind it.
				toggled := regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(section, "")
				assert.Equal(t, parse(t, strings.Join(blocks[0], "\n")), parse(t, toggled))
			}
		})
	}
}

// uncomment parts a section into its blocks, without their comment signs, and the lines of its optional keys.
func uncomment(t *testing.T, section string) (blocks [][]string, optional map[string]string) {
	t.Helper()
	optional = map[string]string{}
	inside := false
	for _, line := range strings.Split(section, "\n") {
		bare, single := strings.CutPrefix(line, "# ")
		switch {
		case single && inside:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], bare)
		case single:
			blocks = append(blocks, []string{bare})
		case strings.HasPrefix(line, "##   ") && !strings.HasPrefix(line, "##   #"):
			name, _, found := strings.Cut(strings.TrimSpace(line[2:]), ":")
			require.True(t, found, line)
			optional[name] = line[3:]
		default:
			require.Regexp(t, "^##( |$)", line)
		}
		inside = single
	}
	return blocks, optional
}

func assertBlock(t *testing.T, b catalog.Backend, p catalog.Block, block []string, optional map[string]string) {
	t.Helper()
	h := load(t, charts.Chart())
	values, err := yaml.Marshal(around(b, p))
	require.NoError(t, err)
	around := string(values)
	empty := strings.Join(block, "\n") + "\n"
	filled, want := fill(t, b, block, "")
	given, _ := parse(t, empty)[b.Name].(map[string]any)
	assert.ElementsMatch(t, p.Keys, slices.Collect(maps.Keys(given)))
	for name, value := range given {
		assert.Nil(t, value, "%s stands filled in", name)
	}

	assert.Equal(t, len(p.Keys) > 0, refuses(judge(t, around, empty)), "as it stands")
	for _, name := range p.Keys {
		left, _ := fill(t, b, block, name)
		result := judge(t, around, left)
		if assert.True(t, refuses(result), "without %s", name) {
			assert.Contains(t, text(t, result.Findings), b.Name+"."+name, "what has to be filled in is not named")
		}
	}
	result := judge(t, around, filled)
	require.False(t, refuses(result), "%v", result.Findings)

	file := write(t, around, filled)
	for _, v := range []verdict{h.helm3(t, file), h.helm4(t, file)} {
		require.False(t, v.refused(), v.schema+v.templates)
		// The templates get no more of the section than stands in the block: no example, and no optional key.
		got, _ := parse(t, v.merged)[b.Name].(map[string]any)
		assert.Equal(t, want, got)
	}
	for name, line := range optional {
		more := filled + completed(t, b, line) + "\n"
		assert.Contains(t, parse(t, more)[b.Name], name)
		assert.NoError(t, h.schema.Validate(parse(t, text(t, judge(t, around, more).Stores[0].Merged))), line)
		// One that waits for a value is as if it were not there, or is refused by its name.
		if result := judge(t, around, filled+line+"\n"); refuses(result) {
			assert.Contains(t, text(t, result.Findings), b.Name+"."+name)
		}
	}
}

// around are the values outside the section that its block needs.
func around(b catalog.Backend, p catalog.Block) map[string]any {
	values := map[string]any{"backend": b.Name}
	maps.Copy(values, b.ExampleValues)
	if p.Class && b.Capabilities.Serves("dynamic") {
		values["provisioning"] = "dynamic"
		values["storageClass"] = map[string]any{"create": true}
		if size := b.Capabilities.Size; size != nil && size.Minimum != "" {
			values["size"] = size.Minimum
		} else if size != nil && size.Maximum != "" {
			values["size"] = size.Maximum
		}
	}
	return values
}

// fill gives each key of a block its value from the backend's example, but one; and returns the section that it makes.
func fill(t *testing.T, b catalog.Backend, block []string, but string) (string, map[string]any) {
	t.Helper()
	var out strings.Builder
	for _, line := range block {
		if m := key.FindStringSubmatch(line); m == nil || m[1] != but {
			line = completed(t, b, line)
		}
		out.WriteString(line + "\n")
	}
	section, _ := parse(t, out.String())[b.Name].(map[string]any)
	return out.String(), section
}

// completed writes an example behind a key that waits for a value.
func completed(t *testing.T, b catalog.Backend, line string) string {
	t.Helper()
	m := key.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	value, given := b.Example[m[1]]
	if !given {
		value = b.Schema.Properties[m[1]]["examples"].([]any)[0]
	}
	return line + " " + encode(t, value)
}

func refuses(r *check.Result) bool {
	return slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.Severity == "error" })
}

func judge(t *testing.T, texts ...string) *check.Result {
	t.Helper()
	result, err := load(t, charts.Chart()).tool[check.Helm3].Check(check.Inputs{Files: []string{write(t, texts...)}}, check.Release{Name: release, Namespace: namespace})
	require.NoError(t, err)
	return result
}

// write joins texts to a file, and returns its path.
func write(t *testing.T, texts ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(texts, "\n")), 0o600))
	return file
}

func parse(t *testing.T, document string) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), &out), document)
	return out
}
