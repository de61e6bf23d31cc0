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
		text, err := json.Marshal(b.Facts())
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "\n{{- define \"checkpoint-storage.backend.%s.facts\" -}}\n%s\n{{- end }}\n", b.Name, text)
	}
	return out.Bytes(), nil
}
