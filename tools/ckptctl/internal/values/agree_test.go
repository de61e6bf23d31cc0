package values

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	common4 "helm.sh/helm/v4/pkg/chart/common/util"
	chart4 "helm.sh/helm/v4/pkg/chart/v2"
	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"
	"sigs.k8s.io/yaml"
)

var seeds = []string{
	"", "a: 1", "a: yes\nb: off\nc: y", "on: 1\ny: 2", "a: 2024-01-01", "a: 0755\nb: 0o17\nc: 0x1F\nd: 0b11\ne: -0b1", "a: 1_000\nb: 1e3\nc: .5\nd: 5.",
	"a: 9007199254740993\nb: 12345678901234567890\nc: 123456789012345678901234567890", "a: .nan", "a: -.inf", "a: ~\nb:\nc: null", "~: 1", "1: a\n1.5: b",
	"a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2", "a: !!str 1\nb: !!int '3'\nc: !!binary aGk=", "a: 'it''s'\nb: \"\\u00e9\\x41\"", "a: |\n  b\n  c\nd: >-\n  e\n  f",
	"---\na: 1\n---\nb: 2\n", "a: 1\n---\na: 2\nb: {c: 1}\n...\n---\n", "--- # c\na: 1", "a: 1\n---b: 2", "%YAML 1.1\n---\na: 1", "- a", "b", "a: 1\na: 2", "? [a]\n: b",
	"a: [1, b, {c: d}]", "a:\tb", "\ta: b", "a: b: c", "a: [1", "a: -0\nb: -0.0\nc: +1", "a: 1e400", "a: \"x\\ny\"", "\ufeffa: 1", "a: 0x\nb: 0b\nc: 08\nd: 1__0",
	"a: 12:30:45", "a: =", "<<: {a: 1}\nb: 2", "<<: [{a: 1}, {b: 2}]", "a: *x", "a: &a [*a]", "0x10: a\n16: b", "a: \u2028b", "a: 'x\n\n y'", "{a: 1, b: [c]}", "a: ! b",
	"a: >\n\n b", "a:\r\n  b: 1\r\n", "true: a\nTrue: b", "a: 1.0e+3\nb: 1E5\nc: 1.\nd: +.5", "a: {}\nb: []", "? a\n: b", "a: #b\nc: d#e", "12345678901234567890: a",
}

// FuzzRead holds that a text is read as both Helms read it: the same values to the byte, or refused by both.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		three := map[string]any{}
		err3 := yaml.Unmarshal([]byte(text), &three)
		same(t, text, Helm3, three, err3)
		four, err4 := loader4.LoadValues(bytes.NewReader([]byte(text)))
		same(t, text, Helm4, four, err4)
	})
}

func same(t *testing.T, text string, helm Helm, want map[string]any, wrong error) {
	t.Helper()
	file, err := Parse("values.yaml", []byte(text), helm)
	require.Equal(t, wrong != nil, err != nil, "Helm %d: %v; here: %v", helm, wrong, err)
	if err != nil {
		return
	}
	file.origins()
	if encode(t, want) != encode(t, file.Values) && chance(t, text, want) {
		return
	}
	assert.Equal(t, encode(t, want), encode(t, file.Values), "Helm %d", helm)
}

// chance says that Helm itself does not read the text the same each time: 1 and "1" are two keys to YAML and one to
// JSON, and which of the two it takes is left to chance.
func chance(t *testing.T, text string, want map[string]any) bool {
	t.Helper()
	for range 50 {
		got, err := loader4.LoadValues(bytes.NewReader([]byte(text)))
		require.NoError(t, err)
		if encode(t, got) != encode(t, want) {
			return true
		}
	}
	return false
}

func encode(t *testing.T, value map[string]any) string {
	t.Helper()
	if len(value) == 0 {
		return "{}"
	}
	out, err := json.Marshal(value)
	require.NoError(t, err)
	return string(out)
}

// FuzzMerge holds that a chart's defaults, a base file and an overlay are merged as both Helms merge them, whatever is
// null in them.
func FuzzMerge(f *testing.F) {
	for _, seed := range [][3]string{
		{"a: 1\nb: {c: 2, d: {e: 3}}", "b: {c: null}", "b: {d: null}"},
		{"a: null\nb: {c: null}", "a: null", "b: {c: null, x: null}"},
		{"a: {b: {c: null}}", "", "a: {b: {d: 1}}"},
		{"a: {b: 1}", "a: x", "a: {c: 1}"},
		{"a: 1", "a: {b: 1}", "a: null"},
		{"a: [1]", "a: [2]", "a: {}"},
		{"a: {b: {}}", "a: {b: null}", "a: {b: {c: 1}}"},
		{"", "a: {b: null}", "a: null"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, defaults, base, over string) {
		for _, helm := range []Helm{Helm3, Helm4} {
			d, err := ReadDefaults([]byte(defaults), helm)
			if err != nil {
				return
			}
			var files []*File
			for _, text := range []string{base, over} {
				file, err := Parse("values.yaml", []byte(text), helm)
				if err != nil {
					return
				}
				files = append(files, file)
			}
			got, err := d.Read(files, Inputs{})
			require.NoError(t, err)
			given, _ := deepCopy(got.Given).(map[string]any)
			var want map[string]any
			if helm == Helm3 {
				want, err = chartutil.CoalesceValues(&chart.Chart{Metadata: &chart.Metadata{Name: "x"}, Values: d.Values()}, given)
			} else {
				want, err = common4.CoalesceValues(&chart4.Chart{Metadata: &chart4.Metadata{Name: "x"}, Values: d.Values()}, given)
			}
			require.NoError(t, err)
			assert.Equal(t, encode(t, want), encode(t, got.Merged), "Helm %d", helm)
			assert.Equal(t, encode(t, loader4.MergeMaps(files[0].Values, files[1].Values)), encode(t, got.Given))

			// One by one, as the overlays of a fleet are, they come to the same.
			first, err := d.Read(files[:1], Inputs{})
			require.NoError(t, err)
			second, err := d.Over(first, files[1:], Inputs{})
			require.NoError(t, err)
			assert.Equal(t, encode(t, got.Merged), encode(t, second.Merged), "Helm %d", helm)
			assert.Equal(t, encode(t, got.Given), encode(t, second.Given), "Helm %d", helm)
		}
	})
}
