package cli

import (
	"fmt"
	"os"
	"path/filepath"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/check"

	"sigs.k8s.io/yaml"
)

// load reads a chart's folder, or the chart that ckptctl was built with, and all of its backends.
func load(folder string) (*check.Chart, error) {
	if folder == "" {
		return check.Load(embedded.FS)
	}
	if _, err := nameOf(folder); err != nil {
		return nil, err
	}
	return check.Load(os.DirFS(folder))
}

// target opens what values are checked for: the chart that ckptctl was built with, another version of it, or a parent
// chart.
func target(folder string, helm check.Helm) (*check.Target, error) {
	if folder == "" {
		chart, err := check.Open(embedded.FS, helm)
		if err != nil {
			return nil, err
		}
		return check.Standalone(chart), nil
	}
	name, err := nameOf(folder)
	if err != nil {
		return nil, err
	}
	if name != check.Name {
		return check.OpenParent(folder, helm, embedded.FS)
	}
	chart, err := check.Open(os.DirFS(folder), helm)
	if err != nil {
		return nil, err
	}
	return check.Standalone(chart), nil
}

// nameOf reads a chart's name.
func nameOf(folder string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		return "", fmt.Errorf("--chart %s: there is no Chart.yaml in it", folder)
	}
	var metadata struct{ Name string }
	if err := yaml.Unmarshal(text, &metadata); err != nil {
		return "", fmt.Errorf("--chart %s: its Chart.yaml cannot be read: %w", folder, err)
	}
	return metadata.Name, nil
}
