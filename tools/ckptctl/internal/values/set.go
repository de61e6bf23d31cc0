package values

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/strvals"
	strvals4 "helm.sh/helm/v4/pkg/strvals"
)

// option is a --set of the command line.
type option struct {
	flag, text string
	parse      func(string, map[string]any) error
}

func (o option) String() string { return o.flag + " " + o.text }

// readers are how a Helm reads its options: Helm 4 takes some that Helm 3 refuses, such as "a[".
type readers struct {
	json, set, text, file, literal func(string, map[string]any) error
}

var readersOf = map[Helm]readers{
	Helm3: {
		json: strvals.ParseJSON, set: strvals.ParseInto, text: strvals.ParseIntoString, literal: strvals.ParseLiteralInto,
		file: func(text string, into map[string]any) error { return strvals.ParseIntoFile(text, into, fileOf) },
	},
	Helm4: {
		json: parseObject, set: strvals4.ParseInto, text: strvals4.ParseIntoString, literal: strvals4.ParseLiteralInto,
		file: func(text string, into map[string]any) error { return strvals4.ParseIntoFile(text, into, fileOf) },
	},
}

// options lists them in the order in which Helm applies them.
func options(in Inputs, helm Helm) []option {
	read := readersOf[helm]
	var out []option
	for _, kind := range []struct {
		flag  string
		texts []string
		parse func(string, map[string]any) error
	}{
		{"--set-json", in.SetJSON, read.json},
		{"--set", in.Set, read.set},
		{"--set-string", in.SetString, read.text},
		{"--set-file", in.SetFile, read.file},
		{"--set-literal", in.SetLiteral, read.literal},
	} {
		for _, text := range kind.texts {
			out = append(out, option{kind.flag, text, kind.parse})
		}
	}
	return out
}

// parseObject takes a whole JSON object too, as Helm 4 does.
func parseObject(text string, into map[string]any) error {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") {
		return strvals4.ParseJSON(text, into)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(trimmed), &object); err != nil {
		return err
	}
	for key, value := range overlay(into, object) {
		into[key] = value
	}
	return nil
}

func fileOf(name []rune) (any, error) {
	content, err := readFile(string(name))
	return string(content), err
}

// apply sets what the option says.
func (o option) apply(into map[string]any) error {
	if err := o.parse(o.text, into); err != nil {
		var input *InputError
		if errors.As(err, &input) {
			return &InputError{File: o.String(), Message: input.Error()}
		}
		return &InputError{File: o.String(), Message: "cannot be read: " + strings.TrimSpace(err.Error())}
	}
	return nil
}

func (o option) origins() *origin {
	set := map[string]any{}
	if err := o.apply(set); err != nil {
		return nil
	}
	return everywhere(set, Position{File: o.String()})
}

// Setting is the option that sets what stands at a path, ready for a shell: --set where that means the same, and otherwise
// --set-string or --set-json.
func Setting(path Path, value any) string {
	want, err := json.Marshal(nested(path, value))
	if err != nil {
		return ""
	}
	var key strings.Builder
	for i, step := range path {
		if i > 0 && !strings.HasPrefix(step, "[") {
			key.WriteByte('.')
		}
		if !strings.HasPrefix(step, "[") {
			step = keySigns.Replace(step)
		}
		key.WriteString(step)
	}
	var tried []option
	if word, ok := value.(string); ok {
		word = wordSigns.Replace(word)
		tried = append(tried, option{"--set", key.String() + "=" + word, strvals.ParseInto}, option{"--set-string", key.String() + "=" + word, strvals.ParseIntoString})
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	tried = append(tried, option{"--set", key.String() + "=" + string(text), strvals.ParseInto})
	for _, o := range tried {
		set := map[string]any{}
		if o.parse(o.text, set) != nil {
			continue
		}
		if got, err := json.Marshal(set); err == nil && string(got) == string(want) {
			return o.flag + " " + quoted(o.text)
		}
	}
	return "--set-json " + quoted(key.String()+"="+string(text))
}

var (
	keySigns  = strings.NewReplacer(`\`, `\\`, ".", `\.`, ",", `\,`, "=", `\=`, "[", `\[`)
	wordSigns = strings.NewReplacer(`\`, `\\`, ",", `\,`)
)

// nested is a value at a path, and nothing else.
func nested(path Path, value any) any {
	for _, step := range slices.Backward(path) {
		if strings.HasPrefix(step, "[") {
			value = []any{value}
		} else {
			value = map[string]any{step: value}
		}
	}
	return value
}

// Inputs are the command line's, in Helm's own terms.
type Inputs struct {
	// Files are the values files, the last one wins.
	Files []string
	// Set and its like are in the form of Helm's options of these names.
	Set, SetString, SetJSON, SetFile, SetLiteral []string
	// Texts are what files hold that are not written yet, by their canonical name.
	Texts map[string][]byte
}
