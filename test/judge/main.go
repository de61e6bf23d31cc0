// Command judge asks a real CSI driver what it makes of a backend's fixtures, and writes its answers to the backend's folder.
//
// Usage: go run ./test/judge -backend nfsCsi -driver v4.13.0-349-gd3b27c00 -- PLUGIN --nodeid=node-1 --endpoint={endpoint}
//
// Without arguments after the PLUGIN, it is started as for the backend's last verdict. A driver that is pinned in ci/modules is
// built and asked again by
//
//	go run ./test/judge [-driver VERSION] [BACKEND…]
//
// which pins that version first.
//
// It starts the driver with stand-ins for mount and its like first in the PATH, and sends what the kubelet, the attacher and
// the provisioner would. Mounting needs no storage that way; a call that goes to a cloud ends in an error of the driver's, and
// tells whether its own parsing and validation took what the chart renders.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"checkpoint-storage/test/internal/calls"
	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

func main() {
	backend := flag.String("backend", "", "the backend whose fixtures are judged")
	version := flag.String("driver", "", "the driver's version, as git describe prints it")
	var run catalog.Run
	flag.Func("env", "a variable of the driver's environment, NAME=VALUE; several times for several", appendTo(&run.Environment))
	flag.Func("mounts", "a program that the driver mounts with, on its last argument; several times for several", appendTo(&run.Mounts))
	flag.Func("secret", "a key of the secrets that the objects name, NAME=VALUE; several times for several", func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q is not NAME=VALUE", text)
		}
		if run.Secrets == nil {
			run.Secrets = map[string]string{}
		}
		run.Secrets[name] = value
		return nil
	})
	flag.StringVar(&run.Node, "node", "", "what the driver calls the node, where it looks into that name")
	flag.BoolVar(&run.NoMetadata, "no-metadata", false, "the driver's deployment runs the provisioner without --extra-create-metadata")
	flag.Func("needs", "what has to run first, in words; several times for several", appendTo(&run.Needs))
	flag.Func("unreached", "a part of the messages of calls that missed the cloud, the device or the daemon; several times for several", appendTo(&run.Unreached))
	controller := flag.String("controller", "", "the controller's program, where it is started beside the node's; the PLUGIN without it")
	flag.Func("controller-arg", "an argument of the controller's; several times for several", appendTo(&run.Controller))
	flag.Parse()
	var err error
	switch {
	case *backend == "":
		if *version != "" && flag.NArg() != 1 {
			usage()
		}
		err = judgePinned(flag.Args(), *version)
	case *version == "" || flag.NArg() == 0:
		usage()
	default:
		run.Arguments = flag.Args()[1:]
		err = judge(*backend, *version, flag.Arg(0), cmp.Or(*controller, flag.Arg(0)), run)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, `usage: judge -backend BACKEND -driver VERSION -- PLUGIN [ARGUMENT…], where {endpoint} and {directory} are filled in
       judge [BACKEND…], whose drivers are pinned; judge -driver VERSION BACKEND to pin another version`)
	os.Exit(2)
}

func appendTo(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}

// judge writes the verdict of a driver on a backend.
func judge(name, version, program, controller string, run catalog.Run) error {
	backend, err := find(name)
	if err != nil {
		return err
	}
	if len(run.Arguments) == 0 && backend.Verdict != nil {
		run = backend.Verdict.Run
	}
	// The driver starts in a folder of the run.
	for _, path := range []*string{&program, &controller} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
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
	driver, err := start(ctx, program, controller, run)
	if err != nil {
		return err
	}
	defer driver.stop()
	verdict := catalog.Verdict{Driver: version, Date: time.Now().UTC().Format(time.DateOnly), Digest: digest, Run: run, Fixtures: map[string][]catalog.Answer{}}
	for _, f := range fixtures {
		answers, err := driver.ask(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if backend.Verdict != nil {
			keepOrder(answers, backend.Verdict.Fixtures[f.Name])
		}
		verdict.Fixtures[f.Name] = answers
		for _, a := range answers {
			fmt.Printf("%s\t%s\t%s\t%s\t%s\n", run.Judge(a), f.Name, a.Call, a.Code, a.Message)
		}
	}
	text, err := yaml.Marshal(verdict)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(charts.Chart(), catalog.Root, name, catalog.VerdictFile), text, 0o644)
}

// keepOrder leaves a mount as the last verdict has it where only the order of its words is another: a driver that goes through a
// map says options in another order each time.
func keepOrder(answers, last []catalog.Answer) {
	words := func(command string) []string {
		return slices.Sorted(slices.Values(strings.FieldsFunc(command, func(r rune) bool { return r == ' ' || r == ',' })))
	}
	for i := range min(len(answers), len(last)) {
		for j := range min(len(answers[i].Commands), len(last[i].Commands)) {
			if slices.Equal(words(answers[i].Commands[j]), words(last[i].Commands[j])) {
				answers[i].Commands[j] = last[i].Commands[j]
			}
		}
	}
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
