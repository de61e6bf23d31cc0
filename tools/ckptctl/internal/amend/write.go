package amend

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"checkpoint-storage/tools/ckptctl/internal/atomic"
)

// Write puts a new text in the place of a file's old one, whole or not at all. It is an error if the file does not hold the
// old text any more, or may not be written.
func Write(name string, before, after []byte) error {
	// To replace a file, one need not be allowed to write it.
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	now, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return fmt.Errorf("%s was changed meanwhile, and stays as it is: check it again", name)
	}
	return atomic.Write(name, after)
}
