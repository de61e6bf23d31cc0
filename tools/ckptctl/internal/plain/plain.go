// Package plain makes foreign text fit to be shown: what stands in files, in objects of a cluster, in events, in logs and
// in the messages of libraries may hold anything, and a terminal, a log viewer or a CI runner takes some of it for orders.
package plain

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The decorations of a terminal, the only escape sequences that a Writer lets through.
const (
	Red    = "\x1b[31m"
	Yellow = "\x1b[33m"
	Blue   = "\x1b[34m"
	Bold   = "\x1b[1m"
	// Off ends what the others begin.
	Off = "\x1b[0m"
	// Rewind clears the line and returns to its start.
	Rewind = "\r\x1b[K"
)

// orders are what CI runners obey wherever in a line it stands: workflow commands of the first form (GitHub's runner,
// ActionCommand.TryParse) and logging commands (Azure Pipelines).
var orders = strings.NewReplacer("##[", `#\u0023[`, "##vso[", `#\u0023vso[`)

// Line returns a text as one line: line ends and tabs become spaces, and what is not printed, such as escapes, bidirectional
// controls and spaces of no width, is written as JSON writes it, \u001b.
func Line(text string) string { return clean(text, false) }

// Text is Line for a text of several lines, which keeps its line ends and its tabs.
func Text(text string) string { return clean(text, true) }

// Inert returns a text in which no line begins as a workflow command does (GitHub's runner, ActionCommand.TryParseV2).
func Inert(text string) string {
	if !strings.Contains(text, "::") {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if begin := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(begin, "::") {
			line = line[:len(line)-len(begin)] + `\u003a` + begin[1:]
		}
		out.WriteString(line)
	}
	return out.String()
}

// Lines is Line for each of a list.
func Lines(texts []string) []string {
	if texts == nil {
		return nil
	}
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, Line(text))
	}
	return out
}

func clean(text string, lines bool) string {
	if isClean(text, lines) {
		return text
	}
	var out strings.Builder
	for i, r := range text {
		switch {
		case r == '\r' && strings.HasPrefix(text[i:], "\r\n"):
		case lines && (r == '\n' || r == '\t'):
			out.WriteRune(r)
		case r == '\n', r == '\t':
			out.WriteByte(' ')
		case shown(r):
			out.WriteRune(r)
		default:
			escape(&out, r)
		}
	}
	return orders.Replace(out.String())
}

// isClean is the short way for the texts that nearly all are.
func isClean(text string, lines bool) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		breaks := lines && (c == '\n' || c == '\t')
		if c == '#' || c >= utf8.RuneSelf || c == 0x7f || c < ' ' && !breaks {
			return false
		}
	}
	return true
}

// shown says that a character is seen, and does nothing but be seen.
func shown(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }

func escape(out *strings.Builder, r rune) {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		return
	}
	fmt.Fprintf(out, `\u%04x`, r)
}

// Writer is the last to see what is printed: whatever a printer has let pass is made harmless here. Only decorations go
// through, and only where they are asked for. Each Write has to end where a character does.
type Writer struct {
	To io.Writer
	// Decorated says that To is a terminal which may be decorated.
	Decorated bool
}

// Write writes text as Text returns it.
func (w Writer) Write(text []byte) (int, error) {
	var out strings.Builder
	rest := string(text)
	for rest != "" && w.Decorated {
		i, decoration := first(rest)
		if decoration == "" {
			break
		}
		out.WriteString(Text(rest[:i]))
		out.WriteString(decoration)
		rest = rest[i+len(decoration):]
	}
	out.WriteString(Text(rest))
	if _, err := io.WriteString(w.To, out.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// first finds the first decoration of a text.
func first(text string) (at int, decoration string) {
	at = len(text)
	for _, d := range []string{Red, Yellow, Blue, Bold, Off, Rewind} {
		if i := strings.Index(text, d); i >= 0 && i < at {
			at, decoration = i, d
		}
	}
	return at, decoration
}
