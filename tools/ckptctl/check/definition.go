package check

import (
	"fmt"
	"io/fs"
	"sync"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// definition is what one version of the chart says of its values.
type definition struct {
	defaults *values.Defaults
	schema   *schema.Schema
	rules    *rules.RuleSet
}

// define reads a chart's folder, and its facts of a backend when values first name it.
func define(from fs.FS, helm Helm) (*definition, error) {
	d := &definition{}
	text, err := fs.ReadFile(from, "values.yaml")
	if err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	if d.defaults, err = values.ReadDefaults(text, helm); err != nil {
		return nil, fmt.Errorf("the chart's values.yaml: %w", err)
	}
	if text, err = fs.ReadFile(from, "values.schema.json"); err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	if d.schema, err = schema.Compile(text); err != nil {
		return nil, fmt.Errorf("the chart's values.schema.json: %w", err)
	}
	known, err := catalog.LoadRules(from)
	if err != nil {
		return nil, fmt.Errorf("the chart's rules: %w", err)
	}
	d.rules, err = rules.New(known.Rules, d.defaults.Values(), rules.Source{
		Facts:      func(backend string) (catalog.Facts, error) { return catalog.LoadFacts(from, backend) },
		Delivery:   known.Delivery,
		Frameworks: sync.OnceValues(func() (catalog.Frameworks, error) { return catalog.LoadFrameworks(from) }),
	})
	return d, err
}
