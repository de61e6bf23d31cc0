package values

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// File is one values file, read once.
type File struct {
	// Name is as it was given.
	Name string
	// Values are what Helm reads from it.
	Values map[string]any
	// Warnings are about what Helm reads in another way than its author may think.
	Warnings []YAMLWarning
	// Accepted are the warnings that comments in the file accept.
	Accepted []Acceptance

	// at leads to where Helm lays the values: those of a chart below a parent lie at its alias.
	at Path
	// chart says that the file belongs to a chart: the user did not give it.
	chart     bool
	text      []byte
	documents []document
	// lines are made when one is shown.
	lines func() (text string, starts []int)
}

// document is one of a file's YAML documents, with the number of lines before it.
type document struct {
	root  *yaml.Node
	shift int
}

// maxSize is the largest values file, in bytes. Kubernetes stores the values with the release in a Secret of at most
// 1 MiB, compressed.
const maxSize = 4 << 20

// Reader reads the text of a values file by its name.
type Reader func(name string) ([]byte, error)

// Disk reads files; the name - is the standard input, which is read once.
func Disk(stdin io.Reader) Reader {
	once := sync.OnceValues(func() ([]byte, error) { return readAll(stdin, 0) })
	return func(name string) ([]byte, error) {
		if strings.TrimSpace(name) != "-" {
			return readFile(name)
		}
		if stdin == nil {
			return nil, &InputError{File: name, Message: "the standard input cannot be an overlay; give it with -f"}
		}
		text, err := once()
		return text, named(name, err)
	}
}

// Reader reads what the inputs hold as text from there, and all else from the disk.
func (in Inputs) Reader(stdin io.Reader) Reader {
	disk := Disk(stdin)
	if len(in.Texts) == 0 {
		return disk
	}
	return func(name string) ([]byte, error) {
		if text, ok := in.Texts[Canonical(name)]; ok {
			return text, nil
		}
		return disk(name)
	}
}

// Open reads a values file.
func (r Reader) Open(name string, helm Helm) (*File, error) {
	text, err := r(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, text, helm)
}

// Canonical is the one name of a file that may be reached by several.
func Canonical(name string) string {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	if whole, err := filepath.Abs(name); err == nil {
		return whole
	}
	return name
}

// Text is the file's text. It must not be changed.
func (f *File) Text() []byte { return f.text }

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		if u, wrong := url.Parse(name); wrong == nil && u.Host != "" {
			return nil, &InputError{File: name, Message: "is an address, and only files are read; download it first"}
		}
		return nil, named(name, err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, named(name, err)
	}
	if info.IsDir() {
		return nil, &InputError{File: name, Message: "is a directory; name the values file in it"}
	}
	if info.Size() > maxSize {
		return nil, named(name, errTooLarge)
	}
	text, err := readAll(file, info.Size())
	return text, named(name, err)
}

// readAll reads to the end: what a file says of its size is where to begin, and pipes, devices and what the kernel makes up
// (/proc) say 0.
func readAll(from io.Reader, size int64) ([]byte, error) {
	text := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(from, maxSize+1)); err != nil {
		return nil, err
	}
	if text.Len() > maxSize {
		return nil, errTooLarge
	}
	return text.Bytes(), nil
}

// maxMarks is how many commas, colons and ends of lines a values file may have. Each stands for two values at most, and a
// value takes up to 400 bytes while it is read.
const maxMarks = 400_000

// crowded says that a text has more values in it than there is memory for.
func crowded(text []byte) bool {
	if len(text) <= maxMarks {
		return false
	}
	marks := 0
	for _, mark := range []string{",", ":", "\n"} {
		marks += bytes.Count(text, []byte(mark))
	}
	return marks > maxMarks
}

var errTooLarge = fmt.Errorf("is larger than %d MiB, and nothing that goes into values is", maxSize>>20)

func named(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &InputError{File: name, Message: "there is no such file"}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &InputError{File: name, Message: err.Error()}
}

