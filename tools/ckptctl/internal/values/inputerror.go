package values

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// InputError is an input that cannot be read at all.
type InputError struct {
	// File is a file's name as it was given, or the command-line option.
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

var yamlLine = regexp.MustCompile(`yaml: (?:unmarshal errors:\n\s*)?line (\d+): (.*)`)

// inputError says where Helm's reader stumbled.
func (f *File) inputError(document *yaml.Node, text []byte, shift int, err error) *InputError {
	name := f.Name
	if is := unread(text); is != "" {
		return &InputError{File: name, Message: is}
	}
	budget := maxNodes
	if bad := find(document, &budget, func(n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && isPlain(n) && plain(n.Value).refused
	}); bad != nil {
		return &InputError{File: name, Line: shift + bad.Line, Column: bad.Column,
			Message: fmt.Sprintf("%s is no number that JSON has, and Helm cannot read it", bad.Value)}
	}
	if line, is := broken(text); line > 0 {
		return &InputError{File: name, Line: shift + line, Message: is}
	}
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			return &InputError{File: name, Line: shift + line, Message: "not YAML: " + m[2]}
		}
	}
	return &InputError{File: name, Line: shift + 1, Message: "not YAML: " + strings.TrimPrefix(message, "yaml: ")}
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
