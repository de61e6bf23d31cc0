// Command generate writes what follows from the chart's backend folders: the values schema, the rules as they are
// read, the backends' part of values.yaml, the facts that the templates and ckptctl read, and the documentation. It also
// writes the schema of ckptctl's project file.
// With -check it writes nothing and fails when a file is stale.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/project"
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
	frameworks, err := catalog.WrittenFrameworks(os.DirFS(chart))
	if err != nil {
		return err
	}
	written, err := catalog.WrittenRules(os.DirFS(chart))
	if err != nil {
		return err
	}
	docs := documentation{root: root, chart: chart, backends: backends, frameworks: frameworks}
	outputs := slices.Concat(schemas(chart, backends, frameworks, written.Retired()), []output{
		{filepath.Join(chart, catalog.RulesFile), func([]byte) ([]byte, error) { return encoded(written.Judged()) }},
		{filepath.Join(chart, catalog.FrameworksFile), func([]byte) ([]byte, error) { return encoded(frameworks.Judged()) }},
		{filepath.Join(chart, "values.yaml"), func(old []byte) ([]byte, error) { return values(old, backends) }},
		{filepath.Join(chart, defaultsFile), func([]byte) ([]byte, error) { return defaults(chart) }},
		{filepath.Join(root, "tools", "ckptctl", "project.schema.json"), func([]byte) ([]byte, error) { return encoded(project.Schema()) }},
	}, facts(chart, backends), docs.outputs())
	stale := 0
	orphans, err := orphans(outputs, filepath.Join(chart, catalog.FactsFolder), docs.folder())
	if err != nil {
		return err
	}
	for _, file := range orphans {
		if check {
			stale++
			fmt.Fprintf(os.Stderr, "%s is of no backend; run: make generate\n", file)
			continue
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		fmt.Println("removed", file)
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

// orphans are the files in generated folders that nothing generates: they are of backends that do not exist.
func orphans(outputs []output, folders ...string) ([]string, error) {
	var found []string
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil {
			return nil, err
		}
		found = append(found, files...)
	}
	return slices.DeleteFunc(found, func(file string) bool {
		return slices.ContainsFunc(outputs, func(o output) bool { return o.file == file })
	}), nil
}
