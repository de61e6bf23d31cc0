package trainer

import (
	"context"
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

	mu sync.Mutex
	// times is how often it fails before it works, met how often it did.
	times, met int
}

// always is more often than anybody tries.
const always = 1 << 30

// hit says whether an access to the path fails this time.
func (f *flaky) hit(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.times == 0 || !strings.HasSuffix(path, f.path) || (f.path == "" && path != "") {
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
	if errno != 0 || !n.flaky.hit(n.Path(n.Root())) {
		return handle, how, errno
	}
	if n.flaky.fails != 0 {
		_ = handle.(fs.FileReleaser).Release(ctx)
		return nil, 0, n.flaky.fails
	}
	return wrong{handle}, fuse.FOPEN_DIRECT_IO, 0
}

// OpendirHandle fails where the listing is to fail.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.flaky.hit(n.Path(n.Root())) {
		return nil, 0, n.flaky.fails
	}
	return n.LoopbackNode.OpendirHandle(ctx, flags)
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
