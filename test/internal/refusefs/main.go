// Command refusefs mounts a directory elsewhere and refuses some operations there, as mounts of buckets do: a file
// system that a framework cannot publish on. It runs until it is unmounted.
//
// Usage: refusefs OPERATION[,OPERATION…] DIRECTORY MOUNTPOINT, operations as in the chart's frameworks.yaml.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// refused are the operations that are refused, by name.
var refused = map[string]bool{}

// node passes on to a file or directory what is not refused.
type node struct {
	fs.LoopbackNode
}

// WrapChild has every file and directory below be one too.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{fs.LoopbackNode{RootData: ops.(*fs.LoopbackNode).RootData}}
}

// Rename refuses to rename files, files over others, or directories.
func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, to string, flags uint32) syscall.Errno {
	operation := "renameFile"
	if child := n.GetChild(name); child != nil && child.IsDir() {
		operation = "renameDirectory"
	} else if parent.EmbeddedInode().GetChild(to) != nil {
		operation = "renameReplace"
	}
	if refused[operation] {
		return syscall.ENOSYS
	}
	return n.LoopbackNode.Rename(ctx, name, parent, to, flags)
}

// Unlink refuses to delete files.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if refused["unlink"] {
		return syscall.EPERM
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

// Open refuses to write to a file that is there.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	operation := "overwrite"
	if flags&syscall.O_APPEND != 0 {
		operation = "append"
	}
	if flags&(syscall.O_WRONLY|syscall.O_RDWR) != 0 && refused[operation] {
		return nil, 0, syscall.EPERM
	}
	return n.LoopbackNode.Open(ctx, flags)
}

func run(operations, directory, mountpoint string) error {
	for _, operation := range strings.Split(operations, ",") {
		refused[operation] = true
	}
	var at syscall.Stat_t
	if err := syscall.Stat(directory, &at); err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	loopback := &fs.LoopbackRoot{Path: directory, Dev: at.Dev}
	root := &node{fs.LoopbackNode{RootData: loopback}}
	loopback.RootNode = root
	server, err := fs.Mount(mountpoint, root, &fs.Options{MountOptions: fuse.MountOptions{
		// Root mounts, and pods of other users use it.
		AllowOther: true, DirectMountStrict: true, FsName: directory, Name: "refusefs",
	}})
	if err != nil {
		return fmt.Errorf("%s: %w", mountpoint, err)
	}
	server.Wait()
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: refusefs OPERATION[,OPERATION…] DIRECTORY MOUNTPOINT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "refusefs:", err)
		os.Exit(1)
	}
}
