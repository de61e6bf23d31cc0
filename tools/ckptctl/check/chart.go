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

// Helm is a generation of Helm, by whose rules values are read.
type Helm = values.Helm

// The generations.
const (
	Helm3 = values.Helm3
	Helm4 = values.Helm4
)

// Name is the chart's own.
const Name = "checkpoint-storage"

// Book is a chart's rules, backends and savers, to look things up in.
type Book struct {
	Rules    map[string]catalog.Rule
	Backends []catalog.Backend
	Savers   catalog.Savers
}

// Chart is the chart with everything that a check needs of it. It is safe to check with from several goroutines.
type Chart struct {
	// Book is filled by Load alone.
	Book Book

	helm     Helm
	schema   *schema.Schema
	defaults *values.Defaults
	rules    *rules.Book
}

// Load reads a chart's folder, with all of its backends.
func Load(from fs.FS) (*Chart, error) {
	c, err := Open(from, Helm3)
	if err != nil {
		return nil, err
	}
	if c.Book.Backends, err = catalog.Load(from); err != nil {
		return nil, fmt.Errorf("the chart's backends: %w", err)
	}
	if c.Book.Savers, err = catalog.LoadSavers(from); err != nil {
		return nil, fmt.Errorf("the chart's savers: %w", err)
	}
	return c, nil
}

// Open reads a chart's folder, and its backends when values first name them.
func Open(from fs.FS, helm Helm) (*Chart, error) {
	c := &Chart{helm: helm}
	text, err := fs.ReadFile(from, "values.yaml")
	if err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	if c.defaults, err = values.ReadDefaults(text, helm); err != nil {
		return nil, fmt.Errorf("the chart's values.yaml: %w", err)
	}
	if text, err = fs.ReadFile(from, "values.schema.json"); err != nil {
		return nil, fmt.Errorf("the chart cannot be read: %w", err)
	}
	if c.schema, err = schema.Compile(text); err != nil {
		return nil, fmt.Errorf("the chart's values.schema.json: %w", err)
	}
	known, err := catalog.LoadRules(from)
	if err != nil {
		return nil, fmt.Errorf("the chart's rules: %w", err)
	}
	if c.Book.Rules, err = rules.With(known.Rules); err != nil {
		return nil, err
	}
	c.rules, err = rules.New(c.Book.Rules, c.defaults.Values(), rules.Chart{
		Backend:  func(name string) (catalog.Backend, error) { return catalog.LoadOne(from, name) },
		Retired:  known.Retired,
		Delivery: known.Delivery,
		Savers:   sync.OnceValues(func() (catalog.Savers, error) { return catalog.LoadSavers(from) }),
	})
	return c, err
}
