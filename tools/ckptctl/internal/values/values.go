// Package values reads values as Helm reads them, and knows where each was set.
package values

import (
	"maps"
	"slices"
)

// DefaultsName stands for the file of what the user did not write.
const DefaultsName = "the chart's defaults"

// Values are what Helm would give to the templates, and where they come from.
type Values struct {
	// Merged is the chart's defaults with everything else laid over them. It shares what did not change with the
	// defaults and the files: it is read-only.
	Merged map[string]any
	// Given is what the user gave, before the chart's defaults.
	Given map[string]any

	files   []*File
	options []option
	// prefix leads to these values in the files: the alias of a dependency.
	prefix  Path
	origins *origin
}

// ReadDefaults reads a chart's values.yaml.
func ReadDefaults(text []byte, helm Helm) (*Defaults, error) {
	file, err := Parse(DefaultsName, text, helm)
	if err != nil {
		return nil, err
	}
	d := &Defaults{values: file.Values, file: file, helm: helm}
	if helm == Helm4 {
		d.values = clean(file.Values)
	}
	return d, nil
}

// Values are the defaults themselves.
func (d *Defaults) Values() map[string]any { return d.file.Values }

// Read merges files and options over the chart's defaults. An *InputError says which option cannot be read.
func (d *Defaults) Read(files []*File, in Inputs) (*Values, error) {
	return d.Over(&Values{Merged: d.bare()}, files, in)
}

// Over merges more files, and options, over what was read from files alone, and does again only what these change: the base
// of a fleet is laid over the defaults once.
func (d *Defaults) Over(base *Values, files []*File, in Inputs) (*Values, error) {
	v, err := given(base, files, in, d.helm)
	if err != nil {
		return nil, err
	}
	v.Merged = maps.Clone(base.Merged)
	if len(v.options) > 0 {
		// Options may change any key.
		d.lay(v.Merged, v.Given, v.Given)
		return v, nil
	}
	for _, file := range files {
		d.lay(v.Merged, v.Given, file.Values)
	}
	return v, nil
}

// Unmerged are files that are yet to be laid over anything.
func Unmerged(files []*File) *Values { return &Values{files: files} }

// given merges files and options over what was given before.
func given(base *Values, files []*File, in Inputs, helm Helm) (*Values, error) {
	v := &Values{files: slices.Concat(base.files, files), options: options(in, helm), Given: base.Given}
	for _, file := range files {
		v.Given = overlay(v.Given, file.Values)
	}
	if v.Given == nil {
		v.Given = map[string]any{}
	}
	if len(v.options) > 0 {
		v.Given, _ = deepCopy(v.Given).(map[string]any)
	}
	for _, o := range v.options {
		if err := o.apply(v.Given); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Prefix leads to these values in the files: the alias of a dependency, or nothing.
func (v *Values) Prefix() Path { return v.prefix }

// Where says where the first of the paths that the user wrote was set; the first path decides otherwise, by the nearest
// section above it that the user wrote. key asks for the key rather than for what stands behind it.
func (v *Values) Where(key bool, paths ...Path) Position {
	if v.origins == nil {
		v.place()
	}
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
	for up := len(v.prefix); up > 0; up-- {
		if o := v.origins.at(v.prefix[:up]); o != nil {
			return o.key
		}
	}
	if len(v.files) > 0 {
		return Position{File: v.files[len(v.files)-1].Name, Line: 1, Column: 1}
	}
	return Position{File: DefaultsName}
}

// Written says where a path was set, if the user wrote it.
func (v *Values) Written(path Path) (Position, bool) {
	if v.origins == nil {
		v.place()
	}
	return v.written(path, false)
}

// place finds the positions of everything that the user wrote.
func (v *Values) place() {
	for _, file := range v.files {
		if o := file.origins(); o != nil {
			v.origins = v.origins.merge(o)
		}
	}
	if v.origins == nil {
		v.origins = &origin{}
	}
	for _, option := range v.options {
		if o := option.origins(); o != nil {
			v.origins.add(o)
		}
	}
}

// written finds a path among what the user gave.
func (v *Values) written(path Path, key bool) (Position, bool) {
	o := v.origins.at(v.prefix).at(path)
	if o == nil || len(path) == 0 {
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
		if f.Name == file && line > 0 {
			return f.line(line)
		}
	}
	return ""
}

// Files are those that were given, in order.
func (v *Values) Files() []*File { return v.files }
