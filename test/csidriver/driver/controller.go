package driver

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// controller makes volumes by noting their name and size: their directory is created where they are mounted first, or
// copied from another volume or a snapshot.
type controller struct {
	csi.UnimplementedControllerServer
	driver Driver
	places Places
}

func (c controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	kinds := []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	}
	if c.driver.Copies {
		kinds = append(kinds, csi.ControllerServiceCapability_RPC_CLONE_VOLUME, csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT)
	}
	if c.driver.Grows {
		kinds = append(kinds, csi.ControllerServiceCapability_RPC_EXPAND_VOLUME, csi.ControllerServiceCapability_RPC_MODIFY_VOLUME)
	}
	var out csi.ControllerGetCapabilitiesResponse
	for _, kind := range kinds {
		out.Capabilities = append(out.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: kind}},
		})
	}
	return &out, nil
}

// CreateVolume makes a volume once: who asks again for what is there gets that, and is refused another one of its name.
func (c controller) CreateVolume(_ context.Context, in *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if err := need(map[string]bool{"name": in.Name != "", "volume capabilities": len(in.VolumeCapabilities) > 0}); err != nil {
		return nil, err
	}
	if err := mutate(in.MutableParameters); err != nil {
		return nil, err
	}
	made, there, err := c.noted("folders", in.Name)
	if err != nil {
		return nil, err
	}
	required, limit := in.CapacityRange.GetRequiredBytes(), in.CapacityRange.GetLimitBytes()
	if there && (made.Bytes < required || limit > 0 && made.Bytes > limit) {
		return nil, status.Errorf(codes.AlreadyExists, "volume %s is there with %d bytes", in.Name, made.Bytes)
	}
	if in.VolumeContentSource != nil {
		if slices.ContainsFunc(in.VolumeCapabilities, func(c *csi.VolumeCapability) bool { return c.GetBlock() != nil }) {
			return nil, status.Error(codes.InvalidArgument, "only a folder can be filled from another")
		}
		kind, id := "snapshots", in.VolumeContentSource.GetSnapshot().GetSnapshotId()
		if volume := in.VolumeContentSource.GetVolume(); volume != nil {
			kind, id = "folders", volume.VolumeId
		}
		if err := c.copy(kind, id, "folders", in.Name); err != nil {
			return nil, err
		}
	}
	if !there {
		made = note{Bytes: required}
		if err := c.write("folders", in.Name, made); err != nil {
			return nil, err
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: in.Name, CapacityBytes: made.Bytes, ContentSource: in.VolumeContentSource,
	}}, nil
}

// DeleteVolume forgets a volume. Its folder stays, which may be on a node alone: names of volumes do not come back.
func (c controller) DeleteVolume(_ context.Context, in *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != ""}); err != nil {
		return nil, err
	}
	return &csi.DeleteVolumeResponse{}, os.RemoveAll(c.path("folders", in.VolumeId) + noteSuffix)
}

// ControllerExpandVolume notes the size of a larger volume; the node has to make its file system larger.
func (c controller) ControllerExpandVolume(_ context.Context, in *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != "", "capacity range": in.CapacityRange != nil}); err != nil {
		return nil, err
	}
	made, there, err := c.noted("folders", in.VolumeId)
	if err != nil || !there {
		return nil, absent("folders", in.VolumeId, err)
	}
	made.Bytes = max(made.Bytes, in.CapacityRange.RequiredBytes)
	if err := c.write("folders", in.VolumeId, made); err != nil {
		return nil, err
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: made.Bytes, NodeExpansionRequired: in.VolumeCapability.GetBlock() == nil}, nil
}

// mutable is the parameter by which a volume is modified, to no effect.
const mutable = "iops"

// ControllerModifyVolume takes one parameter, whatever its value: what a test wants refused, it has fail.
func (c controller) ControllerModifyVolume(_ context.Context, in *csi.ControllerModifyVolumeRequest) (*csi.ControllerModifyVolumeResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != ""}); err != nil {
		return nil, err
	}
	if there, err := c.has("folders", in.VolumeId); err != nil || !there {
		return nil, absent("folders", in.VolumeId, err)
	}
	return &csi.ControllerModifyVolumeResponse{}, mutate(in.MutableParameters)
}

