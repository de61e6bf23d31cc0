package values

import (
	"encoding/json"
	"errors"
	"os"
	"strings"

	"helm.sh/helm/v3/pkg/strvals"
)

// option is a --set of the command line.
type option struct {
	flag, text string
	parse      func(string, map[string]any) error
}

func (o option) String() string { return o.flag + " " + o.text }

// options lists them in the order in which Helm applies them.
func options(in Inputs, helm Helm) []option {
	parseJSON := strvals.ParseJSON
	if helm == Helm4 {
		parseJSON = parseObject
	}
	var out []option
	for _, kind := range []struct {
		flag  string
		texts []string
		parse func(string, map[string]any) error
	}{
		{"--set-json", in.SetJSON, parseJSON},
		{"--set", in.Set, strvals.ParseInto},
		{"--set-string", in.SetString, strvals.ParseIntoString},
		{"--set-file", in.SetFile, parseFile},
		{"--set-literal", in.SetLiteral, strvals.ParseLiteralInto},
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
		return strvals.ParseJSON(text, into)
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

func parseFile(text string, into map[string]any) error {
	return strvals.ParseIntoFile(text, into, func(name []rune) (any, error) {
		content, err := os.ReadFile(string(name))
		return string(content), named(string(name), err)
	})
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

// Inputs are the command line's, in Helm's own terms.
type Inputs struct {
	// Files are the values files, the last one wins.
	Files []string
	// Set and its like are in the form of Helm's options of these names.
	Set, SetString, SetJSON, SetFile, SetLiteral []string
}
