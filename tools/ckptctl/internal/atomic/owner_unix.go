//go:build unix

package atomic

import (
	"os"
	"syscall"
)

// own gives a file the owner and the group of another, as far as that is allowed.
func own(file *os.File, like os.FileInfo) {
	if stat, ok := like.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(stat.Uid), int(stat.Gid))
	}
}
