package driver

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// copyTree makes a copy of a folder, owners and modes too, unless it is there already. It appears whole.
func copyTree(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.CopyFS(part, os.DirFS(from)); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := os.Chown(filepath.Join(part, name), int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
		return os.Chmod(filepath.Join(part, name), info.Mode())
	})
	if err != nil {
		return err
	}
	return os.Rename(part, to)
}
