// Package paste writes what is to be pasted into a shell. Nothing that is not written in this program's source gets into a
// Line unquoted: the templates are constants, which the compiler sees to, and everything else is one quoted word.
package paste

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/plain"

	"al.essio.dev/pkg/shellescape"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Line is a command, or a comment, which begins with #. A command ends where its last line does: an object that it is
// given may take several.
type Line struct{ text string }

// mark stands in a line's text behind each program that has an option for the cluster. No word has it: it cannot be printed.
const mark = "\x00"

func (l Line) String() string { return strings.ReplaceAll(l.text, mark, "") }

// MarshalText has a line printed as a string.
func (l Line) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// template is a format with %s for each word. Only constants convert to it implicitly, so a variable cannot be one.
type template string

// Command is a command with its words: a Line is put in as it is, an object as the YAML that kubectl takes, and anything
// else as one word of the shell.
func Command(t template, words ...any) Line {
	return Line{fill(template(programs.ReplaceAllString(string(t), "$0"+mark)), words, word)}
}

// programs are those that have an option for the cluster, where a command begins.
var programs = regexp.MustCompile(`(^|[|&] )(kubectl|helm|ckptctl)\b`)

// Cluster says how to reach a cluster; what is empty is as kubectl has it.
type Cluster struct{ Kubeconfig, Context string }

// Via is the command on a cluster.
func (l Line) Via(to Cluster) Line {
	for program, option := range map[string]string{"kubectl": "--context", "helm": "--kube-context", "ckptctl": "--kube-context"} {
		with := program
		if to.Kubeconfig != "" {
			with += " --kubeconfig " + Word(to.Kubeconfig)
		}
		if to.Context != "" {
			with += " " + option + " " + Word(to.Context)
		}
		if with != program {
			l.text = strings.ReplaceAll(l.text, program+mark, with)
		}
	}
	return l
}

// Via are commands on a cluster.
func Via(lines []Line, to Cluster) []Line {
	out := make([]Line, len(lines))
	for i, line := range lines {
		out[i] = line.Via(to)
	}
	return out
}

// Comment is a comment: a Line is put in as it is, and anything else as text.
func Comment(t template, words ...any) Line {
	return Line{fill("# "+t, words, func(w any) string { return plain.Line(fmt.Sprint(w)) })}
}

func fill(t template, words []any, each func(any) string) string {
	out := make([]any, 0, len(words))
	for _, w := range words {
		if line, ok := w.(Line); ok {
			out = append(out, line.text)
		} else {
			out = append(out, each(w))
		}
	}
	return fmt.Sprintf(string(t), out...)
}

// stand is put in the place of what would be read as an option, or by zsh as a program's path: nothing in Kubernetes is
// called so.
const stand = "NAME"

// Word is a text as one word of a shell. What cannot be printed is written out, so that such a word names nothing.
func Word(text string) string {
	text = plain.Line(text)
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "=") {
		return stand
	}
	return shellescape.Quote(text)
}

// Words are put into a command one by one.
type Words []string

func word(w any) string {
	switch w := w.(type) {
	case runtime.Object:
		return shellescape.Quote(document(w))
	case Words:
		out := make([]string, 0, len(w))
		for _, each := range w {
			out = append(out, Word(each))
		}
		return strings.Join(out, " ")
	}
	return Word(fmt.Sprint(w))
}

// Fields are those of an object that one gives to the API server: not its status, nor when it was made.
func Fields(object runtime.Object) map[string]any {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(err) // the types of k8s.io/api
	}
	delete(fields, "status")
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	return fields
}

// document is an object as YAML, or as JSON, which is YAML too, where only that can write it without what a terminal obeys.
func document(object runtime.Object) string {
	fields := Fields(object)
	text, err := yaml.Marshal(fields)
	if err == nil && plain.Inert(plain.Text(string(text))) == string(text) {
		return "\n" + string(text)
	}
	text, err = json.MarshalIndent(fields, "", "  ")
	if err != nil {
		panic(err) // maps, lists and strings
	}
	return "\n" + plain.Text(string(text)) + "\n"
}

// JSON is a value as one line of JSON, for a word of a command.
func JSON(value any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // structs, maps and strings
	}
	return plain.Line(strings.TrimSpace(out.String()))
}
