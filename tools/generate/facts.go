package main

import (
	"os"
	"path/filepath"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

// defaultsFile is the chart's values.yaml for its templates, which Helm keeps from them.
const defaultsFile = "defaults.json"

// defaults writes the chart's own values.
func defaults(chart string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return nil, err
	}
	var root map[string]any
	if err := yaml.UnmarshalStrict(text, &root); err != nil {
		return nil, err
	}
	return lines(root)
}

// facts are a file for each backend of what the chart knows of it.
func facts(chart string, backends []catalog.Backend) []output {
	var out []output
	for _, b := range backends {
		out = append(out, output{filepath.Join(chart, catalog.FactsFolder, b.Name+".json"), func([]byte) ([]byte, error) {
			root, err := object(b.Facts())
			if err != nil {
				return nil, err
			}
			return compact(root)
		}})
	}
	return out
}
