package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// chartFolder is the chart that ckptctl is built with.
const chartFolder = "../../../../charts/checkpoint-storage"

// ckptctl runs the tool and returns its exit code and what it printed.
func ckptctl(args ...string) (code int, out, errs string) { return ckptctlIn("", args...) }

// ckptctlIn is ckptctl with a standard input.
func ckptctlIn(in string, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = Run(args, Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

// file writes a values file into a folder of the test's own and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	// A test's own folder carries its title, and -f takes what is after a comma for another file, as Helm does.
	dir, err := os.MkdirTemp("", "ckptctl-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// findings runs a check with JSON output.
func findings(t *testing.T, args ...string) (int, []report.Finding) {
	t.Helper()
	code, out, errs := ckptctl(append([]string{"check", "-o", "json"}, args...)...)
	var got struct{ Findings []report.Finding }
	require.NoError(t, json.Unmarshal([]byte(out), &got), out+errs)
	return code, got.Findings
}

// TestMistakes checks that each of many mistakes gives one finding, at its place, with its fix.
func TestMistakes(t *testing.T) {
	text, err := os.ReadFile("testdata/mistakes.yaml")
	require.NoError(t, err)
	var mistakes []struct {
		Title, Values string
		Want          struct {
			Rule, Path   string
			Line, Column int
		}
		Message, Hint string
		// Fixed is what --fix makes of the values, where it changes them.
		Fixed string
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &mistakes))
	require.GreaterOrEqual(t, len(mistakes), 120)
	l, err := load("")
	require.NoError(t, err)
	var backends []string
	for _, b := range l.Backends {
		backends = append(backends, b.Name)
	}
	for _, m := range mistakes {
		t.Run(m.Title, func(t *testing.T) {
			t.Parallel()
			path := file(t, "values.yaml", m.Values)
			code, got := findings(t, "-f", path)
			require.Len(t, got, 1)
			assert.Equal(t, m.Want.Rule, got[0].Rule)
			assert.Equal(t, m.Want.Path, got[0].Path)
			assert.Equal(t, path, got[0].File)
			assert.Equal(t, [2]int{m.Want.Line, m.Want.Column}, [2]int{got[0].Line, got[0].Column})
			assert.Equal(t, m.Message, got[0].Message)
			assert.Equal(t, strings.ReplaceAll(m.Hint, "{backends}", strings.Join(backends, ", ")), got[0].Hint)
			assert.Equal(t, "checkpoints", got[0].Release)
			assert.Equal(t, map[string]int{report.Error: Found, report.Warning: OK}[got[0].Severity], code)
			assert.Equal(t, m.Fixed, fixed(t, m.Values))
		})
	}
}

// TestPositions checks that a finding names the file that set the value last, through a merge.
func TestPositions(t *testing.T) {
	base := file(t, "base.yaml", "backend: nfs\nsize: 10\nnfs:\n  server: a\n  path: /b\n")
	for name, c := range map[string]struct {
		overlay string
		args    []string
		// The file's base name, or the option.
		file         string
		line, column int
	}{
		"the base's value":              {"keep: true\n", nil, "base.yaml", 2, 7},
		"the overlay's value":           {"keep: true\nsize: 20\n", nil, "overlay.yaml", 2, 7},
		"an option's value":             {"size: 20\n", []string{"--set", "size=30"}, "--set size=30", 0, 0},
		"a JSON option":                 {"keep: true\n", []string{"--set-json", "size=40"}, "--set-json size=40", 0, 0},
		"an anchor's use":               {"global: {s: &s 5}\nsize: *s\n", nil, "overlay.yaml", 2, 7},
		"a merged key":                  {"global: &g {size: 5}\n<<: *g\n", nil, "overlay.yaml", 1, 19},
		"a file with Windows line ends": {"keep: true\r\nsize: 5\r\n", nil, "overlay.yaml", 2, 7},
	} {
		t.Run(name, func(t *testing.T) {
			overlay := file(t, "overlay.yaml", c.overlay)
			_, got := findings(t, append([]string{"-f", base, "-f", overlay}, c.args...)...)
			require.NotEmpty(t, got)
			at := got[len(got)-1]
			for _, each := range got {
				if each.Path == "size" {
					at = each
				}
			}
			assert.Equal(t, c.file, filepath.Base(at.File))
			assert.Equal(t, [2]int{c.line, c.column}, [2]int{at.Line, at.Column})
		})
	}
}

// TestText checks the text output.
func TestText(t *testing.T) {
	path := file(t, "berlin.yaml", "backend: nfs\nnfs:\n\tsever: 10.0.0.5\n")
	code, _, errs := ckptctl("check", "-f", path)
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, path+":3: not YAML: found character that cannot start any token")

	path = file(t, "berlin.yaml", "backend: nfs\nnfs:\n  sever: 10.0.0.5\n  path: /b\n")
	code, out, errs := ckptctl("check", "-f", path)
	assert.Equal(t, Found, code)
	assert.Empty(t, errs)
	assert.Equal(t, path+`:3:3: error schema/unknown-key: nfs.sever: there is no such key in nfs.
     3 |   sever: 10.0.0.5
       |   ^
  fix: did you mean server?

1 error, 0 warnings
`, out)

	path = file(t, "berlin.yaml", "backend: nfs\nnfs: {server: a, path: /b}\naccessModes: [ReadWriteMany]\n")
	code, out, _ = ckptctl("check", "-f", path, "--release", "train")
	assert.Equal(t, OK, code)
	assert.Equal(t, "ok: train: backend nfs, static, 10Gi, ReadWriteMany\n", out)
}

func TestUnusable(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no file":              {[]string{"check", "-f", "nowhere.yaml"}, "nowhere.yaml: there is no such file"},
		"a folder":             {[]string{"check", "-f", "testdata"}, "testdata: is a directory"},
		"not a number":         {[]string{"check", "-f", file(t, "v.yaml", "shards: 1\nsize: .nan\n")}, "v.yaml:2:7: .nan is no number"},
		"infinity":             {[]string{"check", "-f", file(t, "v.yaml", "a: [1, -.inf]\n")}, "v.yaml:1:8: -.inf is no number"},
		"a list":               {[]string{"check", "-f", file(t, "v.yaml", "- a\n")}, "v.yaml:1:"},
		"a word":               {[]string{"check", "-f", file(t, "v.yaml", "nfs\n")}, "v.yaml:1:"},
		"an open bracket":      {[]string{"check", "-f", file(t, "v.yaml", "a: 1\nb: [1, 2\nc: 3\n")}, "v.yaml:"},
		"an anchor in itself":  {[]string{"check", "-f", file(t, "v.yaml", "a: &a [*a]\n")}, "v.yaml:1"},
		"a --set without =":    {[]string{"check", "--set", "size"}, "--set size"},
		"an unknown command":   {[]string{"verify"}, "unknown command"},
		"an unknown format":    {[]string{"check", "-o", "xml"}, "-o xml"},
		"a folder of no chart": {[]string{"check", "--chart", "testdata"}, "there is no Chart.yaml"},
		"an unknown topic":     {[]string{"explain", "nsf"}, "did you mean nfs?"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := ckptctl(c.args...)
			assert.Equal(t, Unusable, code)
			assert.Contains(t, errs, c.want)
		})
	}
}

