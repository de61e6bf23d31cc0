package driver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Seed is a file that a volume for readers begins with: its content is the volume's id.
const Seed = "seed"

type node struct {
	csi.UnimplementedNodeServer
	driver Driver
	name   string
	places Places
}

func (n *node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name}, nil
}

func (n *node) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	var out csi.NodeGetCapabilitiesResponse
	for _, kind := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
		// Without it the kubelet would hand over ReadWriteOncePod and ReadWriteOnce as the same mode.
		csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	} {
		out.Capabilities = append(out.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: kind}},
		})
	}
	return &out, nil
}

// NodeStageVolume makes the volume where it is not there yet, and mounts it into the kubelet's folder for the node.
func (n *node) NodeStageVolume(_ context.Context, in *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if err := need(map[string]bool{
		"volume ID": in.VolumeId != "", "staging target path": in.StagingTargetPath != "", "volume capability": in.VolumeCapability != nil,
	}); err != nil {
		return nil, err
	}
	volume := n.volume(in.VolumeId, in.VolumeCapability)
	if in.VolumeCapability.GetBlock() != nil {
		return &csi.NodeStageVolumeResponse{}, stagers{volume}.add(n.name, func() error { return makeDevice(volume) })
	}
	if err := n.makeDirectory(volume, in); err != nil {
		return nil, err
	}
	return &csi.NodeStageVolumeResponse{}, bind(volume, in.StagingTargetPath, in.VolumeCapability.GetMount().GetMountFlags())
}

// makeDirectory makes what an empty file system of the driver's kind looks like: where the kubelet sets the owner, root
// has it for itself, and elsewhere anybody may write.
func (n *node) makeDirectory(volume string, in *csi.NodeStageVolumeRequest) error {
	if _, err := os.Stat(volume); err == nil {
		return nil
	}
	mode := os.FileMode(0o777) | os.ModeSticky
	if n.ownedByKubelet(in.VolumeCapability) {
		mode = 0o755
	}
	if err := os.MkdirAll(volume, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(volume, mode); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(volume, Seed), []byte(in.VolumeId), 0o644)
}

// ownedByKubelet says whether the kubelet gives the volume to a pod's fsGroup.
func (n *node) ownedByKubelet(c *csi.VolumeCapability) bool {
	switch n.driver.FSGroup {
	case "File":
		return true
	case "None":
		return false
	}
	return c.GetMount().GetFsType() != "" && !manyNodes(c)
}

// NodePublishVolume mounts what is staged where a pod finds it; of a volume for one writer, at one place only.
func (n *node) NodePublishVolume(_ context.Context, in *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if err := need(map[string]bool{
		"volume ID": in.VolumeId != "", "target path": in.TargetPath != "", "volume capability": in.VolumeCapability != nil,
	}); err != nil {
		return nil, err
	}
	if in.VolumeCapability.GetBlock() == nil && (in.StagingTargetPath == "" || !mounted(in.StagingTargetPath)) {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is not staged", in.VolumeId)
	}
	if err := n.publish(in); err != nil {
		return nil, err
	}
	var flags []string
	if in.Readonly || in.VolumeCapability.GetAccessMode().GetMode() == csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY {
		flags = []string{"ro"}
	}
	if in.VolumeCapability.GetBlock() != nil {
		return &csi.NodePublishVolumeResponse{}, bindDevice(n.volume(in.VolumeId, in.VolumeCapability), in.TargetPath)
	}
	flags = append(flags, in.VolumeCapability.GetMount().GetMountFlags()...)
	return &csi.NodePublishVolumeResponse{}, bind(in.StagingTargetPath, in.TargetPath, flags)
}

// publish notes where a volume is mounted for pods, and refuses a second place to one writer.
func (n *node) publish(in *csi.NodePublishVolumeRequest) error {
	places := n.path(n.places.Local, "published", in.VolumeId)
	if in.VolumeCapability.GetAccessMode().GetMode() == csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER {
		entries, err := os.ReadDir(places)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		for _, entry := range entries {
			other, err := os.ReadFile(filepath.Join(places, entry.Name()))
			if err != nil {
				return err
			}
			// What was mounted before the node restarted is mounted no longer.
			if string(other) != in.TargetPath && mounted(string(other)) {
				return status.Errorf(codes.FailedPrecondition, "volume %s is for one writer, and mounted at %s", in.VolumeId, other)
			}
		}
	}
	if err := os.MkdirAll(places, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(places, short(in.TargetPath)), []byte(in.TargetPath), 0o600)
}

