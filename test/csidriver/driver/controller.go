package driver

import (
	"context"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// controller makes volumes by giving them a name: their directory is created where they are mounted first, or copied
// from another volume or a snapshot.
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
	var out csi.ControllerGetCapabilitiesResponse
	for _, kind := range kinds {
		out.Capabilities = append(out.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: kind}},
		})
	}
	return &out, nil
}

func (c controller) CreateVolume(_ context.Context, in *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if in.VolumeContentSource != nil {
		for _, capability := range in.VolumeCapabilities {
			if !manyNodes(capability) || capability.GetBlock() != nil {
				return nil, status.Error(codes.InvalidArgument, "only a folder that all nodes see can be filled from another")
			}
		}
		from := c.path("snapshots", in.VolumeContentSource.GetSnapshot().GetSnapshotId())
		if volume := in.VolumeContentSource.GetVolume(); volume != nil {
			from = c.path("folders", volume.VolumeId)
		}
		if err := copyTree(from, c.path("folders", in.Name)); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: in.Name, CapacityBytes: in.CapacityRange.GetRequiredBytes(), ContentSource: in.VolumeContentSource,
	}}, nil
}

func (controller) DeleteVolume(context.Context, *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, nil
}

func (c controller) CreateSnapshot(_ context.Context, in *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if err := copyTree(c.path("folders", in.SourceVolumeId), c.path("snapshots", in.Name)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: in.Name, SourceVolumeId: in.SourceVolumeId, CreationTime: timestamppb.Now(), ReadyToUse: true,
	}}, nil
}

func (controller) DeleteSnapshot(context.Context, *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	return &csi.DeleteSnapshotResponse{}, nil
}

func (controller) ValidateVolumeCapabilities(_ context.Context, in *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeContext: in.VolumeContext, VolumeCapabilities: in.VolumeCapabilities, Parameters: in.Parameters,
	}}, nil
}

// path is where all nodes see a volume or a snapshot.
func (c controller) path(kind, id string) string {
	return filepath.Join(c.places.Shared, kind, short(c.driver.Name+" "+id))
}
