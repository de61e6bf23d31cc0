package main

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or directory that asks the policy before it does something.
type node struct {
	fs.LoopbackNode
	policy *policy
	// end is where what was written to the file ends.
	end atomic.Int64
}

// WrapChild has every file and directory below be one too.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: ops.(*fs.LoopbackNode).RootData}, policy: n.policy}
}

// path is the name below the root, or that of a child.
func (n *node) path(child ...string) string {
	return filepath.Join(append([]string{n.Path(n.Root())}, child...)...)
}

// ask returns whether the operation is to be done, and otherwise its answer.
func (n *node) ask(operation string, child ...string) (bool, syscall.Errno) {
	switch answer := n.policy.asked(operation, n.path(child...)); answer {
	case 0:
		return true, 0
	case ignored:
		return false, 0
	default:
		return false, answer
	}
}

// Rename tells files, files over others, and directories apart.
func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, to string, flags uint32) syscall.Errno {
	operation := "renameFile"
	if child := n.GetChild(name); child != nil && child.IsDir() {
		operation = "renameDirectory"
	} else if parent.EmbeddedInode().GetChild(to) != nil {
		operation = "renameReplace"
	}
	if do, errno := n.ask(operation, name); !do {
		return errno
	}
	return n.LoopbackNode.Rename(ctx, name, parent, to, flags)
}

// Unlink deletes a file.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if do, errno := n.ask("unlink", name); !do {
		return errno
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

// Rmdir deletes a directory, without which a whole checkpoint cannot be deleted.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if do, errno := n.ask("unlink", name); !do {
		return errno
	}
	return n.LoopbackNode.Rmdir(ctx, name)
}

// Symlink makes a symbolic link.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if do, errno := n.ask("symlink", name); !do {
		return nil, errno
	}
	return n.LoopbackNode.Symlink(ctx, target, name, out)
}

// Link makes a second name of a file.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if do, errno := n.ask("link", name); !do {
		return nil, errno
	}
	return n.LoopbackNode.Link(ctx, target, name, out)
}

// Create makes a file, which is new.
func (n *node) Create(ctx context.Context, name string, flags uint32, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	for operation, bit := range map[string]uint32{"exclusiveCreate": syscall.O_EXCL, "directIO": syscall.O_DIRECT} {
		if flags&bit == 0 {
			continue
		}
		if do, errno := n.ask(operation, name); !do {
			if errno != 0 {
				return nil, nil, 0, errno
			}
			flags &^= bit
		}
	}
	inode, handle, how, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno == 0 {
		handle = &file{handle.(*fs.LoopbackFile), inode.Operations().(*node), flags}
	}
	return inode, handle, how, errno
}

// Open opens a file that is there.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	writes := flags&(syscall.O_WRONLY|syscall.O_RDWR) != 0
	for operation, is := range map[string]bool{"append": writes && flags&syscall.O_APPEND != 0, "directIO": flags&syscall.O_DIRECT != 0} {
		if !is {
			continue
		}
		if do, errno := n.ask(operation); !do && errno != 0 {
			return nil, 0, errno
		}
	}
	handle, how, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return handle, how, errno
	}
	opened := &file{handle.(*fs.LoopbackFile), n, flags}
	var out fuse.AttrOut
	if opened.Getattr(ctx, &out) == 0 {
		n.end.Store(int64(out.Size))
	}
	return opened, how, 0
}

// OpendirHandle opens a directory, whose names may be flushed.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, how, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return handle, how, errno
	}
	return &directory{handle.(listing), n}, how, 0
}