func (n *node) NodeUnpublishVolume(_ context.Context, in *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != "", "target path": in.TargetPath != ""}); err != nil {
		return nil, err
	}
	if err := unmount(in.TargetPath); err != nil {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, os.RemoveAll(filepath.Join(n.path(n.places.Local, "published", in.VolumeId), short(in.TargetPath)))
}

func (n *node) NodeUnstageVolume(_ context.Context, in *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != "", "staging target path": in.StagingTargetPath != ""}); err != nil {
		return nil, err
	}
	for _, root := range []string{n.places.Local, n.places.Shared} {
		volume := n.path(root, "devices", in.VolumeId)
		if err := (stagers{volume}).remove(n.name, func() error { return releaseDevice(volume) }); err != nil {
			return nil, err
		}
	}
	return &csi.NodeUnstageVolumeResponse{}, unmount(in.StagingTargetPath)
}

func (n *node) NodeGetVolumeStats(_ context.Context, in *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if err := n.find(in.VolumeId, in.VolumePath); err != nil {
		return nil, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(in.VolumePath, &fs); err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	total, free := int64(fs.Blocks)*fs.Bsize, int64(fs.Bavail)*fs.Bsize
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{
		{Unit: csi.VolumeUsage_BYTES, Total: total, Available: free, Used: total - free},
	}}, nil
}

func (n *node) NodeExpandVolume(_ context.Context, in *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	if err := n.find(in.VolumeId, in.VolumePath); err != nil {
		return nil, err
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: in.CapacityRange.GetRequiredBytes()}, nil
}

// find refuses a volume that is not on this node, and a path where nothing is.
func (n *node) find(id, path string) error {
	if err := need(map[string]bool{"volume ID": id != "", "volume path": path != ""}); err != nil {
		return err
	}
	_, missing := os.Stat(path)
	for _, root := range []string{n.places.Local, n.places.Shared} {
		for _, kind := range []string{"folders", "devices"} {
			if _, err := os.Stat(n.path(root, kind, id)); err == nil && missing == nil {
				return nil
			}
		}
	}
	return status.Errorf(codes.NotFound, "volume %s is not at %s", id, path)
}

// volume is where the volume's bytes are: with all nodes, or with this one. One handle may be both a folder and a device.
// The folders of a driver that copies are with all nodes, and so with its controller.
func (n *node) volume(id string, c *csi.VolumeCapability) string {
	root, kind := n.places.Local, "folders"
	if manyNodes(c) || n.driver.Copies && c.GetBlock() == nil {
		root = n.places.Shared
	}
	if c.GetBlock() != nil {
		kind = "devices"
	}
	return n.path(root, kind, id)
}

func (n *node) path(root, kind, id string) string {
	return filepath.Join(root, kind, short(n.driver.Name+" "+id))
}

func manyNodes(c *csi.VolumeCapability) bool {
	switch c.GetAccessMode().GetMode() {
	case csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY,
		csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER,
		csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
		return true
	}
	return false
}

// options of any mount; what a driver's own file system takes besides, a directory does not.
var options = map[string]uint64{
	"ro": unix.MOUNT_ATTR_RDONLY, "noatime": unix.MOUNT_ATTR_NOATIME, "nodiratime": unix.MOUNT_ATTR_NODIRATIME,
	"nosuid": unix.MOUNT_ATTR_NOSUID, "nodev": unix.MOUNT_ATTR_NODEV, "noexec": unix.MOUNT_ATTR_NOEXEC,
}

// bind mounts one folder on another, with those flags that any mount can have. The flags are there before the mount is:
// a later change would not reach the node, which sees the driver's mounts but not what becomes of them.
func bind(from, to string, flags []string) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	if mounted(to) {
		return nil
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("mount %s: %w", from, err)
	}
	defer unix.Close(tree)
	var set unix.MountAttr
	for _, flag := range flags {
		set.Attr_set |= options[flag]
		if flag == "noatime" {
			set.Attr_clr |= unix.MOUNT_ATTR__ATIME
		}
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &set); err != nil {
		return fmt.Errorf("mount %s with %v: %w", from, flags, err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mount %s on %s: %w", from, to, err)
	}
	return nil
}

// mounted says whether something is mounted at the path: it then is another mount than its parent.
func mounted(path string) bool {
	var here, parent unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &here) != nil ||
		unix.Statx(unix.AT_FDCWD, filepath.Dir(path), unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &parent) != nil {
		return false
	}
	return here.Mnt_id != parent.Mnt_id
}

// unmount takes away what is mounted at the path, and the path; either may be gone already.
func unmount(path string) error {
	for mounted(path) {
		if err := unix.Unmount(path, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