func TestStrict(t *testing.T) {
	path := file(t, "v.yaml", "hostPath: {path: /mnt/data}\n")
	code, _, _ := ckptctl("check", "-f", path)
	assert.Equal(t, OK, code)
	code, _, _ = ckptctl("check", "-f", path, "--strict")
	assert.Equal(t, Found, code)
}

// TestChartFolder checks that a chart's folder gives the same as the chart that is built in.
func TestChartFolder(t *testing.T) {
	path := file(t, "v.yaml", "accessModes: [ReadWriteMany]\n")
	_, builtIn := findings(t, "-f", path)
	_, folder := findings(t, "-f", path, "--chart", chartFolder)
	assert.NotEmpty(t, folder)
	assert.Equal(t, builtIn, folder)
}

func TestCatalogue(t *testing.T) {
	l, err := load("")
	require.NoError(t, err)
	code, out, _ := ckptctl("backends")
	assert.Equal(t, OK, code)
	for _, b := range l.Backends {
		assert.Contains(t, out, "\n"+b.Name+" ")
	}
	for _, b := range sample.Of(l.Backends) {
		code, explained, _ := ckptctl("explain", b.Name)
		assert.Equal(t, OK, code)
		for _, key := range b.Keys() {
			assert.Contains(t, explained, "\n  "+key+" ")
		}
		_, example, _ := strings.Cut(explained, "\nexample:\n\n")
		code, found := findings(t, "-f", file(t, "example.yaml", example))
		assert.Equal(t, OK, code, "the example of %s: %v", b.Name, found)
	}
	for name, framework := range l.Frameworks.Frameworks {
		code, explained, _ := ckptctl("explain", name)
		assert.Equal(t, OK, code)
		for operation, why := range framework.Needs {
			assert.Regexp(t, "(?m)^  "+operation+" .* "+regexp.QuoteMeta(why)+"$", explained)
		}
		assert.Regexp(t, `(?m)^  nfs +yes`, explained)
	}
	for _, id := range sample.Of(slices.Sorted(maps.Keys(l.Rules))) {
		code, explained, _ := ckptctl("explain", strings.ToLower(id))
		assert.Equal(t, OK, code)
		assert.Contains(t, explained, l.Rules[id].Why, id)
	}
}

// TestPages checks that every rule's example breaks it, in one way, and that the one beside it does not.
func TestPages(t *testing.T) {
	l, err := load("")
	require.NoError(t, err)
	for id, page := range l.Rules {
		assert.NotEqual(t, page.Note == "", page.Wrong == "", "%s has an example, or says why it has none", id)
		if page.Wrong == "" {
			continue
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			_, wrong := findings(t, append(page.Args, "-f", file(t, "wrong.yaml", page.Wrong))...)
			require.Len(t, wrong, 1)
			assert.Equal(t, id, wrong[0].Rule)
			_, right := findings(t, append(page.Args, "-f", file(t, "right.yaml", page.Right))...)
			for _, f := range right {
				assert.NotEqual(t, id, f.Rule)
			}
		})
	}
}

// raw is a placeholder; {shard} is a word of the values.
var raw = regexp.MustCompile(`\{[$A-Za-z.]+(\|[a-z]+)?\}`)

// TestExplainedInWords holds that what is explained of a rule has no placeholder left, in any of its cases.
func TestExplainedInWords(t *testing.T) {
	l, err := load("")
	require.NoError(t, err)
	for id, rule := range l.Rules {
		var out bytes.Buffer
		require.NoError(t, explainRule(&out, id, rule, l.Backends))
		// What is no case is written as it is shown.
		cases, _, _ := strings.Cut(strings.ReplaceAll(out.String(), rule.Why, ""), "\nwrong:\n")
		for _, found := range raw.FindAllString(cases, -1) {
			assert.Equal(t, "{shard}", found, "%s: %s", id, cases)
		}
	}
}
