// Package atomic writes files whole or not at all.
package atomic

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts a text in the place of what a file holds: if the disk is full, that stays. A link goes on leading to the file,
// which keeps its mode and, where that is allowed, its owner. A device or a pipe is written to.
func Write(path string, text []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		target = path
	}
	info, err := os.Stat(target)
	there := err == nil
	if there && !info.Mode().IsRegular() {
		return os.WriteFile(target, text, 0o644)
	}
	file, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-")
	if err != nil {
		return named(path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	mode := fs.FileMode(0o644)
	if there {
		own(file, info)
		mode = info.Mode().Perm()
	}
	_, err = file.Write(text)
	if err = cmp.Or(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return named(path, err)
	}
	return os.Rename(file.Name(), target)
}

// named is an error about the file: the name of a temporary one would mean nothing to the user.
func named(path string, err error) error {
	var wrong *fs.PathError
	if errors.As(err, &wrong) {
		wrong.Path = path
	}
	return err
}
