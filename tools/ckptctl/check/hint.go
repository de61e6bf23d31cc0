package check

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// asWritten has a number that was meant as a text keep its digits: 1.10 is "1.10", and not the number that it is read as.
func asWritten(m schema.Mistake, at values.Position) schema.Mistake {
	if m.Kind != "type" || at.Text == "" || at.Quoted || len(m.Edits) != 1 || !strings.HasPrefix(m.Hint, "put it in quotes: ") {
		return m
	}
	m.Hint = fmt.Sprintf("put it in quotes: %s: %q", m.Path, at.Text)
	edit := m.Edits[0]
	edit.Value = at.Text
	m.Edits = []values.Edit{edit}
	return m
}

// wordHint knows the words that Helm's YAML takes for booleans, though a word was meant.
func wordHint(prefix values.Path, m schema.Mistake, at values.Position) string {
	if word := booleanWord(m, at); word != "" {
		return fmt.Sprintf("YAML reads the word %s as a boolean; put it in quotes: %q", word, word)
	}
	return optionHint(prefix, m, at)
}

// booleanWord is a word that Helm's YAML takes for a boolean where none can stand, or "".
func booleanWord(m schema.Mistake, at values.Position) string {
	switch strings.ToLower(at.Text) {
	case "yes", "no", "on", "off", "y", "n":
		if m.Kind == "type" && !at.Quoted {
			return at.Text
		}
	}
	return ""
}

// optionHint says what an option has to be, where an option made the mistake.
func optionHint(prefix values.Path, m schema.Mistake, at values.Position) string {
	if at.Line > 0 || !strings.HasPrefix(at.File, "--set") {
		return m.Hint
	}
	if m.Kind == "unknown-key" && partOf(at.File, m.Path[len(m.Path)-1]) {
		return `remove it; if it belongs to the value before it, write the comma as \, and the items of a list in braces: --set 'mountOptions={hard,nfsvers=4.1}'`
	}
	var options []string
	for _, e := range m.Edits {
		if e.To != nil {
			options = append(options, values.Setting(slices.Concat(prefix, e.To), e.Value))
		}
	}
	switch {
	case len(options) == 0:
		return m.Hint
	case m.Kind == "type" && len(m.Edits) > 1 && m.Edits[0].To == nil && len(m.Edits[0].From) > 1:
		// The option took the dots of a key for steps.
		return `write the dots of a key as \.: ` + strings.Join(options, " ")
	case strings.HasPrefix(m.Hint, "write it like "):
		return "write it like " + strings.Join(options, " ")
	}
	return "write instead: " + strings.Join(options, " ")
}

// partOf says that a comma in the text of an option stands before a key: what follows it may have been meant as a part of
// the value before.
func partOf(option, key string) bool {
	before, _, found := strings.Cut(option, ","+key+"=")
	return found && strings.Contains(before, "=")
}
