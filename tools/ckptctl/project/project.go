// Package project reads a project file: which overlays a fleet has, and what is known of their clusters.
package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Name is what a project file is called.
const Name = "ckptctl.yaml"

// Settings are what is known of a cluster and its release; empty where nothing is.
type Settings struct {
	Release      string `json:"release"`
	Namespace    string `json:"namespace"`
	Context      string `json:"context"`
	KubeVersion  string `json:"kubeVersion"`
	Quota        string `json:"quota"`
	Chart        string `json:"chart"`
	ChartVersion string `json:"chartVersion"`
	Helm         int    `json:"helm"`
}

// Project is a project file.
type Project struct {
	Settings
	Base       words     `json:"base"`
	Overlays   words     `json:"overlays"`
	Set        words     `json:"set"`
	SetString  words     `json:"setString"`
	SetJSON    words     `json:"setJson"`
	SetFile    words     `json:"setFile"`
	SetLiteral words     `json:"setLiteral"`
	Strict     bool      `json:"strict"`
	Output     string    `json:"output"`
	Clusters   []cluster `json:"clusters"`

	name   string
	places *values.Values
}

// cluster is an entry of the list of clusters.
type cluster struct {
	Settings
	Name words `json:"name"`
}

// words are a list of texts; one may stand without a list.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// Find returns the project file of a folder: in it or in the nearest folder above, up to the root of the repository; ""
// if there is none.
func Find(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for {
		file := filepath.Join(folder, Name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		}
		_, err := os.Lstat(filepath.Join(folder, ".git"))
		up := filepath.Dir(folder)
		if err == nil || up == folder {
			return "", nil
		}
		folder = up
	}
}

// compiled is the schema of the project file.
var compiled = sync.OnceValues(func() (*schema.Schema, error) {
	text, err := json.Marshal(Schema())
	if err != nil {
		return nil, err
	}
	return schema.Compile(text)
})

// Read reads a project file. Every mistake in it is an error with its place and what to do.
func Read(name string, text []byte) (*Project, error) {
	file, err := values.Parse(name, text, values.Helm3)
	if err != nil {
		return nil, err
	}
	p := &Project{name: name, places: values.Unmerged([]*values.File{file})}
	judge, err := compiled()
	if err != nil {
		return nil, err
	}
	mistakes, err := judge.Validate(file.Values, file.Values)
	if err != nil {
		return nil, err
	}
	var all []error
	for _, m := range mistakes {
		at := p.places.Where(m.Key || m.Kind == "missing-key", m.At)
		all = append(all, p.at(at, m.Path, m.Message, hint(m, at)))
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	for _, w := range file.Warnings {
		all = append(all, p.at(w.At, w.Path, w.Message, w.Hint))
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	read, err := json.Marshal(file.Values)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(read, p); err != nil {
		return nil, err
	}
	if len(p.Base)+len(p.Overlays) == 0 {
		return nil, p.Error(values.Path{"base"}, "names no values.", "name the values: base: base.yaml, and overlays: clusters/*.yaml")
	}
	for i, c := range p.Clusters {
		for _, name := range c.Name {
			if _, err := path.Match(name, ""); err != nil {
				return nil, p.Error(entry(i), fmt.Sprintf("%s is no pattern.", name), "close its bracket")
			}
		}
	}
	return p, nil
}

// hint says what to do about a mistake.
func hint(m schema.Mistake, at values.Position) string {
	switch {
	case m.Kind == "type" && strings.HasPrefix(m.Hint, "put it in quotes"):
		// What YAML made of it is another number: 1.30 is 1.3.
		return fmt.Sprintf("put it in quotes: %s: %q", m.Path[len(m.Path)-1], at.Text)
	case m.Kind == "unknown-key" && !strings.HasPrefix(m.Hint, "did you mean"):
		known := make([]string, 0, len(keys)+1)
		for _, k := range keys {
			if k.cluster || len(m.Path) == 1 {
				known = append(known, k.name)
			}
		}
		return "the keys are: " + strings.Join(append(known, map[bool]string{true: "clusters", false: "name"}[len(m.Path) == 1]), ", ")
	case m.Kind == "missing-key":
		return "name the overlays that it is about: name: berlin"
	}
	return m.Hint
}

// entry is the path of an entry of the list of clusters.
func entry(i int) values.Path { return values.Path{"clusters", fmt.Sprintf("[%d]", i), "name"} }

// Error is a mistake in the project file at a key.
func (p *Project) Error(key values.Path, message, fix string) error {
	return p.at(p.places.Where(false, key), key, message, fix)
}

func (p *Project) at(at values.Position, key values.Path, message, fix string) error {
	return &values.InputError{File: p.name, Line: at.Line, Column: at.Column, Message: fmt.Sprintf("%s: %s\nfix: %s", key, message, fix)}
}

// Wrong is the error of a setting of a cluster, where it was set.
func (p *Project) Wrong(name, key, message, fix string) error {
	from := values.Path{key}
	for i, c := range p.Clusters {
		own := values.Path{"clusters", fmt.Sprintf("[%d]", i), key}
		if _, set := p.places.Written(own); set && c.matches(name) {
			from = own
		}
	}
	return p.Error(from, message, fix)
}

// Of returns what is known of a cluster.
func (p *Project) Of(name string) Settings {
	out := p.Settings
	for _, c := range p.Clusters {
		if c.matches(name) {
			out = c.over(out)
		}
	}
	return out
}

func (c cluster) matches(name string) bool {
	return slices.ContainsFunc(c.Name, func(pattern string) bool {
		matches, err := path.Match(pattern, filepath.ToSlash(name))
		return err == nil && matches
	})
}

// over lays the settings over others.
func (s Settings) over(other Settings) Settings {
	for to, from := range map[*string]string{
		&other.Release: s.Release, &other.Namespace: s.Namespace, &other.Context: s.Context, &other.KubeVersion: s.KubeVersion,
		&other.Quota: s.Quota, &other.Chart: s.Chart, &other.ChartVersion: s.ChartVersion,
	} {
		if from != "" {
			*to = from
		}
	}
	if s.Helm != 0 {
		other.Helm = s.Helm
	}
	return other
}

// Unknown is the error of a name in the list of clusters that no overlay has; nil if there is none.
func (p *Project) Unknown(names []string) error {
	for i, c := range p.Clusters {
		for _, pattern := range c.Name {
			if slices.ContainsFunc(names, (cluster{Name: words{pattern}}).matches) {
				continue
			}
			fix := "name an overlay, or remove the entry"
			if near := schema.Nearest(pattern, names); near != "" {
				fix = fmt.Sprintf("did you mean %s?", near)
			}
			return p.Error(entry(i), fmt.Sprintf("no overlay is called %s.", pattern), fix)
		}
	}
	return nil
}
