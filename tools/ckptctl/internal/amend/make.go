package amend

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/values"

	"go.yaml.in/yaml/v3"
)

// make returns the text with one edit made.
func (d *document) make(e values.Edit) ([]byte, error) {
	switch {
	case e.To == nil:
		out, _, err := d.without(e.From, false)
		return out, err
	case e.From == nil:
		if at, ok := d.find(e.To); ok {
			return d.set(at, e)
		}
		return d.first(e, func(c written) ([]byte, error) { return d.insert(e.To[:len(e.To)-1], nil, c) })
	}
	if _, taken := d.find(e.To); taken {
		return nil, errCannot
	}
	same, err := d.has(e.From, e.Value)
	if err != nil {
		return nil, err
	}
	if len(e.From) == len(e.To) && slices.Equal(e.From[:len(e.From)-1], e.To[:len(e.To)-1]) {
		return d.rename(e, same)
	}
	return d.move(e, same)
}

// has says whether a value stands at a path.
func (d *document) has(path values.Path, value any) (bool, error) {
	file, err := values.Parse("values.yaml", d.text, values.Helm3)
	if err != nil {
		return false, err
	}
	at, ok := values.Lookup(file.Values, path)
	if !ok {
		return false, errCannot
	}
	return reflect.DeepEqual(at, value), nil
}

// first returns the first of the ways to write an edit that both Helms read as it is meant.
func (d *document) first(e values.Edit, try func(written) ([]byte, error)) ([]byte, error) {
	hole := d.hole
	for _, c := range candidates(e) {
		d.hole = hole
		if out, err := try(c); err == nil && proven(d.text, out, []values.Edit{e}) == nil {
			return out, nil
		}
	}
	return nil, errCannot
}

// set puts a value in the place of another.
func (d *document) set(at entry, e values.Edit) ([]byte, error) {
	from, to, ok := d.span(at.value)
	if !ok {
		return nil, errCannot
	}
	return d.first(e, func(c written) ([]byte, error) {
		return splice(d.text, from, to, c.like(d.text[from])), nil
	})
}

// rename gives a key another name, and another value where the old one does not fit.
func (d *document) rename(e values.Edit, same bool) ([]byte, error) {
	at, ok := d.find(e.From)
	if !ok || at.key == nil {
		return nil, errCannot
	}
	from, to, ok := d.span(at.key)
	if !ok {
		return nil, errCannot
	}
	return d.first(e, func(c written) ([]byte, error) {
		out := d.text
		if !same {
			begin, end, ok := d.span(at.value)
			if !ok {
				return nil, errCannot
			}
			out = splice(out, begin, end, c.like(out[begin]))
		}
		return splice(out, from, to, c.keyLike(d.text[from])), nil
	})
}

// move takes a key to another section, with the comments in what it has.
func (d *document) move(e values.Edit, same bool) ([]byte, error) {
	out, taken, err := d.without(e.From, same)
	if err != nil {
		return nil, err
	}
	rest, err := parse(out)
	if err != nil {
		// Nothing is left: the key was all there was.
		rest = &document{text: out, lines: linesOf(out)}
	}
	rest.hole = d.hole
	return d.first(e, func(c written) ([]byte, error) {
		if same {
			if taken.inline != "" {
				taken.inline = c.key + taken.inline[taken.key:]
			}
			if len(taken.lines) > 0 {
				taken.lines = append([]string{c.key + taken.lines[0][taken.key:]}, taken.lines[1:]...)
			}
			taken.key = len(c.key)
			c.taken = &taken
		}
		made, err := rest.insert(e.To[:len(e.To)-1], e.From, c)
		d.hole = rest.hole
		return made, err
	})
}

// taken is a key that is on its way to another place.
type taken struct {
	// lines are the key and its value without the indentation of the key; inline is the same in one line, or "".
	lines  []string
	inline string
	// key is how long the name of the key is.
	key int
}

