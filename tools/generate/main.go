// Command generate writes what follows from the chart's backend folders: the values schema, the rules as they are
// read, the backends' part of values.yaml, the facts that the templates read, and the documentation. With -check it writes
// nothing and fails when a file is stale.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"checkpoint-storage/tools/catalog"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a generated file is stale")
	root := flag.String("root", ".", "checkout")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	chart := filepath.Join(root, "charts", "checkpoint-storage")
	backends, err := catalog.Load(os.DirFS(chart))
	if err != nil {
		return err
	}
	savers, err := catalog.LoadSavers(os.DirFS(chart))
	if err != nil {
		return err
	}
	written, err := catalog.WrittenRules(os.DirFS(chart))
	if err != nil {
		return err
	}
	docs := documentation{root: root, chart: chart, backends: backends, savers: savers}
	outputs := slices.Concat([]output{
		{filepath.Join(chart, "values.schema.json"), func([]byte) ([]byte, error) { return schema(chart, backends, savers, written.Retired()) }},
		{filepath.Join(chart, catalog.RulesFile), func([]byte) ([]byte, error) { return rules(written) }},
		{filepath.Join(chart, "templates", "_facts.gen.tpl"), func([]byte) ([]byte, error) { return facts(chart, backends, savers) }},
		{filepath.Join(chart, "values.yaml"), func(old []byte) ([]byte, error) { return values(old, backends) }},
	}, docs.outputs())
	stale := 0
	orphans, err := docs.orphans()
	if err != nil {
		return err
	}
	for _, page := range orphans {
		if check {
			stale++
			fmt.Fprintf(os.Stderr, "%s is of no backend; run: make generate\n", page)
			continue
		}
		if err := os.Remove(page); err != nil {
			return err
		}
		fmt.Println("removed", page)
	}
	for _, output := range outputs {
		old, err := os.ReadFile(output.file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		fresh, err := output.make(old)
		if err != nil {
			return fmt.Errorf("%s: %w", output.file, err)
		}
		if bytes.Equal(old, fresh) {
			continue
		}
		if check {
			stale++
			fmt.Fprintf(os.Stderr, "%s is stale; run: make generate\n", output.file)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(output.file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(output.file, fresh, 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", output.file)
	}
	if stale > 0 {
		return fmt.Errorf("%d generated files are stale", stale)
	}
	return nil
}
