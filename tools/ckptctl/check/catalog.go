package check

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"sigs.k8s.io/yaml"
)

// Catalog is a chart's rules, backends and frameworks, to look things up in.
type Catalog struct {
	Rules      map[string]catalog.Rule
	Backends   []catalog.Backend
	Frameworks catalog.Frameworks
	// Schema is the chart's, with descriptions; Defaults are its values.
	Schema, Defaults map[string]any
}

// LoadCatalog reads the catalog of a chart's folder.
func LoadCatalog(from fs.FS) (c Catalog, err error) {
	known, err := catalog.WrittenRules(from)
	if err != nil {
		return c, fmt.Errorf("the chart's rules: %w", err)
	}
	c.Rules = known.Rules
	if c.Backends, err = catalog.Load(from); err != nil {
		return c, fmt.Errorf("the chart's backends: %w", err)
	}
	if c.Frameworks, err = catalog.WrittenFrameworks(from); err != nil {
		return c, fmt.Errorf("the chart's frameworks: %w", err)
	}
	for name, into := range map[string]*map[string]any{"docs/values.schema.json": &c.Schema, "values.yaml": &c.Defaults} {
		text, err := fs.ReadFile(from, name)
		if err == nil {
			err = yaml.Unmarshal(text, into)
		}
		if err != nil {
			return c, fmt.Errorf("the chart's %s: %w", name, err)
		}
	}
	return c, nil
}

// Key is one key of the values.
type Key struct {
	Path string
	// Schema is what the chart's schema says of it.
	Schema map[string]any
	// Default is what it is where nothing is written; known only for a key that has one.
	Default    any
	HasDefault bool
	// Rules are the ids of the rules that are about it, sorted.
	Rules []string
}

// Key finds a key by its path, with dots.
func (c Catalog) Key(path string) (Key, bool) {
	out := Key{Path: path, Schema: c.Schema}
	steps := values.ParsePath(path)
	for _, step := range steps {
		keys, _ := out.Schema["properties"].(map[string]any)
		below := keys[step]
		if strings.HasPrefix(step, "[") {
			below = out.Schema["items"]
		}
		section, ok := below.(map[string]any)
		if !ok {
			return out, false
		}
		out.Schema = c.resolved(section)
	}
	out.Default, out.HasDefault = values.Lookup(c.Defaults, steps)
	for id, rule := range c.Rules {
		for _, each := range rule.Cases {
			if each.Path == path && !slices.Contains(out.Rules, id) {
				out.Rules = append(out.Rules, id)
			}
		}
	}
	slices.Sort(out.Rules)
	return out, len(steps) > 0
}

// resolved is a schema with what it refers to; what it says itself goes first.
func (c Catalog) resolved(schema map[string]any) map[string]any {
	ref, ok := schema["$ref"].(string)
	if !ok {
		return schema
	}
	target, _ := values.Lookup(c.Schema, strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
	section, _ := target.(map[string]any)
	out := maps.Clone(section)
	maps.Copy(out, schema)
	delete(out, "$ref")
	return out
}
