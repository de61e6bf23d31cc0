package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"
)

// patience is how long a program may take; an ordinary run takes seconds.
const patience = time.Minute

// directory is where the programs find the file system under test.
const directory = "/mnt/checkpoints"

// programs is where they find the frameworks' folders: some take over another's program.
const programs = "/mnt/frameworks"

// bench is a root file system in which programs run, on a file system that refuses operations.
type bench struct {
	// base is the root file system of most programs, root that of the framework, work a directory outside, and refusefs the
	// program that mounts.
	base, root, work, refusefs string
	mounted                    []string

	// name is the framework's, ranks the number of its processes.
	name  string
	ranks int
	// packages are those whose versions count.
	packages []string
	// published are the patterns of the files by which a checkpoint is whole.
	published []string
	// mapped are the files that the program maps.
	mapped []string
}

// result is what became of a run.
type result struct {
	catalog.Outcome
	// asked counts the operations, files and modes are what stays behind.
	asked map[string]int
	files int
	modes []string
	// bytes are those that stay behind; peak, temporary and shared the most that lay in the directory, in $TMPDIR, and in
	// /dev/shm.
	bytes, peak, temporary, shared int64
	// said is what the processes wrote.
	said string
}

// newBench builds what the bench needs.
func newBench(root string) (*bench, error) {
	work, err := os.MkdirTemp("", "frameworks-")
	if err != nil {
		return nil, err
	}
	b := &bench{base: root, work: work, refusefs: filepath.Join(work, "refusefs")}
	build := exec.Command("go", "build", "-o", b.refusefs, "checkpoint-storage/test/internal/refusefs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("refusefs: %w\n%s", err, out)
	}
	return b, os.Mkdir(filepath.Join(work, "backing"), 0o755)
}

// enter mounts what programs need in a root file system.
func (b *bench) enter(root string) error {
	b.root = root
	if slices.Contains(b.mounted, filepath.Join(root, programs)) {
		return nil
	}
	for _, d := range []string{filepath.Join(root, directory), filepath.Join(root, programs)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for _, each := range []struct{ source, at, kind, options string }{
		{"/proc", "/proc", "", ""}, {"/dev", "/dev", "", ""}, {filepath.Join(charts.Chart(), catalog.FrameworksRoot), programs, "", ""}, {"shm", "/dev/shm", "tmpfs", "mode=1777"}, {"tmp", "/tmp", "tmpfs", "mode=1777"},
	} {
		at := filepath.Join(root, each.at)
		flags := uintptr(0)
		if each.kind == "" {
			flags = syscall.MS_BIND
		}
		if err := syscall.Mount(each.source, at, each.kind, flags, each.options); err != nil {
			return fmt.Errorf("%s: %w; this takes root", at, err)
		}
		b.mounted = append(b.mounted, at)
	}
	return nil
}

func (b *bench) close() {
	for _, at := range slices.Backward(b.mounted) {
		_ = syscall.Unmount(at, syscall.MNT_DETACH)
	}
	_ = os.RemoveAll(b.work)
}

var (
	ranksOf = regexp.MustCompile(`(?m)^# ranks: (\d+)$`)
	// A framework that wants a newer PyTorch names the release of Debian that has it.
	debianOf = regexp.MustCompile(`(?m)^# debian: (\w+)$`)
)

// prepare reads what a framework's folder says of its program.
func (b *bench) prepare(name string) error {
	text, err := os.ReadFile(filepath.Join(charts.Chart(), catalog.FrameworksRoot, name, catalog.ProgramFile))
	if err != nil {
		return err
	}
	found := ranksOf.FindSubmatch(text)
	if found == nil {
		return errors.New("no line says `# ranks: N`")
	}
	var framework catalog.Framework
	words, err := os.ReadFile(filepath.Join(charts.Chart(), catalog.FrameworksRoot, name, "framework.yaml"))
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(words, &framework); err != nil {
		return fmt.Errorf("framework.yaml: %w", err)
	}
	b.name, b.packages, b.published, b.mapped = name, framework.Packages, framework.Published, nil
	if b.ranks, err = strconv.Atoi(string(found[1])); err != nil {
		return err
	}
	root := b.base
	if release := debianOf.FindSubmatch(text); release != nil {
		root += "-" + string(release[1])
	}
	return b.enter(root)
}

// run saves and loads on a file system that refuses an operation, "operation=answer", or none. With tracing, each process
// writes the files that it maps to /tmp/mapped.RANK.
func (b *bench) run(refused string, tracing bool) (result, error) {
	out := result{asked: map[string]int{}}
	backing, record, at := filepath.Join(b.work, "backing"), filepath.Join(b.work, "record"), filepath.Join(b.root, directory)
	if err := syscall.Mount("backing", backing, "tmpfs", 0, "mode=755"); err != nil {
		return out, err
	}
	defer func() { _ = syscall.Unmount(backing, syscall.MNT_DETACH) }()
	for _, used := range []string{"/tmp", "/dev/shm"} {
		if err := empty(filepath.Join(b.root, used)); err != nil {
			return out, err
		}
	}
	// Whoever maps is refused by strace: a file system does not hear of it.
	operation, answer, _ := strings.Cut(refused, "=")
	var tracer []string
	switch {
	case tracing:
		tracer = []string{"strace", "-f", "-y", "-qq", "-e", "trace=mmap", "-o", "/tmp/mapped.{rank}"}
	case operation == "mmap":
		tracer = []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mmap", "-e", "inject=mmap:error=" + answer}
		for _, file := range b.mapped {
			tracer = append(tracer, "-P", file)
		}
		refused = ""
	}
	mount := exec.Command(b.refusefs, "-record", record, refused, backing, at)
	var complaint bytes.Buffer
	mount.Stderr = &complaint
	if err := mount.Start(); err != nil {
		return out, err
	}
	unmount := sync.OnceFunc(func() {
		if syscall.Unmount(at, 0) != nil {
			_ = syscall.Unmount(at, syscall.MNT_DETACH)
		}
		_ = mount.Wait()
	})
	defer unmount()
	if err := awaitMount(at); err != nil {
		_ = mount.Process.Kill()
		return out, fmt.Errorf("%w: %s", err, &complaint)
	}

	stop := b.sample(backing, &out)
	is, says, said := b.phase("save", tracer)
	out.Is, out.Says, out.said = is, says, said
	stop()
	if operation == "" && !tracing && out.Is == catalog.Survives {
		if err := b.publishes(backing); err != nil {
			return out, err
		}
	}
	// Now and then a traced rank that has done everything does not end.
	if out.Is == catalog.Survives || tracing && out.Is == catalog.Hangs {
		is, says, said := b.phase("load", tracer)
		out.said += said
		if is != catalog.Survives {
			out.Is, out.Says = catalog.Lost, says
		}
	}
	err := filepath.WalkDir(backing, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		out.files++
		if entry.Type().IsRegular() {
			out.bytes += info.Size()
			if mode := fmt.Sprintf("%04o", info.Mode().Perm()); !slices.Contains(out.modes, mode) {
				out.modes = append(out.modes, mode)
			}
		}
		return nil
	})
	if err != nil {
		return out, err
	}
	slices.Sort(out.modes)
	unmount()
	text, err := os.ReadFile(record)
	for line := range strings.Lines(string(text)) {
		operation, _, _ := strings.Cut(line, "\t")
		out.asked[operation]++
	}
	return out, err
}

