package check

import (
	"fmt"
	"io/fs"

	"checkpoint-storage/tools/catalog"
)

// Catalog is a chart's rules, backends and frameworks, to look things up in.
type Catalog struct {
	Rules      map[string]catalog.Rule
	Backends   []catalog.Backend
	Frameworks catalog.Frameworks
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
	return c, nil
}
