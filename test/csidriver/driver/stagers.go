package driver

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// stagers are the nodes that have staged a device, one file for each in a folder that all of them see. Nodes that are
// containers of one machine share the device: it stays until the last of them has unstaged it.
type stagers struct {
	// volume is the file of the device; what belongs to it is named after it.
	volume string
}

func (s stagers) folder() string { return s.volume + ".staged" }

// add records that a node has staged the device, once create has made it.
func (s stagers) add(node string, create func() error) error {
	return s.locked(func() error {
		if err := create(); err != nil {
			return err
		}
		if err := os.MkdirAll(s.folder(), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(s.folder(), node), nil, 0o600)
	})
}

// remove records that a node has unstaged the device, and calls release where it was the last one.
func (s stagers) remove(node string, release func() error) error {
	if _, err := os.Stat(s.folder()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return s.locked(func() error {
		if err := os.Remove(filepath.Join(s.folder(), node)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		switch err := os.Remove(s.folder()); {
		case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		return release()
	})
}

// locked does something while no other node stages or unstages the device.
func (s stagers) locked(do func() error) error {
	if err := os.MkdirAll(filepath.Dir(s.volume), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(s.volume+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return do()
}