// runOn saves and loads on an empty directory of a real mount.
func (b *bench) runOn(mount string) (catalog.Outcome, error) {
	at := filepath.Join(b.root, directory)
	if err := empty(mount); err != nil {
		return catalog.Outcome{}, err
	}
	if err := syscall.Mount(mount, at, "", syscall.MS_BIND, ""); err != nil {
		return catalog.Outcome{}, err
	}
	defer func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) }()
	is, says, _ := b.phase("save", nil)
	if is == catalog.Survives {
		if err := b.publishes(mount); err != nil {
			return catalog.Outcome{}, err
		}
		if loaded, why, _ := b.phase("load", nil); loaded != catalog.Survives {
			is, says = catalog.Lost, why
		}
	}
	return catalog.Outcome{Is: is, Says: says}, nil
}

// publishes fails unless the newest file of a save that went well is one by which framework.yaml has a checkpoint whole: the
// check of freshness goes by it.
func (b *bench) publishes(directory string) error {
	var newest string
	var at time.Time
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(at) {
			newest, at = path, info.ModTime()
		}
		return err
	})
	if err != nil {
		return err
	}
	if !whole(b.published, newest) {
		return fmt.Errorf("%s is the file that was written last, and published %q does not have it", newest, b.published)
	}
	return nil
}

// whole says whether a path is one of these patterns of find -path, and none of those that begin with !.
func whole(published []string, path string) bool {
	found := false
	for _, pattern := range published {
		name, hidden := strings.CutPrefix(pattern, "!")
		matches := regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, ".*") + "$").MatchString(path)
		if hidden && matches {
			return false
		}
		found = found || !hidden && matches
	}
	return found
}

