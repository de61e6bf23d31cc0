// Package values reads values as Helm reads them, and remembers where each was set.
package values

import (
	"fmt"
	"io/fs"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
	"helm.sh/helm/v3/pkg/strvals"
)

// defaultsName stands for the file of what nobody wrote.
const defaultsName = "the chart's defaults"

// Inputs are the command line's, in Helm's own terms.
type Inputs struct {
	Files                []string
	Set, SetString, JSON []string
}

// Values are what Helm would give to the templates, and where they come from.
type Values struct {
	// Merged is the chart's defaults with everything else laid over them.
	Merged map[string]any
	// Given is what the user gave, before the chart's defaults.
	Given map[string]any

	files   []*File
	origins *origin
}

// LoadChart reads a chart as Helm does.
func LoadChart(files fs.FS) (*chart.Chart, error) {
	var buffered []*loader.BufferedFile
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		buffered = append(buffered, &loader.BufferedFile{Name: name, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	return loader.LoadFiles(buffered)
}

// Read merges the inputs over the chart's defaults. An *InputError says which input cannot be read, and where.
func Read(c *chart.Chart, in Inputs) (*Values, error) {
	v := &Values{}
	for _, raw := range c.Raw {
		if raw.Name == chartutil.ValuesfileName {
			defaults, err := parse(defaultsName, raw.Data)
			if err != nil {
				return nil, err
			}
			v.origins = defaults.origins
		}
	}
	for _, name := range in.Files {
		file, err := open(name)
		if err != nil {
			return nil, err
		}
		v.files = append(v.files, file)
		if file.origins != nil {
			v.origins = v.origins.merge(file.origins, false)
		}
	}
	for _, option := range options(in) {
		set, err := option.origins()
		if err != nil {
			return nil, &InputError{File: option.String(), Message: err.Error()}
		}
		v.origins = v.origins.merge(set, true)
	}
	merge := helmvalues.Options{ValueFiles: in.Files, Values: in.Set, StringValues: in.SetString, JSONValues: in.JSON}
	given, err := merge.MergeValues(getter.Providers{})
	if err != nil {
		return nil, &InputError{File: "values", Message: err.Error()}
	}
	v.Given = given
	merged, err := chartutil.CoalesceValues(c, given)
	if err != nil {
		return nil, &InputError{File: "values", Message: err.Error()}
	}
	v.Merged = merged
	return v, nil
}

// Where says where the first of the paths that somebody wrote was set; the first path decides otherwise, by the nearest
// section above it that somebody wrote. key asks for the key rather than for what stands behind it.
func (v *Values) Where(key bool, paths ...Path) Position {
	for _, path := range paths {
		if at, ok := v.written(path, key); ok {
			return at
		}
	}
	for up := len(paths[0]) - 1; up > 0; up-- {
		if at, ok := v.written(paths[0][:up], true); ok {
			return at
		}
	}
	if at, ok := v.written(Path{"backend"}, false); ok {
		return at
	}
	if len(v.files) > 0 {
		return Position{File: v.files[len(v.files)-1].Name, Line: 1, Column: 1}
	}
	return Position{File: defaultsName}
}

// written finds a path among what the user gave.
func (v *Values) written(path Path, key bool) (Position, bool) {
	o := v.origins
	for _, step := range path {
		if o == nil {
			return Position{}, false
		}
		o = o.children[step]
	}
	if o == nil || len(path) == 0 || o.File == defaultsName {
		return Position{}, false
	}
	// A map or a list is best shown by its key.
	if key || o.children != nil {
		return o.key, true
	}
	return o.Position, true
}

// Source returns a line of one of the files.
func (v *Values) Source(file string, line int) string {
	for _, f := range v.files {
		if f.Name == file && line > 0 && line <= len(f.lines) {
			return f.lines[line-1]
		}
	}
	return ""
}

// Files are those that were given, in order.
func (v *Values) Files() []*File { return v.files }

// option is a --set of the command line.
type option struct {
	flag, text string
	parse      func(string, map[string]any) error
}

func (o option) String() string { return o.flag + " " + o.text }

// options lists them in the order in which Helm applies them.
func options(in Inputs) []option {
	var out []option
	for _, kind := range []struct {
		flag  string
		texts []string
		parse func(string, map[string]any) error
	}{
		{"--set-json", in.JSON, strvals.ParseJSON},
		{"--set", in.Set, strvals.ParseInto},
		{"--set-string", in.SetString, strvals.ParseIntoString},
	} {
		for _, text := range kind.texts {
			out = append(out, option{kind.flag, text, kind.parse})
		}
	}
	return out
}

func (o option) origins() (*origin, error) {
	set := map[string]any{}
	if err := o.parse(o.text, set); err != nil {
		return nil, fmt.Errorf("cannot be read: %s", strings.TrimSpace(err.Error()))
	}
	return everywhere(set, Position{File: o.String()}), nil
}

// everywhere gives every value below the same position.
func everywhere(value any, at Position) *origin {
	o := &origin{Position: at, key: at}
	switch value := value.(type) {
	case map[string]any:
		o.children = map[string]*origin{}
		for name, child := range value {
			o.children[name] = everywhere(child, at)
		}
	case []any:
		o.children = map[string]*origin{}
		for i, child := range value {
			if child != nil {
				o.children[index(i)] = everywhere(child, at)
			}
		}
	}
	return o
}
