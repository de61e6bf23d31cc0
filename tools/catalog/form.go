package catalog

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Form is how keys of a section make up a text, such as "{project}/{zone}/{instance}". {KEY} is the value of a key,
// {KEY=VALUE|TEXT} is TEXT where the key has this value, {KEY~;:} has ; where the value has :, {KEY*:} is a list with : between
// its items, and {*} is any text. The templates write the text; the form is what reads it again.
type Form struct {
	text  string
	parts []part
}

// part is literal text, or what a key becomes.
type part struct {
	literal, key, value, written, replaced, separator string
	fixed, any                                        bool
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// UnmarshalJSON reads a form.
func (f *Form) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &f.text); err != nil {
		return err
	}
	at := 0
	for _, found := range placeholder.FindAllStringIndex(f.text, -1) {
		f.parts = append(f.parts, part{literal: f.text[at:found[0]]})
		at = found[1]
		inner := f.text[found[0]+1 : found[1]-1]
		p := part{key: inner, any: inner == "*"}
		if key, rest, is := strings.Cut(inner, "="); is {
			p.key, p.fixed = key, true
			p.value, p.written, _ = strings.Cut(rest, "|")
		} else if key, pair, is := strings.Cut(inner, "~"); is {
			if len(pair) != 2 {
				return fmt.Errorf("form %q: %q is not KEY~ and two characters", f.text, inner)
			}
			p.key, p.replaced = key, pair
		} else if key, separator, is := strings.Cut(inner, "*"); is && !p.any {
			p.key, p.separator = key, separator
		}
		f.parts = append(f.parts, p)
	}
	f.parts = append(f.parts, part{literal: f.text[at:]})
	return nil
}

// MarshalJSON writes the form as it was read.
func (f Form) MarshalJSON() ([]byte, error) { return json.Marshal(f.text) }

// Read takes a text apart into the keys' values, lists as JSON; false where the text is not of this form. pattern says what the
// value of a key looks like, as a regular expression without anchors.
func (f Form) Read(text string, pattern func(key string) string) (map[string]string, bool, error) {
	expression := "^(?s:"
	for _, p := range f.parts {
		switch {
		case p.key == "":
			expression += regexp.QuoteMeta(p.literal)
		case p.fixed:
			expression += regexp.QuoteMeta(p.written)
		case p.any:
			expression += ".*"
		case p.replaced != "", p.separator != "":
			expression += "(.+?)"
		default:
			expression += "(" + pattern(p.key) + ")"
		}
	}
	matcher, err := regexp.Compile(expression + ")$")
	if err != nil {
		return nil, false, fmt.Errorf("form %q: %w", f.text, err)
	}
	found := matcher.FindStringSubmatch(text)
	if found == nil {
		return nil, false, nil
	}
	out := map[string]string{}
	group := 1
	for _, p := range f.parts {
		switch {
		case p.key == "" || p.any:
		case p.fixed:
			out[p.key] = p.value
		case p.replaced != "":
			out[p.key] = strings.ReplaceAll(found[group], p.replaced[:1], p.replaced[1:])
			group++
		case p.separator != "":
			list, err := json.Marshal(strings.Split(found[group], p.separator))
			if err != nil {
				return nil, false, err
			}
			out[p.key] = string(list)
			group++
		default:
			out[p.key] = found[group]
			// The pattern's own groups come after it.
			group += 1 + regexp.MustCompile(pattern(p.key)).NumSubexp()
		}
	}
	return out, true, nil
}
