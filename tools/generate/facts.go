package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

// facts writes, for each backend, a define that holds what the shared templates ask of it. A define rather than a
// file of the chart, because a parent chart's context has no way to the files of this one.
func facts(chart string, backends []catalog.Backend, savers catalog.Savers) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("{{/* Generated from values.yaml, savers.yaml and the backends' _schema.yaml by `make generate`; do not edit. */}}\n")
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return nil, err
	}
	defaults, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "\n{{- define \"checkpoint-storage.defaults\" -}}\n%s\n{{- end }}\n", defaults)
	asked, err := json.Marshal(savers)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "\n{{- define \"checkpoint-storage.savers\" -}}\n%s\n{{- end }}\n", asked)
	for _, b := range backends {
		examples := map[string]any{}
		for _, key := range append(append([]string{}, b.Schema.Required...), b.Schema.ClassRequired...) {
			if shown, ok := b.Schema.Properties[key]["examples"].([]any); ok && len(shown) > 0 {
				examples[key] = shown[0]
			}
		}
		text, err := json.Marshal(map[string]any{
			"driver":                b.Capabilities.Driver,
			"provisioning":          b.Capabilities.Provisioning,
			"why":                   b.Capabilities.Why(),
			"accessModes":           b.Capabilities.AccessModes,
			"mountOptions":          append([]string{}, b.Capabilities.MountOptions.Default...),
			"mountOptionsSupported": b.Capabilities.MountOptions.Supported,
			"volumeAttributesClass": b.Capabilities.VolumeAttributesClass,
			"fsGroup":               b.Capabilities.FSGroup,
			"topologyKeys":          append([]string{}, b.Capabilities.TopologyKeys...),
			"semantics":             b.Capabilities.Semantics.Operations,
			"semanticsWhen":         b.Capabilities.Semantics.When,
			"defaults":              b.Defaults(),
			"required":              append([]string{}, b.Schema.Required...),
			"classRequired":         append([]string{}, b.Schema.ClassRequired...),
			"examples":              examples,
			"identity":              b.Schema.Identity,
			"rules":                 append([]catalog.Case{}, b.Rules...),
		})
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "\n{{- define \"checkpoint-storage.backend.%s.facts\" -}}\n%s\n{{- end }}\n", b.Name, text)
	}
	return out.Bytes(), nil
}
