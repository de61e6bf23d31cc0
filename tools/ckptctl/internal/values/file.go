package values

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// InputError is an input that cannot be read at all.
type InputError struct {
	File string
	// Line and Column count from 1; 0 where there are none.
	Line, Column int
	Message      string
}

func (e *InputError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += fmt.Sprintf(":%d", e.Line)
		if e.Column > 0 {
			place += fmt.Sprintf(":%d", e.Column)
		}
	}
	return place + ": " + e.Message
}

// File is one values file.
type File struct {
	Name string
	// Oddities are what Helm reads in another way than its author may think.
	Oddities []Oddity

	lines   []string
	origins *origin
}

// Oddity is something in a file that Helm takes in silence.
type Oddity struct {
	// Rule is the last part of its id.
	Rule string
	At   Position
	Path Path
	// Message and Hint are as in a finding.
	Message, Hint string
}

// maxSize is the largest values file, in bytes. Kubernetes stores the values with the release in a Secret of at most
// 1 MiB, compressed.
const maxSize = 16 << 20

func open(name string) (*File, error) {
	info, err := os.Stat(name)
	if err != nil {
		message := err.Error()
		if errors.Is(err, fs.ErrNotExist) {
			message = "there is no such file"
		}
		return nil, &InputError{File: name, Message: message}
	}
	if info.IsDir() {
		return nil, &InputError{File: name, Message: "is a directory; name the values file in it"}
	}
	if info.Size() > maxSize {
		return nil, &InputError{File: name, Message: fmt.Sprintf("is larger than %d MiB, and no values file is", maxSize>>20)}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, &InputError{File: name, Message: err.Error()}
	}
	return parse(name, text)
}

var (
	yamlLine = regexp.MustCompile(`yaml: (?:unmarshal errors:\n\s*)?line (\d+): (.*)`)
	notANumb = regexp.MustCompile(`^[-+]?\.(inf|Inf|INF|nan|NaN|NAN)$`)
)

// parse reads a file as Helm does and finds the positions in it. Helm's reader decides what is an error.
func parse(name string, text []byte) (*File, error) {
	file := &File{Name: name, lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	// A newer reader than Helm's gives the positions; what it cannot read goes without.
	readable := decoder.Decode(&document) == nil
	var value any
	if err := sigsyaml.Unmarshal(text, &value); err != nil {
		return nil, refused(name, &document, err)
	}
	switch value.(type) {
	case nil, map[string]any:
	default:
		return nil, &InputError{File: name, Line: 1, Column: 1, Message: "values are a map of keys, and this is not"}
	}
	if !readable || len(document.Content) == 0 {
		return file, nil
	}
	file.origins = origins(name, document.Content[0])
	if file.origins.children == nil {
		file.origins = nil
		return file, nil
	}
	budget := maxNodes
	file.Oddities = oddities(file.Name, document.Content[0], nil, &budget)
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		file.Oddities = append(file.Oddities, Oddity{
			Rule: "several-documents", At: Position{File: name, Line: second.Line, Column: second.Column},
			Message: "Helm 3 ignores all but the first document of a values file, and Helm 4 merges them.",
			Hint:    "keep one document in a file, and give several files with -f",
		})
	}
	return file, nil
}

// refused says where Helm's reader stumbled.
func refused(name string, document *yaml.Node, err error) *InputError {
	budget := maxNodes
	if bad := find(document, &budget, func(n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && n.Style == 0 && notANumb.MatchString(n.Value)
	}); bad != nil {
		return &InputError{File: name, Line: bad.Line, Column: bad.Column,
			Message: fmt.Sprintf("%s is no number that JSON has, and Helm cannot read it", bad.Value)}
	}
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			return &InputError{File: name, Line: line, Message: "not YAML: " + m[2]}
		}
	}
	return &InputError{File: name, Line: 1, Message: "not YAML: " + strings.TrimPrefix(message, "yaml: ")}
}

func find(node *yaml.Node, budget *int, match func(*yaml.Node) bool) *yaml.Node {
	if *budget--; *budget <= 0 {
		return nil
	}
	if match(node) {
		return node
	}
	for _, child := range node.Content {
		if found := find(child, budget, match); found != nil {
			return found
		}
	}
	return nil
}

// oddities walks a document for what Helm takes in silence: a key that stands twice.
func oddities(file string, node *yaml.Node, path Path, budget *int) []Oddity {
	if *budget--; *budget <= 0 {
		return nil
	}
	var out []Oddity
	if node.Kind == yaml.SequenceNode {
		for i, item := range node.Content {
			out = append(out, oddities(file, item, path.To(index(i)), budget)...)
		}
	}
	if node.Kind != yaml.MappingNode {
		return out
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		here := path.To(keyName(key))
		if before := first[keyName(key)]; before != nil && key.Tag != "!!merge" {
			out = append(out, Oddity{
				Rule: "duplicate-key", At: Position{File: file, Line: key.Line, Column: key.Column}, Path: here,
				Message: fmt.Sprintf("the key stands in line %d already, and Helm takes only this last one.", before.Line),
				Hint:    "keep one of the two",
			})
		}
		first[keyName(key)] = key
		out = append(out, oddities(file, node.Content[i+1], here, budget)...)
	}
	return out
}
