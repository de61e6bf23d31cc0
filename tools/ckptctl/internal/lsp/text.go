package lsp

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// nameOf is the name of the file that a URI stands for; the URI itself where it is none.
func nameOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" {
		return uri
	}
	path := u.Path
	// A drive follows a slash: file:///c:/values.yaml.
	if len(path) > 2 && path[0] == '/' && path[2] == ':' {
		path = path[1:]
	}
	return filepath.FromSlash(path)
}

// uriOf is the URI of a file, as the editor wrote it if it has the file open.
func (s *server) uriOf(name string) string {
	key := values.Canonical(name)
	if d := s.documents[key]; d != nil {
		return d.uri
	}
	path := filepath.ToSlash(key)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// lineOf is a line of a text, counted from 0, without its end.
func lineOf(text string, number int) string {
	for line := range strings.Lines(text) {
		if number == 0 {
			return strings.TrimRight(line, "\r\n")
		}
		number--
	}
	return ""
}

// units is how long a text is in UTF-16, by which the protocol counts.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// positionAt is the position of a byte of a text.
func positionAt(text string, offset int) position {
	before := text[:offset]
	line := strings.Count(before, "\n")
	return position{line, units(before[strings.LastIndexByte(before, '\n')+1:])}
}

// difference is the one edit that makes a text of another.
func difference(before, after string) textEdit {
	from := 0
	for from < min(len(before), len(after)) && before[from] == after[from] {
		from++
	}
	// Between the two parts of a line's end, and within a character, nothing may begin or end.
	for from > 0 && (from < len(before) && !utf8.RuneStart(before[from]) || from < len(after) && !utf8.RuneStart(after[from]) || before[from-1] == '\r') {
		from--
	}
	end, last := len(before), len(after)
	for end > from && last > from && before[end-1] == after[last-1] {
		end, last = end-1, last-1
	}
	for end < len(before) && (!utf8.RuneStart(before[end]) || before[end] == '\n' && end > 0 && before[end-1] == '\r') {
		end, last = end+1, last+1
	}
	return textEdit{span{positionAt(before, from), positionAt(before, end)}, after[from:last]}
}

// token is what a finding points at: a text in quotes, or up to what ends a key or a value.
var token = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|#.*|[^\s,:\]}]+)`)

// rangeOf is what is underlined for a place in a text, whose line and column count from 1 in characters.
func rangeOf(text string, line, column int) span {
	line, column = max(line, 1), max(column, 1)
	content := []rune(lineOf(text, line-1))
	from := min(column-1, len(content))
	length := len([]rune(token.FindString(string(content[from:]))))
	if length == 0 {
		length = len(content) - from
	}
	start := units(string(content[:from]))
	return span{position{line - 1, start}, position{line - 1, start + units(string(content[from:from+length]))}}
}

// meets says that two ranges have something in common, if only an end.
func meets(a, b span) bool { return !before(a.End, b.Start) && !before(b.End, a.Start) }

func before(a, b position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}

// diagnostic is a finding as an editor shows it.
func (s *server) diagnostic(d *document, f check.Finding) diagnostic {
	out := diagnostic{Range: rangeOf(d.text, f.Line, f.Column), Severity: severityError, Code: f.Rule, Source: "ckptctl", Message: plain.Line(f.Text())}
	if f.Severity != "error" {
		out.Severity = severityWarning
	}
	if f.Hint != "" {
		out.Message += "\nfix: " + plain.Text(f.Hint)
	}
	if href := s.Source(f.Rule); href != "" {
		out.CodeDescription = &codeDescription{href}
	}
	for _, b := range f.Because {
		if b.Line == 0 {
			out.Message += "\nbecause " + plain.Line(b.String())
			continue
		}
		at := span{position{b.Line - 1, 0}, position{b.Line - 1, 0}}
		if open := s.documents[values.Canonical(b.File)]; open != nil {
			at.End.Character = units(lineOf(open.text, b.Line-1))
		}
		out.RelatedInformation = append(out.RelatedInformation, relatedInformation{location{s.uriOf(b.File), at}, plain.Line(b.Path + " is " + b.Value)})
	}
	return out
}

func title(f check.Finding) string {
	hint, _, _ := strings.Cut(plain.Line(f.Hint), "\n")
	if f.Path == "" {
		return hint
	}
	return plain.Line(f.Path) + ": " + hint
}
