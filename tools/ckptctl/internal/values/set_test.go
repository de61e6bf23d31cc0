package values

import (
	"encoding/json"
	"strings"
	"testing"

	loader4 "helm.sh/helm/v4/pkg/chart/v2/loader"

	strvals3 "helm.sh/helm/v3/pkg/strvals"
	strvals4 "helm.sh/helm/v4/pkg/strvals"
)

// FuzzSet holds that options are read as both Helms read them: over each other, the same values to the byte, or refused
// by both.
func FuzzSet(f *testing.F) {
	for _, seed := range [][4]string{
		{"a=1,b.c=2", "a.b=3", "a=007", `a={"b": 1}`}, {"a[0]=x", "a[2].b=y", "a[1]", "a[-1]=1"}, {"a={1,2}", "a[1]=3", "a\\.b=c", `a.b=[1, 2]`},
		{"a=null", "b={}", "a.b=null", "a=null"}, {"a[65536]=x", "a[65537]=x", "a[0][1]=b", "x=1e400"}, {"a.b.c.d", "=", ",", `a={`},
		{"a=\\,", "a={,}", "a[", `{"a": {"b": 1}}`}, {"a=1", "a[0]=1", "a.b=1", `a=1,b=2`},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, set, over, text, literal string) {
		in := Inputs{Set: []string{set, over}, SetString: []string{text}, SetLiteral: []string{literal}, SetJSON: []string{literal}}
		for _, in := range []Inputs{in, {Set: in.Set, SetString: in.SetString, SetLiteral: in.SetLiteral}} {
			for helm, parse := range map[Helm]struct {
				json, set, text, literal func(string, map[string]any) error
			}{
				Helm3: {strvals3.ParseJSON, strvals3.ParseInto, strvals3.ParseIntoString, strvals3.ParseLiteralInto},
				Helm4: {object4, strvals4.ParseInto, strvals4.ParseIntoString, strvals4.ParseLiteralInto},
			} {
				want := map[string]any{}
				var wrong error
				apply := func(f func(string, map[string]any) error, texts []string) {
					for _, text := range texts {
						if wrong == nil {
							wrong = f(text, want)
						}
					}
				}
				apply(parse.json, in.SetJSON)
				apply(parse.set, in.Set)
				apply(parse.text, in.SetString)
				apply(parse.literal, in.SetLiteral)
				got, err := given(Unmerged(nil), nil, in, helm)
				if (err != nil) != (wrong != nil) {
					t.Fatalf("Helm %d: %v; here: %v", helm, wrong, err)
				}
				if err != nil {
					continue
				}
				if want, got := encode(t, want), encode(t, got.Given); want != got {
					t.Fatalf("Helm %d: %s; here: %s", helm, want, got)
				}
				got.place()
			}
		}
	})
}

// object4 is how Helm 4 reads --set-json: an object is laid over the rest.
func object4(text string, into map[string]any) error {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") {
		var object map[string]any
		err := json.Unmarshal([]byte(trimmed), &object)
		for key, value := range loader4.MergeMaps(into, object) {
			into[key] = value
		}
		return err
	}
	return strvals4.ParseJSON(text, into)
}
