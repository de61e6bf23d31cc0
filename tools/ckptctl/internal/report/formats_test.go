package report

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reports are what the formats have to be able to say.
var reports = map[string]Report{
	"nothing": {Closing: "ok: checkpoints", Version: "v1"},
	"one release": {Version: "v1", Findings: []Finding{
		{Rule: "schema/type", Severity: Error, Release: "a", File: "my values/a b.yaml", Line: 3, Column: 7, Path: "size", Message: "must be a string,\nand is 10%.", Hint: "write <size>: \"10Gi\"", Source: "size: 10"},
		{Rule: "W03", Severity: Warning, Release: "a", File: "--set a=b", Path: "", Message: "is odd: ::", Hint: "do, this", Because: []Because{{"backend", "nfs", "b.yaml", 4}, {"size", "1", "--set size=1", 0}}},
		{Rule: "W03", Severity: Warning, Release: "a", File: "no-column.yaml", Line: 1, Path: "x", Message: "m", Hint: "h"},
	}},
	"a fleet": {Version: "v1", Findings: []Finding{
		{Rule: "E08", Severity: Error, Clusters: []string{"a", "b", "c", "d", "e"}, File: "base.yaml", Line: 1, Column: 1, Path: "nfs", Message: "m", Hint: "h"},
	}, Clusters: []Cluster{
		{Name: "a", File: "c/a.yaml", Errors: 1, Warnings: 2, Summary: "s"}, {Name: "b", File: "c/b.yaml", Summary: "s"},
		{Name: "x", File: "c/x.yaml", Errors: 1, Unreadable: "c/x.yaml:1: not YAML: \x1b"},
	}},
}

// fleet is what a change does to some clusters.
var fleet = []Finding{
	{Rule: "E11", Severity: Error, Clusters: []string{"b"}, File: "c/b.yaml", Line: 2, Path: "size", Message: "m", Hint: "leave it:\n  helm b", Group: "shrinks"},
	{Rule: "E11", Severity: Error, Clusters: []string{"a"}, File: "base.yaml", Line: 9, Path: "size", Message: "m", Hint: "leave it:\n  helm a", Group: "shrinks"},
	{Rule: "E11", Severity: Error, Clusters: []string{"c"}, File: "base.yaml", Line: 9, Path: "size", Message: "m", Hint: "leave it:\n  helm c", Group: "shrinks"},
	{Rule: "E10", Severity: Warning, Clusters: []string{"d"}, File: "git:main:c/d.yaml", Message: "m", Hint: "look:\n  kubectl d", Group: "stays"},
}

func init() {
	reports["a fleet that changes"] = Report{Version: "v1", Closing: "4 clusters", Findings: Alike(fleet), Clusters: []Cluster{
		{Name: "a", File: "c/a.yaml", Errors: 1, Summary: "s", Change: "changed", Effects: []string{"lost", "refused"}},
		{Name: "d", File: "git:main:c/d.yaml", Warnings: 1, Change: "gone"}, {Name: "e", File: "c/e.yaml", Change: "changed", Note: "not compared: x"},
		{Name: "f", File: "c/f.yaml"},
	}}
}

// TestAlike checks that a kind of change is said once in a text, with all clusters and places, and for machines once at each
// place; whose names a command has is said where there are several.
func TestAlike(t *testing.T) {
	got := Alike(fleet)
	require.Len(t, got, 3)
	assert.Equal(t, []string{"a", "c"}, got[0].Clusters)
	assert.Equal(t, "for a: leave it:\n  helm a", got[0].Hint)
	assert.Equal(t, "for b: leave it:\n  helm b", got[1].Hint)
	assert.Equal(t, "look:\n  kubectl d", got[2].Hint)
	assert.Equal(t, `base.yaml:9: error E11: size: m
  in: a, c, b
  also: c/b.yaml:2
  fix: for a: leave it:
    helm a

git:main:c/d.yaml: warning E10: m
  in: d
  fix: look:
    kubectl d

e  not compared: x
4 clusters
`, write(t, "text", reports["a fleet that changes"]))
}

// TestFormats holds every report to the public schema of its format.
func TestFormats(t *testing.T) {
	sarif := schema(t, "testdata/sarif-schema-2.1.0.json")
	own := schema(t, "../../report.schema.json")
	junit := readXSD(t, "testdata/JUnit.xsd")
	// The grammar of workflow commands: a command, its properties, and data in which no line ends.
	command := regexp.MustCompile(`^::(error|warning) ((file=[^,:\n]+,line=[1-9]\d*,)?title=[^,:\n]+(,col=[1-9]\d*)?)::[^\r\n]+$`)
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, own.Validate(decode(t, write(t, "json", r))))
			assert.NoError(t, sarif.Validate(decode(t, write(t, "sarif", r))))
			junit.check(t, write(t, "junit", r))
			for line := range strings.Lines(write(t, "github", r)) {
				assert.Regexp(t, command, strings.TrimSuffix(line, "\n"))
			}
			assert.NotContains(t, strings.ReplaceAll(write(t, "text", r), `\x1b`, ""), "\x1b[")
			r.Color = true
			assert.Equal(t, write(t, "text", r), write(t, "text", r))
		})
	}
	assert.Error(t, Write(&bytes.Buffer{}, "xml", Report{}))
	// A validator that takes everything would prove nothing.
	for _, broken := range []string{`<testsuites><testsuite/></testsuites>`, `<testsuites><suite/></testsuites>`, `<tests/>`} {
		assert.NotEmpty(t, junit.wrong(t, broken))
	}
	assert.Error(t, sarif.Validate(map[string]any{"version": "2.1.0"}))
}

// TestJoin holds that what is wrong in a base file is said once.
func TestJoin(t *testing.T) {
	one := Finding{Rule: "E01", File: "base.yaml", Line: 1, Message: "m", Clusters: []string{"a"}}
	two, other := one, one
	two.Clusters, other.Line = []string{"b"}, 2
	got := Join([]Finding{other, two, one})
	require.Len(t, got, 2)
	assert.ElementsMatch(t, []string{"a", "b"}, got[0].Clusters)
}

func write(t *testing.T, format string, r Report) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Write(&out, format, r))
	return out.String()
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var out any
	require.NoError(t, json.Unmarshal([]byte(text), &out))
	return out
}

func schema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.LoadURL = nil
	require.NoError(t, compiler.AddResource("https://schema.test/x.json", bytes.NewReader(text)))
	compiled, err := compiler.Compile("https://schema.test/x.json")
	require.NoError(t, err)
	return compiled
}
