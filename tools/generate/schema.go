package main

import (
	"fmt"
	"os"
	"path/filepath"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

// schemas are the schema that Helm and ckptctl read, and the same with descriptions, for editors: every release carries the
// one, and values.yaml describes the keys to whoever has the package alone.
func schemas(chart string, backends []catalog.Backend, frameworks catalog.Frameworks, retired []map[string]any) []output {
	written := func(part func(any) any) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) {
			root, err := schema(chart, backends, frameworks, retired)
			if err != nil {
				return nil, err
			}
			return lines(part(root).(map[string]any))
		}
	}
	return []output{
		{filepath.Join(chart, "values.schema.json"), written(lean)},
		{filepath.Join(chart, describedSchema), written(func(root any) any { return root })},
	}
}

// describedSchema is the schema with descriptions, inside the chart's folder and outside its package.
const describedSchema = "docs/values.schema.json"

// schema joins the common keys with the backends' sections.
func schema(chart string, backends []catalog.Backend, frameworks catalog.Frameworks, retired []map[string]any) (map[string]any, error) {
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.base.yaml"))
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if err := yaml.UnmarshalStrict(text, &root); err != nil {
		return nil, err
	}
	properties := root["properties"].(map[string]any)
	var names []any
	var conditions []any
	for _, b := range backends {
		names = append(names, b.Name)
		properties[b.Name] = section(b)
		// A shard's own keys are keys of the chosen section: one that is spelled wrong must not be passed over.
		conditions = append(conditions, map[string]any{
			"if": map[string]any{"required": []any{"backend", "shardOverrides"}, "properties": map[string]any{"backend": map[string]any{"const": b.Name}}},
			"then": map[string]any{"properties": map[string]any{"shardOverrides": map[string]any{"items": map[string]any{
				"properties": map[string]any{"source": map[string]any{"$ref": "#/properties/" + b.Name}},
			}}}},
		})
		if needs := needed(b.Schema.Required); needs != nil {
			conditions = append(conditions, when(b.Name, map[string]any{
				"provisioning": map[string]any{"const": "static"},
				// Who makes the claim alone need not know what the volume is.
				"volume": map[string]any{"properties": map[string]any{"create": map[string]any{"const": true}}},
				// Keys that differ from shard to shard may stand there alone.
				"shardOverrides": map[string]any{"maxItems": 0},
			}, needs))
		}
		if needs := needed(b.Schema.ClassRequired); needs != nil {
			conditions = append(conditions, when(b.Name, map[string]any{
				"provisioning": map[string]any{"const": "dynamic"},
				"storageClass": map[string]any{
					"required": []any{"create"},
					"properties": map[string]any{
						"create": map[string]any{"const": true},
						// Parameters may stand for keys: then rule E17 says which are missing.
						"parameters": map[string]any{"additionalProperties": false},
					},
				},
			}, needs, "provisioning", "storageClass"))
		}
	}
	for _, old := range retired {
		name := fmt.Sprint(old["name"])
		// Accepted here, so that the templates can answer with the fix.
		names = append(names, name)
		properties[name] = map[string]any{
			"type": []any{"object", "null"}, "deprecated": true,
			"description": fmt.Sprintf("Retired: %s Use %s.", old["why"], old["use"]),
		}
	}
	properties["backend"] = map[string]any{
		"type": "string",
		"enum": names,
		// No keyword of JSON schema: ckptctl says this where the list would be long.
		"errorMessage": "`ckptctl backends` lists what it can be",
		"description":  "Storage that holds the checkpoints; the section of the same name describes it.",
	}
	alerts, err := catalog.Alerts(os.DirFS(chart))
	if err != nil {
		return nil, err
	}
	var alertNames []any
	for _, alert := range alerts {
		alertNames = append(alertNames, alert.Name)
	}
	without := properties["monitoring"].(map[string]any)["properties"].(map[string]any)["without"].(map[string]any)
	without["items"].(map[string]any)["enum"] = alertNames
	properties["frameworks"] = map[string]any{
		"type":        "array",
		"uniqueItems": true,
		"items":       map[string]any{"type": "string", "enum": frameworks.Names()},
		"description": "Who saves checkpoints here; the storage must be able to do what each needs.",
		"examples":    []any{[]any{frameworks.Names()[0]}},
	}
	root["allOf"] = conditions
	return root, nil
}

// lean is a schema without what is for reading alone.
func lean(schema any) any {
	switch schema := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range schema {
			if _, text := value.(string); text && (key == "description" || key == "title") {
				continue
			}
			out[key] = lean(value)
		}
		return out
	case []any:
		out := make([]any, len(schema))
		for i, each := range schema {
			out[i] = lean(each)
		}
		return out
	}
	return schema
}

// section is the schema of one backend's values. Every key takes null, by which an overlay removes what a base file set.
func section(b catalog.Backend) map[string]any {
	keys := map[string]any{}
	for key, property := range b.Schema.Properties {
		keys[key] = nullable(catalog.JSONSchema(property))
	}
	return map[string]any{
		"type":                 []any{"object", "null"},
		"additionalProperties": false,
		"title":                b.Title,
		"description":          b.Description,
		"properties":           keys,
	}
}

func nullable(property map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range property {
		out[key] = value
	}
	if kind, ok := out["type"].(string); ok {
		out["type"] = []any{kind, "null"}
	}
	if allowed, ok := out["enum"].([]any); ok {
		out["enum"] = append(append([]any{}, allowed...), nil)
	}
	return out
}

func needed(keys []string) []any {
	var out []any
	for _, key := range keys {
		out = append(out, key)
	}
	return out
}

// when makes: if the backend is chosen and the conditions hold, its section has the keys.
func when(backend string, conditions map[string]any, keys []any, present ...string) map[string]any {
	all := map[string]any{"backend": map[string]any{"const": backend}}
	for key, value := range conditions {
		all[key] = value
	}
	required := []any{"backend"}
	for _, key := range present {
		required = append(required, key)
	}
	return map[string]any{
		"if": map[string]any{"required": required, "properties": all},
		"then": map[string]any{
			"required":   []any{backend},
			"properties": map[string]any{backend: map[string]any{"required": keys}},
		},
	}
}
