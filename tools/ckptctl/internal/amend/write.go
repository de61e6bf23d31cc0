package amend

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Write puts a new text in the place of a file's old one, whole or not at all: a link goes on leading to the file, which
// keeps its mode and, where that is allowed, its owner. It is an error if the file no longer holds the old text.
func Write(name string, before, after []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	// Whoever may not write the file is not to replace it.
	file, err := os.OpenFile(target, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	now, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return fmt.Errorf("%s was changed meanwhile, and is left as it is; check it again", name)
	}
	return replace(target, info, after)
}

func replace(target string, info os.FileInfo, text []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	if _, err = temporary.Write(text); err != nil {
		return err
	}
	own(temporary, info)
	if err = temporary.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err = temporary.Sync(); err != nil {
		return err
	}
	if err = temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), target)
}
