package trainer

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"
)

// flaky is a real file system over a directory that fails as storage does, for the rank that has it mounted.
type flaky struct {
	// path ends the path of what fails, "" for the directory itself; fails is how it fails, 0 for bytes that are wrong.
	path  string
	fails syscall.Errno
	// on is what fails: write or fsync, of a file that is new; "" for what opens a file or a directory.
	on string

	mu sync.Mutex
	// times is how often it fails before it works, met how often it did.
	times, met int
}

// always is more often than anybody tries.
const always = 1 << 30

// hit says whether an access to the path fails this time.
func (f *flaky) hit(on, path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on != on || f.times == 0 || !strings.HasSuffix(path, f.path) || (f.path == "" && path != "") {
		return false
	}
	f.times--
	f.met++
	return true
}

// node is a file or directory of the file system.
type node struct {
	fs.LoopbackNode
	flaky *flaky
}

// WrapChild has every file and directory below be one too.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{fs.LoopbackNode{RootData: ops.(*fs.LoopbackNode).RootData}, n.flaky}
}

// Open fails, or gives a file whose reads are wrong.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, how, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 || !n.flaky.hit("", n.Path(n.Root())) {
		return handle, how, errno
	}
	if n.flaky.fails != 0 {
		_ = handle.(fs.FileReleaser).Release(ctx)
		return nil, 0, n.flaky.fails
	}
	return wrong{handle}, fuse.FOPEN_DIRECT_IO, 0
}

// Create gives a file that cannot be written, or not flushed.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, handle, how, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno == 0 {
		handle = &unwritable{handle.(*fs.LoopbackFile), n.flaky, filepath.Join(n.Path(n.Root()), name)}
	}
	return inode, handle, how, errno
}

// OpendirHandle fails where the listing is to fail.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.flaky.hit("", n.Path(n.Root())) {
		return nil, 0, n.flaky.fails
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
}

// unwritable is a new file.
type unwritable struct {
	*fs.LoopbackFile
	flaky *flaky
	path  string
}

// PassthroughFd has the kernel pass every write on.
func (u *unwritable) PassthroughFd() (int, bool) { return 0, false }

// Write fails where writes are to fail.
func (u *unwritable) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	return u.Writev(ctx, [][]byte{data}, off)
}

// Writev is Write of several pieces.
func (u *unwritable) Writev(ctx context.Context, data [][]byte, off int64) (uint32, syscall.Errno) {
	if u.flaky.hit("write", u.path) {
		return 0, u.flaky.fails
	}
	return u.LoopbackFile.Writev(ctx, data, off)
}

// Fsync fails where flushes are to fail.
func (u *unwritable) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if u.flaky.hit("fsync", u.path) {
		return u.flaky.fails
	}
	return u.LoopbackFile.Fsync(ctx, flags)
}

// wrong is an open file that reads as zeros.
type wrong struct{ file fs.FileHandle }

// Read gives as many zeros as there are bytes.
func (w wrong) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	got, errno := w.file.(fs.FileReader).Read(ctx, dest, off)
	if errno != 0 {
		return nil, errno
	}
	content, _ := got.Bytes(dest)
	return fuse.ReadResultData(make([]byte, len(content))), 0
}

// mount mounts the directory with its faults for as long as the test runs.
func (f *flaky) mount(t *testing.T, directory string) string {
	t.Helper()
	mountpoint := t.TempDir()
	loopback := &fs.LoopbackRoot{Path: directory}
	var at syscall.Stat_t
	require.NoError(t, syscall.Stat(directory, &at))
	loopback.Dev = at.Dev
	root := &node{fs.LoopbackNode{RootData: loopback}, f}
	loopback.RootNode = root
	server, err := fs.Mount(mountpoint, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: directory, Name: "flaky"}})
	require.NoError(t, err, "mounting takes root and /dev/fuse")
	t.Cleanup(func() { require.NoError(t, server.Unmount()) })
	return mountpoint
}