// Setattr cuts or lengthens files, and sets modes and times.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	size, sized := in.GetSize()
	_, mode := in.GetMode()
	// The kernel sets the time of a file that it cuts by itself; a program that sets it asks for nothing else.
	times := !sized && in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0
	_, open := in.GetFh()
	for _, each := range []struct {
		is        bool
		operation string
		bits      uint32
	}{
		// O_TRUNC comes as a size of 0 before the file is opened.
		{sized && size == 0 && !open, "overwrite", fuse.FATTR_SIZE},
		{sized && (size != 0 || open), "truncate", fuse.FATTR_SIZE},
		{mode, "chmod", fuse.FATTR_MODE},
		{times, "utimes", fuse.FATTR_ATIME | fuse.FATTR_MTIME | fuse.FATTR_ATIME_NOW | fuse.FATTR_MTIME_NOW},
	} {
		if !each.is {
			continue
		}
		if do, errno := n.ask(each.operation); !do {
			if errno != 0 {
				return errno
			}
			in.Valid &^= each.bits
		}
	}
	if sized {
		n.end.Store(int64(size))
	}
	if opened, ok := f.(*file); ok {
		f = opened.LoopbackFile
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

// Setxattr sets an extended attribute.
func (n *node) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if do, errno := n.ask("xattr"); !do {
		return errno
	}
	return n.LoopbackNode.Setxattr(ctx, attr, data, flags)
}

// CopyFileRange leaves it to the kernel to read and write.
func (n *node) CopyFileRange(context.Context, fs.FileHandle, uint64, *fs.Inode, fs.FileHandle, uint64, uint64, uint64) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}

// file is an open file.
type file struct {
	*fs.LoopbackFile
	node  *node
	flags uint32
}

// Write tells apart what is written at the end of a file and elsewhere.
func (f *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	return f.Writev(ctx, [][]byte{data}, off)
}

// Writev is Write of several pieces.
func (f *file) Writev(ctx context.Context, data [][]byte, off int64) (uint32, syscall.Errno) {
	if off != f.node.end.Load() && f.flags&syscall.O_APPEND == 0 {
		if do, errno := f.node.ask("writeAnywhere"); !do {
			length := 0
			for _, piece := range data {
				length += len(piece)
			}
			return uint32(length), errno
		}
	}
	written, errno := f.LoopbackFile.Writev(ctx, data, off)
	if end := off + int64(written); end > f.node.end.Load() {
		f.node.end.Store(end)
	}
	return written, errno
}

// PassthroughFd has the kernel pass every write on.
func (f *file) PassthroughFd() (int, bool) { return 0, false }

// Fsync flushes the file.
func (f *file) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if do, errno := f.node.ask("fsync"); !do {
		return errno
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}

// Allocate reserves space for a file.
func (f *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if do, errno := f.node.ask("truncate"); !do {
		return errno
	}
	return f.LoopbackFile.Allocate(ctx, off, size, mode)
}

// Setlk locks a file, or fails where another has the lock.
func (f *file) Setlk(ctx context.Context, owner uint64, lock *fuse.FileLock, flags uint32) syscall.Errno {
	return f.lock(ctx, f.LoopbackFile.Setlk, owner, lock, flags)
}

// Setlkw locks a file, and waits for whoever has the lock.
func (f *file) Setlkw(ctx context.Context, owner uint64, lock *fuse.FileLock, flags uint32) syscall.Errno {
	return f.lock(ctx, f.LoopbackFile.Setlkw, owner, lock, flags)
}

func (f *file) lock(ctx context.Context, set func(context.Context, uint64, *fuse.FileLock, uint32) syscall.Errno, owner uint64, lock *fuse.FileLock, flags uint32) syscall.Errno {
	operation := "fcntlLock"
	if flags&fuse.FUSE_LK_FLOCK != 0 {
		operation = "flock"
	}
	if do, errno := f.node.ask(operation); !do {
		return errno
	}
	return set(ctx, owner, lock, flags)
}

// listing is an open directory that can be read.
type listing interface {
	fs.FileReaddirenter
	fs.FileReleasedirer
	fs.FileSeekdirer
	fs.FileFsyncdirer
}

// directory is an open directory.
type directory struct {
	listing
	node *node
}

// Fsyncdir flushes the directory's names.
func (d *directory) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	if do, errno := d.node.ask("fsyncDirectory"); !do {
		return errno
	}
	return d.listing.Fsyncdir(ctx, flags)
}
