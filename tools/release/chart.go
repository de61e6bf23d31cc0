package main

import (
	"fmt"
	"os"
	"path/filepath"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

// loadChart reads a chart's folder with these dependencies instead of those that lie in it, which belong to the checkout
// and may be of another day; nor is the lock file of that day packed.
func loadChart(folder string, dependencies ...*chart.Chart) (*chart.Chart, error) {
	c, err := loader.Load(folder)
	if err != nil {
		return nil, err
	}
	c.Lock = nil
	c.SetDependencies(dependencies...)
	return c, nil
}

// packChart packs as `helm package` does, but for the times of the files, which are those of packing there.
func (b *builder) packChart(c *chart.Chart) (string, error) {
	dir, err := os.MkdirTemp("", "chart")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	saved, err := chartutil.Save(c, dir)
	if err != nil {
		return "", fmt.Errorf("chart %s: %w", c.Name(), err)
	}
	file, err := os.Open(saved)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	entries, err := untarGz(file)
	if err != nil {
		return "", err
	}
	// Helm wants Chart.yaml first, and keeps the rest in the order of its folders.
	packed, err := tarGz(entries, b.when())
	if err != nil {
		return "", err
	}
	name := filepath.Base(saved)
	return name, b.write(name, packed)
}
