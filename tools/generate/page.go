package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// backendPage is what the page of a backend shows.
type backendPage struct {
	catalog.Backend
	// Example and ClassExample are values, for storage that exists and for new volumes; Rendered is what the first makes.
	Example, ClassExample, Rendered string
	// WaitsForPod says that the class of one of them binds with the first pod.
	WaitsForPod                    bool
	Keys                           []keyRow
	Capabilities                   []row
	SemanticsSource, SemanticsWhen string
	Operations                     []operationRow
	// Frameworks are listed by whether the file system serves them.
	Frameworks []row
	Rules      []ruleRow
	Verified   verification
	Sources    []row
}

type operationRow struct {
	Name, Title, Note string
	Answer            catalog.Support
}

type ruleRow struct{ Severity, Rule, Path, Message, Fix string }

func (d documentation) page(b catalog.Backend) (backendPage, error) {
	p := backendPage{Backend: b, SemanticsSource: b.Capabilities.Semantics.Source, Capabilities: capabilities(b.Capabilities)}
	if key, value, ok := b.Capabilities.Semantics.When.Key(); ok {
		p.SemanticsWhen = fmt.Sprintf("`%s` is `%v`", key, value)
	}
	for _, key := range b.Keys() {
		p.Keys = append(p.Keys, keyOf(b, key))
	}
	p.Operations, p.Frameworks = d.operations(b), d.served(b)
	for _, c := range b.Rules {
		severity := c.Severity
		if severity == "" {
			severity = "error"
		}
		p.Rules = append(p.Rules, ruleRow{severity, c.Rule, c.Path, c.Message, strings.TrimSuffix(c.Fix, ".")})
	}
	for _, fact := range slices.Sorted(maps.Keys(b.Sources)) {
		p.Sources = append(p.Sources, row{fact, b.Sources[fact]})
	}
	var err error
	if p.Verified, err = d.verified(b); err != nil {
		return p, err
	}
	if p.Example, err = example(b); err != nil {
		return p, err
	}
	if p.ClassExample, err = d.classExample(b); err != nil {
		return p, err
	}
	if p.WaitsForPod, err = waitsForPod(b, p.Example, p.ClassExample); err != nil {
		return p, err
	}
	p.Rendered, err = d.rendered(b)
	return p, err
}

// operations are the answers for each operation; none where all are unknown.
func (d documentation) operations(b catalog.Backend) []operationRow {
	var out []operationRow
	known := false
	for _, o := range d.frameworks.Operations {
		s := b.Capabilities.Semantics
		out = append(out, operationRow{Name: o.Name, Title: o.Title, Answer: s.Does(o.Name), Note: s.Notes[o.Name]})
		known = known || s.Does(o.Name) != catalog.Unknown
	}
	if !known {
		return nil
	}
	return out
}

// served groups the frameworks by the answer for them.
func (d documentation) served(b catalog.Backend) []row {
	names := map[catalog.Support][]string{}
	for _, name := range d.frameworks.Names() {
		answer, missing := d.frameworks.Serves(b, name)
		shown := "`" + name + "`"
		if len(missing) > 0 {
			shown += " (needs `" + operationNames(missing) + "`)"
		}
		names[answer] = append(names[answer], shown)
	}
	var out []row
	for _, group := range []struct {
		answer catalog.Support
		title  string
	}{{catalog.Yes, "supported"}, {catalog.No, "refused"}, {catalog.Unknown, "unknown"}} {
		if list := names[group.answer]; len(list) > 0 {
			out = append(out, row{group.title, strings.Join(list, ", ")})
		}
	}
	return out
}

func keyOf(b catalog.Backend, key string) keyRow {
	property := b.Schema.Properties[key]
	out := keyRow{Name: key, Default: b.Note(key), Description: fmt.Sprint(property["description"]), Use: strings.Join(b.MappedTo(key), ", ")}
	if value, given := property["default"]; given && out.Default != "required" {
		out.Default = fmt.Sprintf("`%v`", value)
	}
	if out.Default == "" && slices.Contains(b.Schema.ClassRequired, key) {
		out.Default = "required for new volumes"
	}
	if words, closed := property["enum"].([]any); closed {
		var list []string
		for _, word := range words {
			list = append(list, fmt.Sprintf("`%v`", word))
		}
		out.Description += " One of " + strings.Join(list, ", ") + "."
	} else if shown := b.ExampleOf(key); shown != "" {
		out.Description += " Example: `" + shown + "`."
	}
	return out
}

// example is the minimal values file of a backend.
func example(b catalog.Backend) (string, error) {
	var out bytes.Buffer
	encoder := yamlv3.NewEncoder(&out)
	encoder.SetIndent(2)
	values := yamlv3.Node{Kind: yamlv3.MappingNode}
	add := func(key string, value any) error {
		var k, v yamlv3.Node
		if err := errors.Join(k.Encode(key), v.Encode(value)); err != nil {
			return err
		}
		if v.Kind == yamlv3.SequenceNode {
			v.Style = yamlv3.FlowStyle
		}
		values.Content = append(values.Content, &k, &v)
		return nil
	}
	if err := add("backend", b.Name); err != nil {
		return "", err
	}
	for _, key := range slices.Sorted(maps.Keys(b.ExampleValues)) {
		if err := add(key, b.ExampleValues[key]); err != nil {
			return "", err
		}
	}
	if len(b.Example) > 0 {
		if err := add(b.Name, b.Example); err != nil {
			return "", err
		}
	}
	err := encoder.Encode(&values)
	return out.String(), err
}

// waitsForPod says whether a class of the values, or of the backend where they do not say, binds with the first pod.
func waitsForPod(b catalog.Backend, examples ...string) (bool, error) {
	const waits = "WaitForFirstConsumer"
	for _, example := range examples {
		var values struct {
			StorageClass struct {
				Create            bool
				VolumeBindingMode string
			}
		}
		if err := yaml.Unmarshal([]byte(example), &values); err != nil {
			return false, err
		}
		class := values.StorageClass
		if class.Create && (class.VolumeBindingMode == waits || class.VolumeBindingMode == "" && b.Capabilities.BindingMode == waits) {
			return true, nil
		}
	}
	return false, nil
}

func (d documentation) testdata(b catalog.Backend) string {
	return filepath.Join(d.chart, filepath.FromSlash(catalog.Root), b.Name, "testdata")
}

// classExample is the first fixture that makes a StorageClass; "" where the example itself makes one, or none does.
func (d documentation) classExample(b catalog.Backend) (string, error) {
	if b.ExampleValues["provisioning"] == "dynamic" {
		return "", nil
	}
	files, err := filepath.Glob(filepath.Join(d.testdata(b), "_accept-class*.values.yaml"))
	if err != nil || len(files) == 0 {
		return "", err
	}
	text, err := os.ReadFile(files[0])
	return string(text), err
}

// rendered is the reviewed rendering of the example without what every store has. It is "" before that is written for a
// new backend.
func (d documentation) rendered(b catalog.Backend) (string, error) {
	golden, err := os.ReadFile(filepath.Join(d.testdata(b), "_example.golden.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var out []string
	for _, document := range strings.Split(string(golden), "---\n") {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return "", err
		}
		if object == nil || object["kind"] == "ConfigMap" {
			continue
		}
		delete(object["metadata"].(map[string]any), "labels")
		text, err := yaml.Marshal(object)
		if err != nil {
			return "", err
		}
		out = append(out, string(text))
	}
	return strings.Join(out, "---\n"), nil
}
