package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// serve mounts a directory, and returns the mountpoint and what ends the mount and returns what was recorded.
func serve(t *testing.T, operations string) (string, func() string) {
	t.Helper()
	record, backing, at := filepath.Join(t.TempDir(), "record"), t.TempDir(), t.TempDir()
	ended := make(chan error, 1)
	go func() { ended <- run(record, operations, backing, at) }()
	require.Eventually(t, func() bool {
		var here, there syscall.Stat_t
		return syscall.Stat(at, &here) == nil && syscall.Stat(backing, &there) == nil && here.Dev != there.Dev
	}, 10*time.Second, 10*time.Millisecond, "mounting takes root and /dev/fuse")
	unmounted := false
	end := func() string {
		// A file that was just closed is released a moment later.
		require.Eventually(t, func() bool { return syscall.Unmount(at, 0) == nil }, 10*time.Second, 10*time.Millisecond)
		unmounted = true
		require.NoError(t, <-ended)
		text, err := os.ReadFile(record)
		require.NoError(t, err)
		return string(text)
	}
	t.Cleanup(func() {
		if !unmounted {
			_ = syscall.Unmount(at, syscall.MNT_DETACH)
		}
	})
	return at, end
}

// TestOperations asks for each operation where it works, where it is refused, and where it is ignored.
func TestOperations(t *testing.T) {
	write := func(name, text string) error { return os.WriteFile(name, []byte(text), 0o644) }
	// open does something with an open file, and returns what that returned.
	open := func(name string, flags int, do func(fd int) error) error {
		fd, err := syscall.Open(name, flags, 0o644)
		if err != nil {
			return err
		}
		defer func() { _ = syscall.Close(fd) }()
		return do(fd)
	}
	nothing := func(int) error { return nil }
	for operation, test := range map[string]struct {
		// do asks for the operation, on a file `file` that holds "old" and a directory `directory`.
		do func() error
		// done says whether it had an effect; nil where that cannot be seen.
		done func() bool
	}{
		"fsync":          {do: func() error { return open("file", syscall.O_WRONLY, syscall.Fsync) }},
		"fsyncDirectory": {do: func() error { return open("directory", syscall.O_RDONLY, syscall.Fsync) }},
		"renameFile":     {do: func() error { return os.Rename("file", "other") }, done: func() bool { return exists("other") }},
		"renameReplace": {do: func() error {
			if err := write("new", "new"); err != nil {
				return err
			}
			return os.Rename("new", "file")
		}, done: func() bool { return content() == "new" }},
		"renameDirectory": {do: func() error { return os.Rename("directory", "other") }, done: func() bool { return exists("other") }},
		"overwrite":       {do: func() error { return write("file", "ne") }, done: func() bool { return content() == "ne" }},
		"writeAnywhere": {do: func() error {
			return open("file", syscall.O_WRONLY, func(fd int) error { _, err := syscall.Pwrite(fd, []byte("x"), 1); return err })
		}, done: func() bool { return content() == "oxd" }},
		"append": {do: func() error {
			return open("file", syscall.O_WRONLY|syscall.O_APPEND, func(fd int) error { _, err := syscall.Write(fd, []byte("er")); return err })
		}},
		"truncate":        {do: func() error { return os.Truncate("file", 1) }, done: func() bool { return content() == "o" }},
		"unlink":          {do: func() error { return os.Remove("file") }, done: func() bool { return !exists("file") }},
		"exclusiveCreate": {do: func() error { return open("new", syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL, nothing) }},
		"symlink":         {do: func() error { return os.Symlink("file", "link") }},
		"chmod": {do: func() error { return os.Chmod("file", 0o600) }, done: func() bool {
			info, err := os.Stat("file")
			return err == nil && info.Mode().Perm() == 0o600
		}},
		"utimes": {do: func() error { return os.Chtimes("file", time.Unix(1, 0), time.Unix(1, 0)) }, done: func() bool {
			info, err := os.Stat("file")
			return err == nil && info.ModTime().Unix() == 1
		}},
		"flock": {do: func() error {
			return open("file", syscall.O_RDWR, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
		}},
		"fcntlLock": {do: func() error {
			return open("file", syscall.O_RDWR, func(fd int) error {
				return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
			})
		}},
		"directIO": {do: func() error { return open("new", syscall.O_WRONLY|syscall.O_CREAT|syscall.O_DIRECT, nothing) }},
	} {
		for _, answer := range []string{"", "EIO", "ignored"} {
			if answer == "ignored" && (operation == "append" || operation == "exclusiveCreate" || operation == "symlink") {
				continue // There is no success without a file.
			}
			t.Run(operation+"="+answer, func(t *testing.T) {
				refused := ""
				if answer != "" {
					refused = operation + "=" + answer
				}
				at, end := serve(t, refused)
				here, err := os.Getwd()
				require.NoError(t, err)
				t.Chdir(at)
				require.NoError(t, write("file", "old"))
				require.NoError(t, os.Mkdir("directory", 0o755))
				err = test.do()
				if answer == "EIO" {
					assert.ErrorIs(t, err, syscall.EIO)
				} else {
					assert.NoError(t, err)
				}
				if test.done != nil && answer != "EIO" {
					assert.Equal(t, answer == "", test.done())
				}
				require.NoError(t, os.Chdir(here))
				assert.Contains(t, "\n"+end(), "\n"+operation+"\t")
			})
		}
	}
}

func exists(name string) bool { _, err := os.Lstat(name); return err == nil }

func content() string { text, _ := os.ReadFile("file"); return string(text) }

// TestPolicy reads what is refused from the command line.
func TestPolicy(t *testing.T) {
	var p policy
	require.NoError(t, p.parse("renameFile,unlink,chmod=ENOTSUP,utimes=ignored"))
	assert.Equal(t, map[string]syscall.Errno{
		"renameFile": syscall.ENOSYS, "unlink": syscall.EPERM, "chmod": syscall.ENOTSUP, "utimes": ignored,
	}, p.answers)
	assert.Error(t, p.parse("chmod=ENOTHING"))
	require.NoError(t, p.parse(""))
	assert.Empty(t, p.answers)
}
