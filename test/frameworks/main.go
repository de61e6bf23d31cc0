// Command frameworks runs each framework's program on a file system that records what it is asked for, and again on ones that
// refuse one operation after another, and writes to the framework's folder what became of it.
//
// Usage: go run ./test/frameworks -root DIRECTORY [-client CLIENT -on MOUNT] [NAME…], as root, in another mount namespace
// (`make frameworks`). DIRECTORY is a root file system with Python and the frameworks' packages, as ci/frameworks-image.sh
// makes it. With -on, each program runs once on an empty directory of a real mount, and what became of it is written beside
// the client's name.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

func main() {
	root := flag.String("root", "", "the root file `directory` with Python and the frameworks' packages")
	client := flag.String("client", "", "the `name` of the file system's client, as backends have it in semantics.measured.client")
	on := flag.String("on", "", "an empty `directory` of a real mount")
	flag.Parse()
	if *root == "" || (*on == "") != (*client == "") {
		fmt.Fprintln(os.Stderr, "usage: frameworks -root DIRECTORY [-client CLIENT -on MOUNT] [NAME…]")
		os.Exit(2)
	}
	if err := measureAll(*root, *client, *on, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "frameworks:", err)
		os.Exit(1)
	}
}

// measureAll measures the frameworks of these names, or tries them on a real mount; all that have a program where there are
// no names.
func measureAll(root, client, on string, names []string) error {
	folder := filepath.Join(charts.Chart(), catalog.FrameworksRoot)
	var operations []catalog.Operation
	text, err := os.ReadFile(filepath.Join(folder, "operations.yaml"))
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, &operations); err != nil {
		return err
	}
	if len(names) == 0 {
		programs, err := filepath.Glob(filepath.Join(folder, "*", catalog.ProgramFile))
		if err != nil {
			return err
		}
		for _, program := range programs {
			names = append(names, filepath.Base(filepath.Dir(program)))
		}
	}
	b, err := newBench(root)
	if err != nil {
		return err
	}
	defer b.close()
	for _, name := range names {
		if on != "" {
			err = b.try(name, client, on)
		} else {
			err = b.measure(name, operations)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// write writes a file of a framework's folder.
func write(name, file string, content any) error {
	text, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(charts.Chart(), catalog.FrameworksRoot, name, file), append([]byte("# Written by `make frameworks`.\n"), text...), 0o600)
}

// try runs a framework's program on an empty directory of a real mount.
func (b *bench) try(name, client, on string) error {
	if err := b.prepare(name); err != nil {
		return err
	}
	got, err := b.runOn(on)
	if err != nil {
		return err
	}
	tried, err := catalog.Mounts(os.DirFS(charts.Chart()), name)
	if err != nil {
		return err
	}
	tried[client] = got
	fmt.Printf("%-14s %-26s %-9s %s\n", name, client, got.Is, got.Says)
	return write(name, catalog.MountsFile, tried)
}

// answers are what mounts are seen to answer to an operation that they do not have. ENOSYS in answer to open, create and
// fsync never reaches a program: the kernel takes the file system for one without these calls.
func answers(operation string) []string {
	switch operation {
	case "chmod", "utimes", "flock", "fcntlLock":
		return []string{"EPERM", "ENOTSUP", "ENOSYS", catalog.Ignored}
	case "fsync", "fsyncDirectory":
		return []string{"EINVAL", "ENOTSUP", catalog.Ignored}
	case "append", "exclusiveCreate":
		return []string{"EPERM", "ENOTSUP"}
	case "directIO", "writeAnywhere":
		return []string{"EINVAL", "ENOTSUP"}
	case "mmap":
		return []string{"ENODEV"}
	}
	return []string{"EPERM", "ENOTSUP", "ENOSYS"}
}

// measure runs a framework's program once on a file system that does everything, and once for each answer of one that does
// everything but one of the operations that were asked for.
func (b *bench) measure(name string, operations []catalog.Operation) error {
	begin := time.Now()
	if err := b.prepare(name); err != nil {
		return err
	}
	whole, err := b.run("", false)
	if err != nil {
		return err
	}
	if whole.Is != catalog.Survives {
		return fmt.Errorf("with nothing refused: %s: %s\n%s", whole.Is, whole.Says, whole.said)
	}
	digest, err := catalog.Digest(os.DirFS(charts.Chart()), name)
	if err != nil {
		return err
	}
	versions, err := b.versions()
	if err != nil {
		return err
	}
	out := &catalog.Measurement{
		Versions: versions, Date: time.Now().Format(time.DateOnly), Digest: digest, Ranks: b.ranks, Uses: map[string]int{},
		Refused: map[string]map[string]catalog.Outcome{}, CheckpointBytes: whole.bytes, PeakBytes: whole.peak,
		TemporaryBytes: whole.temporary, SharedMemoryBytes: whole.shared, Modes: whole.modes,
	}
	if b.mapped, err = b.maps(); err != nil {
		return err
	}
	whole.asked["mmap"] = len(b.mapped)
	for _, o := range operations {
		if whole.asked[o.Name] == 0 {
			continue
		}
		out.Uses[o.Name] = whole.asked[o.Name]
		out.Refused[o.Name] = map[string]catalog.Outcome{}
		for _, answer := range answers(o.Name) {
			refused := o.Name + "=" + answer
			got, err := b.run(refused, false)
			if err != nil {
				return fmt.Errorf("%s: %w", refused, err)
			}
			if got.Is == catalog.Survives && got.files > whole.files {
				got.Is, got.Says = catalog.Keeps, fmt.Sprintf("%d files where there were %d", got.files, whole.files)
			}
			out.Refused[o.Name][answer] = got.Outcome
			fmt.Printf("%-14s %-26s %-9s %s\n", name, refused, got.Is, got.Says)
		}
	}
	fmt.Printf("%-14s uses %s; %.0f s\n", name, strings.Join(slices.Sorted(maps.Keys(out.Uses)), " "), time.Since(begin).Seconds())
	return write(name, catalog.MeasurementFile, out)
}
