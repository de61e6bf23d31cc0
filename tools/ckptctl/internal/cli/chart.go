package cli

import (
	"fmt"
	"os"
	"path/filepath"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/check"
)

// load reads a chart's folder, or the chart that ckptctl was built with.
func load(folder string) (*check.Chart, error) {
	if folder == "" {
		return check.Load(embedded.FS)
	}
	if _, err := os.Stat(filepath.Join(folder, "Chart.yaml")); err != nil {
		return nil, fmt.Errorf("--chart %s: there is no Chart.yaml in it", folder)
	}
	return check.Load(os.DirFS(folder))
}
