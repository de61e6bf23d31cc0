// Command scaffold makes the folder of a new backend, with marked places to fill in.
package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"checkpoint-storage/tools/catalog"
)

//go:embed all:files
var files embed.FS

// placeholder stands for the backend's name in the files.
const placeholder = "NEWBACKEND"

func main() {
	root := flag.String("root", ".", "checkout")
	flag.Parse()
	if err := run(*root, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf(`wrote the folder of backend %[1]s. Now
  - fill in what is marked FILL IN, and add a _reject- fixture for each rule
  - make generate && go test ./test/render -run TestGolden -update && make generate
  - add testdata/_install-*.values.yaml, or a reason to test/install/unmounted.yaml
  - add a line to the chart's CHANGELOG.md
  - make check
`, flag.Arg(0))
}

func run(root, name string) error {
	if !regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`).MatchString(name) {
		return fmt.Errorf("%q is no name of a backend: one word of letters and digits, a small letter first; make new-backend NAME=acmeFiles", name)
	}
	chart := filepath.Join(root, "charts", "checkpoint-storage")
	rules, err := catalog.LoadRules(os.DirFS(chart))
	if err != nil {
		return err
	}
	for _, old := range rules.Retired() {
		if old["name"] == name {
			return fmt.Errorf("%s is the name of a volume type that %s; take another name, or extend %s", name, old["why"], old["use"])
		}
	}
	folder := filepath.Join(chart, catalog.Root, name)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is a backend %s already: %s", name, folder)
	}
	return fs.WalkDir(files, "files", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(folder, strings.TrimPrefix(path, "files"))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, []byte(strings.ReplaceAll(string(text), placeholder, name)), 0o644)
	})
}