// without returns the text without a key, and the key. Comments within what it has are not to be lost, unless they go along.
func (d *document) without(path values.Path, along bool) ([]byte, taken, error) {
	at, ok := d.find(path)
	if !ok || at.key == nil {
		return nil, taken{}, errCannot
	}
	from, to, ok := d.span(at.key)
	if !ok {
		return nil, taken{}, errCannot
	}
	out := taken{key: to - from}
	if _, end, ok := d.span(at.value); ok && !bytes.ContainsAny(d.text[from:end], "\r\n") {
		out.inline = string(d.text[from:end])
	}
	if at.parent.Style&yaml.FlowStyle != 0 {
		if out.inline == "" {
			return nil, taken{}, errCannot
		}
		out.lines = []string{out.inline}
		return d.withoutFlow(from, from+len(out.inline), out)
	}
	line := d.lineOf(from)
	begin := d.lines[line-1]
	if line == 1 {
		begin += len(d.text) - len(bytes.TrimPrefix(d.text, []byte("\ufeff")))
	}
	indent := string(d.text[begin:from])
	if strings.Trim(indent, " ") != "" {
		return nil, taken{}, errCannot
	}
	last := d.lastLine(line, len(indent))
	end := d.lineEnd(last)
	if !along && !quiet(d.text[to:end]) {
		return nil, taken{}, errCannot
	}
	for _, each := range strings.Split(strings.TrimRight(string(d.text[begin:end]), "\r\n"), "\n") {
		each = strings.TrimSuffix(each, "\r")
		if each != "" && !strings.HasPrefix(each, indent) {
			return nil, taken{}, errCannot
		}
		out.lines = append(out.lines, strings.TrimPrefix(each, indent))
	}
	if len(path) == 1 {
		d.hole = begin
	}
	text := splice(d.text, begin, end, "")
	if len(at.parent.Content) > 2 || len(path) == 1 {
		return text, out, nil
	}
	// The section stays, and is empty.
	above, _ := d.find(path[:len(path)-1])
	if above.key == nil {
		return nil, taken{}, errCannot
	}
	_, colon, ok := d.span(above.key)
	if !ok || colon >= begin || d.text[colon] != ':' || !blank(d.text[colon+1:d.lineEnd(d.lineOf(colon))]) {
		return nil, taken{}, errCannot
	}
	return splice(text, colon+1, colon+1, " {}"), out, nil
}

// blank says that only a comment may stand in what is left of a line.
func blank(text []byte) bool {
	rest := bytes.TrimLeft(text, " \t")
	return len(bytes.TrimSpace(rest)) == 0 || rest[0] == '#'
}

// withoutFlow takes an entry out of a map in braces, with one of the commas around it.
func (d *document) withoutFlow(from, to int, out taken) ([]byte, taken, error) {
	after := to + len(d.text[to:]) - len(bytes.TrimLeft(d.text[to:], " "))
	before := len(bytes.TrimRight(d.text[:from], " "))
	switch {
	case after < len(d.text) && d.text[after] == ',':
		to = after + 1
		to += len(d.text[to:]) - len(bytes.TrimLeft(d.text[to:], " "))
	case before > 0 && d.text[before-1] == ',':
		from = before - 1
	case before > 0 && d.text[before-1] == '{' && after < len(d.text) && d.text[after] == '}':
		from, to = before, after
	default:
		return nil, taken{}, errCannot
	}
	return splice(d.text, from, to, ""), out, nil
}

// quiet says that there is no comment in a text; it may be wrong about one without.
func quiet(text []byte) bool { return bytes.IndexByte(text, '#') < 0 }

// lastLine is the last line of what a key has that is alone in its line, indented by so many spaces: comments and
// empty lines that follow belong to what comes next.
func (d *document) lastLine(line, indent int) int {
	last := line
	for next := line + 1; next < len(d.lines); next++ {
		text := strings.TrimRight(string(d.text[d.lines[next-1]:d.lines[next]]), " \t\r\n")
		inner := strings.TrimLeft(text, " ")
		switch deep := len(text) - len(inner); {
		case inner == "" || inner[0] == '#':
		case deep > indent, deep == indent && (inner == "-" || strings.HasPrefix(inner, "- ")):
			last = next
		default:
			return last
		}
	}
	return last
}

// insert puts a key into the section at a path, behind what is near it, and makes the section where there is none.
func (d *document) insert(section, near values.Path, c written) ([]byte, error) {
	node := d.root
	if len(section) > 0 {
		at, ok := d.find(section)
		if !ok {
			return d.insert(section[:len(section)-1], near, c.below(section[len(section)-1], d.unit()))
		}
		node = at.value
	}
	switch {
	case node == nil:
		return d.lay(0, 0, c), nil
	case node.Kind != yaml.MappingNode:
		return nil, errCannot
	case node.Style&yaml.FlowStyle != 0:
		_, end, ok := d.span(node)
		if !ok || c.line() == "" {
			return nil, errCannot
		}
		text := c.line()
		at := len(bytes.TrimRight(d.text[:end-1], " "))
		if len(node.Content) > 0 {
			text = ", " + text
		}
		return splice(d.text, at, at, text), nil
	case len(node.Content) == 0:
		return nil, errCannot
	}
	indent := node.Content[0].Column - 1
	if d.hole >= 0 && len(section) == 0 {
		out := d.lay(d.hole, indent, c)
		d.hole += len(out) - len(d.text)
		return out, nil
	}
	behind := node.Content[len(node.Content)-2]
	if len(near) > len(section)+1 && slices.Equal(near[:len(section)], section) {
		if at, ok := d.find(near[:len(section)+1]); ok && at.key != nil {
			behind = at.key
		}
	}
	from, ok := d.start(behind)
	if !ok {
		return nil, errCannot
	}
	return d.lay(d.lineEnd(d.lastLine(d.lineOf(from), indent)), indent, c), nil
}