// Parse reads a text as Helm does. Helm's reader decides what is an error.
func Parse(name string, text []byte, helm Helm) (*File, error) {
	if crowded(text) {
		return nil, &InputError{File: name, Message: fmt.Sprintf("has more than %d keys and items, and no values file does", maxMarks)}
	}
	file := &File{Name: name, text: text, Accepted: accepted(name, text)}
	file.lines = sync.OnceValues(func() (string, []int) { return linesOf(text) })
	several := bytes.HasPrefix(text, []byte("---")) || bytes.Contains(text, []byte("\n---"))
	if helm == Helm4 && (several || !bytes.HasSuffix(text, []byte("\n")) || bytes.IndexByte(text, '\r') >= 0) {
		return file, file.split(text)
	}
	if err := file.document(text, 0); err != nil {
		return nil, err
	}
	if several {
		file.second()
	}
	return file, nil
}

// split reads every document of a text, as Helm 4 does: it ends the last line, and all lines alike.
func (f *File) split(text []byte) error {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text[:len(text):len(text)], '\n')
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for line := 0; ; {
		piece, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &InputError{File: f.Name, Line: line + 1, Message: "not YAML: " + err.Error()}
		}
		if err := f.document(piece, line); err != nil {
			return err
		}
		line += bytes.Count(piece, []byte("\n")) + 1
	}
}

// second notes a second document, which Helm 3 ignores.
func (f *File) second() {
	decoder := yaml.NewDecoder(bytes.NewReader(f.text))
	var first, second yaml.Node
	if decoder.Decode(&first) != nil {
		return
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		f.Warnings = append(f.Warnings, YAMLWarning{
			Rule: "several-documents", At: position(f.Name, &second, 0),
			Message: "Helm 3 ignores all but the first document of a values file, and Helm 4 merges them.",
			Hint:    "keep one document in a file, and give several files with -f",
		})
	}
}

// maxNodes bounds what aliases may unfold to; beyond it positions are those of the nearest key that has one.
const maxNodes = 200_000

// document reads one document and lays it over what the file has so far.
func (f *File) document(text []byte, shift int) error {
	var document1 yaml.Node
	c := &converter{file: f.Name, shift: shift, budget: maxNodes, suspicious: f.Name != DefaultsName && suspicious(text)}
	c.beyond = yaml.Unmarshal(text, &document1) != nil || special(text)
	var value any
	if len(document1.Content) > 0 {
		root := document1.Content[0]
		f.documents = append(f.documents, document{root, shift})
		value = c.convert(root)
	}
	if c.beyond {
		value = nil
		if err := sigsyaml.Unmarshal(text, &value); err != nil {
			return f.inputError(&document1, text, shift, err)
		}
	}
	f.Warnings = append(f.Warnings, c.warnings...)
	switch value := value.(type) {
	case nil:
	case map[string]any:
		f.Values = overlay(f.Values, value)
	default:
		if is := unread(text); is != "" {
			return &InputError{File: f.Name, Message: is}
		}
		return &InputError{File: f.Name, Line: shift + 1, Column: 1, Message: "values are a map of keys, and this is " + wordsOf(value)}
	}
	return nil
}

// special says that a text has in it what the two YAML readers may take in two ways.
func special(text []byte) bool {
	return bytes.ContainsAny(text, "\t!") || bytes.HasPrefix(text, []byte("%")) || bytes.Contains(text, []byte("\n%"))
}

// line returns a line of the file, counted from 1.
func (f *File) line(number int) string {
	text, starts := f.lines()
	if number >= len(starts) {
		return ""
	}
	return strings.TrimRight(text[starts[number-1]:starts[number]], "\r\n")
}

// linesOf returns a text, of which lines can be cut without a copy, and where each begins; after the last one, the end.
func linesOf(bytes []byte) (text string, starts []int) {
	text = string(bytes)
	for line := range strings.Lines(text) {
		starts = append(starts, len(line))
	}
	at := 0
	for i, length := range starts {
		starts[i], at = at, at+length
	}
	return text, append(starts, at)
}
