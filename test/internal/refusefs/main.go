// Command refusefs mounts a directory elsewhere, records which operations are asked of it, and refuses some, as mounts of
// buckets and cluster file systems do. It runs until it is unmounted.
//
// Usage: refusefs [-record FILE] OPERATION[=ANSWER][,…] DIRECTORY MOUNTPOINT. Operations are those of the chart's
// frameworks, or "" for none; an answer is an error such as EPERM, or "ignored", with which nothing is done and success is
// reported. FILE gets the name of each operation and of its file, one a line.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// ignored stands for an operation that succeeds and does nothing. It is no error number.
const ignored = syscall.Errno(1 << 20)

// policy answers for operations and records them.
type policy struct {
	answers map[string]syscall.Errno
	mu      sync.Mutex
	record  *bufio.Writer
}

// usual are the errors of the mounts that refuse an operation, where the command line names none.
var usual = map[string]syscall.Errno{
	"renameFile": syscall.ENOSYS, "renameReplace": syscall.ENOSYS, "renameDirectory": syscall.ENOSYS,
	"flock": syscall.ENOSYS, "fcntlLock": syscall.ENOSYS, "directIO": syscall.EINVAL,
}

// parse reads the operations that are refused.
func (p *policy) parse(text string) error {
	p.answers = map[string]syscall.Errno{}
	for _, each := range strings.Split(text, ",") {
		name, word, given := strings.Cut(each, "=")
		switch {
		case name == "":
		case word == "ignored":
			p.answers[name] = ignored
		case given:
			if p.answers[name] = number(word); p.answers[name] == 0 {
				return fmt.Errorf("%s: %s is no error", name, word)
			}
		default:
			if p.answers[name] = usual[name]; p.answers[name] == 0 {
				p.answers[name] = syscall.EPERM
			}
		}
	}
	return nil
}

// number is the error of a name, such as EPERM; 0 for what is none.
func number(name string) syscall.Errno {
	for errno := syscall.Errno(1); errno < 256; errno++ {
		if unix.ErrnoName(errno) == name {
			return errno
		}
	}
	return 0
}

// asked records an operation on a path and returns its answer, which is 0 for what is done as asked.
func (p *policy) asked(operation, path string) syscall.Errno {
	if p.record != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		_, _ = fmt.Fprintf(p.record, "%s\t%s\n", operation, path)
	}
	return p.answers[operation]
}

func run(record, operations, directory, mountpoint string) error {
	p := &policy{}
	if err := p.parse(operations); err != nil {
		return err
	}
	if record != "" {
		file, err := os.Create(record)
		if err != nil {
			return err
		}
		p.record = bufio.NewWriter(file)
		defer func() { _ = p.record.Flush() }()
	}
	var at syscall.Stat_t
	if err := syscall.Stat(directory, &at); err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	loopback := &fs.LoopbackRoot{Path: directory, Dev: at.Dev}
	root := &node{LoopbackNode: fs.LoopbackNode{RootData: loopback}, policy: p}
	loopback.RootNode = root
	server, err := fs.Mount(mountpoint, root, &fs.Options{MountOptions: fuse.MountOptions{
		// Root mounts, and pods of other users use it.
		AllowOther: true, DirectMountStrict: true, FsName: directory, Name: "refusefs", EnableLocks: true,
	}})
	if err != nil {
		return fmt.Errorf("%s: %w", mountpoint, err)
	}
	server.Wait()
	return nil
}

func main() {
	record := flag.String("record", "", "write every operation to this `file`")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "usage: refusefs [-record FILE] OPERATION[=ANSWER][,…] DIRECTORY MOUNTPOINT")
		os.Exit(2)
	}
	if err := run(*record, flag.Arg(0), flag.Arg(1), flag.Arg(2)); err != nil {
		fmt.Fprintln(os.Stderr, "refusefs:", err)
		os.Exit(1)
	}
}
