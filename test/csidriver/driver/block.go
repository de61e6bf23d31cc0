package driver

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// deviceBytes is the size of a loop device, whatever size the volume claims to have: its file is sparse, and tests
// write less.
const deviceBytes = 64 << 20

// makeDevice makes the file of a volume that is a device, and binds a loop device to it. Nodes that are containers of
// one machine share that device, and so see each other's writes.
func makeDevice(volume string) error {
	file, err := os.OpenFile(volume, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(deviceBytes); err != nil {
		return err
	}
	if _, found, err := deviceOf(volume); err != nil || found {
		return err
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	// Another process may take the free device first.
	for range 20 {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return fmt.Errorf("no free loop device: %w", err)
		}
		device, err := openLoop(number)
		if err != nil {
			return err
		}
		err = unix.IoctlSetInt(int(device.Fd()), unix.LOOP_SET_FD, int(file.Fd()))
		device.Close()
		if err == nil || err != unix.EBUSY {
			return err
		}
	}
	return fmt.Errorf("no loop device stays free")
}

// loops is how many devices a node has nodes for; a container's /dev gets none by itself.
const loops = 512

// MakeLoopNodes makes the device nodes of all possible loop devices: the kubelet opens some too.
func MakeLoopNodes() error {
	for number := range loops {
		err := unix.Mknod(loopPath(number), unix.S_IFBLK|0o660, int(unix.Mkdev(7, uint32(number))))
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("%s: %w", loopPath(number), err)
		}
	}
	return nil
}

func loopPath(number int) string { return "/dev/loop" + strconv.Itoa(number) }

func openLoop(number int) (*os.File, error) { return os.OpenFile(loopPath(number), os.O_RDWR, 0) }

// deviceOf finds the loop device that is bound to a file.
func deviceOf(volume string) (number int, found bool, err error) {
	var file unix.Stat_t
	if err := unix.Stat(volume, &file); err != nil {
		return 0, false, err
	}
	devices, err := os.ReadDir("/sys/block")
	if err != nil {
		return 0, false, err
	}
	for _, entry := range devices {
		text, ok := strings.CutPrefix(entry.Name(), "loop")
		if !ok {
			continue
		}
		if _, err := os.Stat("/sys/block/" + entry.Name() + "/loop/backing_file"); err != nil {
			continue
		}
		number, err := strconv.Atoi(text)
		if err != nil {
			return 0, false, err
		}
		device, err := openLoop(number)
		if err != nil {
			continue
		}
		info, err := unix.IoctlLoopGetStatus64(int(device.Fd()))
		device.Close()
		if err == nil && info.Device == uint64(file.Dev) && info.Inode == file.Ino {
			return number, true, nil
		}
	}
	return 0, false, nil
}

// bindDevice mounts the volume's loop device on a file.
func bindDevice(volume, target string) error {
	number, found, err := deviceOf(volume)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("volume %s is not staged", volume)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	file.Close()
	if mounted(target) {
		return nil
	}
	return unix.Mount(loopPath(number), target, "", unix.MS_BIND, "")
}

// releaseDevice gives back the loop device of a volume; the kernel does so when the last user has closed it.
func releaseDevice(volume string) error {
	number, found, err := deviceOf(volume)
	if err != nil || !found {
		return err
	}
	device, err := openLoop(number)
	if err != nil {
		return err
	}
	defer device.Close()
	if _, err := unix.IoctlRetInt(int(device.Fd()), unix.LOOP_CLR_FD); err != nil && err != unix.ENXIO {
		return fmt.Errorf("release %s: %w", loopPath(number), err)
	}
	return nil
}