// lay puts lines in where a line begins.
func (d *document) lay(at, indent int, c written) []byte {
	newline := d.newline()
	var out strings.Builder
	if at > 0 && d.text[at-1] != '\n' {
		out.WriteString(newline)
	}
	for _, line := range c.lines() {
		if line != "" {
			out.WriteString(strings.Repeat(" ", indent))
		}
		out.WriteString(line + newline)
	}
	text := out.String()
	if at == len(d.text) && at > 0 && d.text[at-1] != '\n' {
		text = strings.TrimSuffix(text, newline)
	}
	return splice(d.text, at, at, text)
}

// unit is by how much the text indents.
func (d *document) unit() int {
	if d.root != nil {
		for i := 1; i < len(d.root.Content); i += 2 {
			if node := d.root.Content[i]; node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle == 0 && len(node.Content) > 0 {
				return max(1, node.Content[0].Column-d.root.Content[0].Column)
			}
		}
	}
	return 2
}

// written is one way to write an edit.
type written struct {
	key, value string
	// quotes are other ways to write them, by the quote.
	keyQuoted, valueQuoted map[byte]string
	// taken is what is moved as it stands; around are the sections around it, the innermost first.
	taken  *taken
	around []string
	indent int
}

// below has what is written in a section.
func (c written) below(section string, indent int) written {
	c.around, c.indent = append(slices.Clone(c.around), section), indent
	return c
}

func (c written) lines() []string {
	out := []string{c.key + ": " + c.value}
	if c.taken != nil {
		out = c.taken.lines
	}
	for _, section := range c.around {
		inner := []string{keyText(section) + ":"}
		for _, line := range out {
			if line != "" {
				line = strings.Repeat(" ", c.indent) + line
			}
			inner = append(inner, line)
		}
		out = inner
	}
	return out
}

func (c written) line() string {
	out := c.key + ": " + c.value
	if c.taken != nil {
		out = c.taken.inline
	}
	for _, section := range c.around {
		if out != "" {
			out = keyText(section) + ": {" + out + "}"
		}
	}
	return out
}

// like is the value with the quotes of the one before it.
func (c written) like(first byte) string {
	if quoted := c.valueQuoted[first]; quoted != "" {
		return quoted
	}
	return c.value
}

// keyLike is the key with the quotes of the one before it.
func (c written) keyLike(first byte) string {
	if quoted := c.keyQuoted[first]; quoted != "" {
		return quoted
	}
	return c.key
}

// simple is a text that needs no quotes where it is read as a text.
var simple = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./=+-]*$`)

// candidates are the ways to write what an edit puts somewhere, the plainest first.
func candidates(e values.Edit) []written {
	key := e.To[len(e.To)-1]
	keys, vals := texts(key), []string{flow(e.Value)}
	c := written{keyQuoted: quotes(key)}
	if text, ok := e.Value.(string); ok {
		vals, c.valueQuoted = texts(text), quotes(text)
	}
	var out []written
	for _, c.key = range keys {
		for _, c.value = range vals {
			out = append(out, c)
		}
	}
	// Without the quotes of what was there before.
	for _, each := range slices.Clone(out) {
		each.keyQuoted, each.valueQuoted = nil, nil
		out = append(out, each)
	}
	return out
}

func texts(text string) []string {
	if simple.MatchString(text) {
		return []string{text, doubled(text)}
	}
	return []string{doubled(text)}
}

func quotes(text string) map[byte]string {
	return map[byte]string{'"': doubled(text), '\'': "'" + strings.ReplaceAll(text, "'", "''") + "'"}
}

func doubled(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(text) != nil {
		return ""
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func keyText(key string) string { return texts(key)[0] }

// flow is a value in one line, with quotes where they are needed.
func flow(value any) string {
	switch value := value.(type) {
	case string:
		var read any
		if simple.MatchString(value) && yaml.Unmarshal([]byte(value), &read) == nil && read == value {
			return value
		}
		return doubled(value)
	case []any:
		parts := make([]string, len(value))
		for i, item := range value {
			parts[i] = flow(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, keyText(key)+": "+flow(value[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
