// Command generate writes what follows from the chart's backend folders: the values schema, the rules as they are
// read, the backends' part of values.yaml, the facts that the templates read, and the tables of the READMEs. With -check it writes nothing and
// fails when a file is stale.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

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
	outputs := []struct {
		file string
		make func(old []byte) ([]byte, error)
	}{
		{filepath.Join(chart, "values.schema.json"), func([]byte) ([]byte, error) { return schema(chart, backends, savers, written.Retired) }},
		{filepath.Join(chart, catalog.RulesFile), func([]byte) ([]byte, error) { return rules(written) }},
		{filepath.Join(chart, "templates", "_facts.gen.tpl"), func([]byte) ([]byte, error) { return facts(chart, backends, savers) }},
		{filepath.Join(chart, "values.yaml"), func(old []byte) ([]byte, error) { return values(old, backends) }},
		{filepath.Join(root, "README.md"), func(old []byte) ([]byte, error) { return table(old, backends) }},
		{filepath.Join(chart, "README.md"), func(old []byte) ([]byte, error) { return chartReadme(old, chart, backends, savers) }},
	}
	stale := 0
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