// sample notes the most that lies in the directory, in $TMPDIR and in /dev/shm until the returned function is called.
func (b *bench) sample(backing string, out *result) func() {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			out.peak = max(out.peak, used(backing))
			out.temporary = max(out.temporary, used(filepath.Join(b.root, "tmp")))
			out.shared = max(out.shared, used(filepath.Join(b.root, "dev", "shm")))
			select {
			case <-over:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// used are the bytes in use in the file system at a path.
func used(path string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return 0
	}
	return int64(s.Blocks-s.Bfree) * s.Bsize
}

func empty(directory string) error {
	entries, err := os.ReadDir(directory)
	for _, entry := range entries {
		err = cmp.Or(err, os.RemoveAll(filepath.Join(directory, entry.Name())))
	}
	return err
}

// awaitMount waits until something is mounted at the path.
func awaitMount(at string) error {
	var above, here syscall.Stat_t
	if err := syscall.Stat(filepath.Dir(at), &above); err != nil {
		return err
	}
	for range 500 {
		if err := syscall.Stat(at, &here); err == nil && here.Dev != above.Dev {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s: nothing was mounted", at)
}

// phase runs the program on every rank, and returns what became of it: Survives, Ends or Hangs, with the error of the rank
// that ended first.
func (b *bench) phase(phase string, tracer []string) (is, says, said string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	type end struct {
		rank int
		err  error
	}
	ends := make(chan end, b.ranks)
	outputs := make([]bytes.Buffer, b.ranks)
	port := freePort()
	for rank := range b.ranks {
		arguments := append([]string{b.root}, tracer...)
		for i := range arguments {
			arguments[i] = strings.ReplaceAll(arguments[i], "{rank}", fmt.Sprint(rank))
		}
		command := exec.CommandContext(ctx, "chroot", append(arguments, "python3", "-B", filepath.Join(programs, b.name, catalog.ProgramFile), phase)...)
		command.Dir = "/"
		command.Env = []string{
			"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8", "PYTHONPATH=/opt/frameworks/" + b.name,
			"CHECKPOINT_DIR=" + directory, "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port, "GLOO_SOCKET_IFNAME=lo",
			fmt.Sprint("RANK=", rank), fmt.Sprint("LOCAL_RANK=", rank), fmt.Sprint("WORLD_SIZE=", b.ranks), fmt.Sprint("LOCAL_WORLD_SIZE=", b.ranks),
			// Debian builds PyTorch without libuv.
			"USE_LIBUV=0", "OMP_NUM_THREADS=1", "HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1",
		}
		command.Stdout, command.Stderr = &outputs[rank], &outputs[rank]
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
		command.WaitDelay = 5 * time.Second
		go func() { ends <- end{rank, command.Run()} }()
	}
	is = catalog.Survives
	for range b.ranks {
		ended := <-ends
		if ended.err == nil || is != catalog.Survives {
			continue
		}
		is, says = catalog.Ends, lastError(outputs[ended.rank].String())
		if ctx.Err() != nil {
			is, says = catalog.Hangs, ""
		}
		// The others wait for it, some for long.
		time.AfterFunc(10*time.Second, cancel)
	}
	for rank := range outputs {
		said += outputs[rank].String()
	}
	return is, says, said
}

func freePort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "29500"
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

var (
	anError = regexp.MustCompile(`^([\w.]+\.)?\w*(Error|Exception|Interrupt|Exit)\b`)
	// unstable is what differs between runs: temporary names and addresses.
	unstable = regexp.MustCompile(`0x[0-9a-f]+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|tmp\w{8}`)
)

// lastError is the last line that names an error, and otherwise the last line.
func lastError(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	line := lines[len(lines)-1]
	for _, each := range slices.Backward(lines) {
		if anError.MatchString(each) {
			line = each
			break
		}
	}
	line = unstable.ReplaceAllString(strings.TrimSpace(line), "…")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	return line
}

var mapping = regexp.MustCompile(`<(` + directory + `/[^>]+)>`)

// maps returns the files that the program maps.
func (b *bench) maps() ([]string, error) {
	got, err := b.run("", true)
	if err != nil {
		return nil, err
	}
	if got.Is == catalog.Ends {
		return nil, fmt.Errorf("traced: %s: %s", got.Is, got.Says)
	}
	traces, err := filepath.Glob(filepath.Join(b.root, "tmp", "mapped.*"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, trace := range traces {
		text, err := os.ReadFile(trace)
		if err != nil {
			return nil, err
		}
		for _, found := range mapping.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(out, found[1]) {
				out = append(out, found[1])
			}
		}
	}
	return out, nil
}

// versions are those of the packages that the framework's folder names.
func (b *bench) versions() (map[string]string, error) {
	out := map[string]string{}
	for _, name := range b.packages {
		command := exec.Command("chroot", b.root, "env", "PYTHONPATH=/opt/frameworks/"+b.name,
			"python3", "-B", "-c", "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", name)
		text, err := command.CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("the version of %s: %w: %s", name, err, lastError(string(text)))
		}
		out[name] = strings.TrimSpace(string(text))
	}
	return out, nil
}
