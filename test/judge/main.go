// Command judge asks a real CSI driver what it makes of a backend's fixtures, and writes its answers to the backend's folder.
//
// Usage: go run ./test/judge -backend nfsCsi -driver v4.13.0-349-gd3b27c00 -- PLUGIN --nodeid=node-1 --endpoint={endpoint}
//
// It starts the driver with stand-ins for mount and its like first in the PATH, and sends what the kubelet, the attacher and
// the provisioner would. Mounting needs no storage that way; a call that goes to a cloud ends in an error of the driver's, and
// tells whether its own parsing and validation took what the chart renders.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"checkpoint-storage/test/internal/calls"
	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

func main() {
	backend := flag.String("backend", "", "the backend whose fixtures are judged")
	version := flag.String("driver", "", "the driver's version, as git describe prints it")
	flag.Parse()
	if *backend == "" || *version == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: judge -backend BACKEND -driver VERSION -- PLUGIN [ARGUMENT…], where {endpoint} and {directory} are filled in")
		os.Exit(2)
	}
	if err := judge(*backend, *version, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

// judge writes the verdict of a driver on a backend.
func judge(name, version string, command []string) error {
	backend, err := find(name)
	if err != nil {
		return err
	}
	fixtures, err := calls.Of(backend)
	if err != nil {
		return err
	}
	digest, err := calls.Digest(fixtures)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	driver, err := start(ctx, command)
	if err != nil {
		return err
	}
	defer driver.stop()
	verdict := catalog.Verdict{Driver: version, Date: time.Now().UTC().Format(time.DateOnly), Digest: digest, Fixtures: map[string][]catalog.Answer{}}
	for _, f := range fixtures {
		answers, err := driver.ask(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		verdict.Fixtures[f.Name] = answers
		for _, a := range answers {
			fmt.Printf("%s\t%s\t%s\t%s\n", f.Name, a.Call, a.Code, a.Message)
		}
	}
	text, err := yaml.Marshal(verdict)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(charts.Chart(), catalog.Root, name, catalog.VerdictFile), text, 0o644)
}

func find(name string) (catalog.Backend, error) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	if err != nil {
		return catalog.Backend{}, err
	}
	for _, b := range backends {
		if b.Name == name {
			return b, nil
		}
	}
	return catalog.Backend{}, fmt.Errorf("there is no backend %q", name)
}