// mutate refuses parameters that a volume is not modified by.
func mutate(parameters map[string]string) error {
	for key := range parameters {
		if key != mutable {
			return status.Errorf(codes.InvalidArgument, "%s is no parameter", key)
		}
	}
	return nil
}

func (c controller) CreateSnapshot(_ context.Context, in *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if err := need(map[string]bool{"name": in.Name != "", "source volume ID": in.SourceVolumeId != ""}); err != nil {
		return nil, err
	}
	made, there, err := c.noted("snapshots", in.Name)
	if err != nil {
		return nil, err
	}
	if there && made.Source != in.SourceVolumeId {
		return nil, status.Errorf(codes.AlreadyExists, "snapshot %s is one of volume %s", in.Name, made.Source)
	}
	if !there {
		if err := c.copy("folders", in.SourceVolumeId, "snapshots", in.Name); err != nil {
			return nil, err
		}
		made = note{Source: in.SourceVolumeId, Time: timestamppb.Now().AsTime()}
		if err := c.write("snapshots", in.Name, made); err != nil {
			return nil, err
		}
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: in.Name, SourceVolumeId: in.SourceVolumeId, CreationTime: timestamppb.New(made.Time), ReadyToUse: true,
	}}, nil
}

func (c controller) DeleteSnapshot(_ context.Context, in *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if err := need(map[string]bool{"snapshot ID": in.SnapshotId != ""}); err != nil {
		return nil, err
	}
	path := c.path("snapshots", in.SnapshotId)
	if err := os.RemoveAll(path + noteSuffix); err != nil {
		return nil, err
	}
	return &csi.DeleteSnapshotResponse{}, os.RemoveAll(path)
}

func (c controller) ValidateVolumeCapabilities(_ context.Context, in *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if err := need(map[string]bool{"volume ID": in.VolumeId != "", "volume capabilities": len(in.VolumeCapabilities) > 0}); err != nil {
		return nil, err
	}
	if there, err := c.has("folders", in.VolumeId); err != nil || !there {
		return nil, absent("folders", in.VolumeId, err)
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: in.VolumeContext, VolumeCapabilities: in.VolumeCapabilities, Parameters: in.Parameters,
	}}, nil
}

// need refuses a request that lacks what the specification demands of it.
func need(given map[string]bool) error {
	for _, what := range slices.Sorted(maps.Keys(given)) {
		if !given[what] {
			return status.Error(codes.InvalidArgument, "the request has no "+what)
		}
	}
	return nil
}

// note is what there is to know of a volume or a snapshot besides its files.
type note struct {
	Bytes  int64     `json:"bytes,omitempty"`
	Source string    `json:"source,omitempty"`
	Time   time.Time `json:"time,omitzero"`
}

// noteSuffix follows the name of a volume's folder in that of its note.
const noteSuffix = ".json"

func (c controller) noted(kind, id string) (note, bool, error) {
	text, err := os.ReadFile(c.path(kind, id) + noteSuffix)
	if os.IsNotExist(err) {
		return note{}, false, nil
	}
	if err != nil {
		return note{}, false, err
	}
	var n note
	return n, true, json.Unmarshal(text, &n)
}

func (c controller) write(kind, id string, n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := c.path(kind, id) + noteSuffix
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// has says whether there is a volume or a snapshot: one that was made here, or a volume that a node has mounted.
func (c controller) has(kind, id string) (bool, error) {
	_, there, err := c.noted(kind, id)
	if there || err != nil {
		return there, err
	}
	_, err = os.Stat(c.path(kind, id))
	return err == nil, nil
}

func absent(kind, id string, err error) error {
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return status.Errorf(codes.NotFound, "there is no %s in %s", id, kind)
}

// copy fills a volume or a snapshot. A volume that nothing has mounted yet is empty.
func (c controller) copy(kind, id, toKind, to string) error {
	if there, err := c.has(kind, id); err != nil || !there {
		return absent(kind, id, err)
	}
	from := c.path(kind, id)
	if _, err := os.Stat(from); os.IsNotExist(err) {
		return os.MkdirAll(c.path(toKind, to), 0o777)
	}
	if err := copyTree(from, c.path(toKind, to)); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

// path is where all nodes see a volume or a snapshot.
func (c controller) path(kind, id string) string {
	return filepath.Join(c.places.Shared, kind, short(c.driver.Name+" "+id))
}
