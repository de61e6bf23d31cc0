// Package calls builds the calls that Kubernetes makes to a CSI driver for the objects that the chart renders: those of the
// kubelet and the attacher for a static volume, and those of the provisioner for a class and its claim.
package calls

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/engine"
	"checkpoint-storage/tools/catalog"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const (
	release   = "checkpoints"
	namespace = "train"
	// Node is the node that volumes are attached to and mounted on.
	Node = "node-1"
	// Staging is where the kubelet has a volume staged, below a folder of the judge's.
	Staging = "staging"
	// Target is where the kubelet has it published, below the same folder.
	Target = "target"
	// reserved begins the parameters of a class that are for the sidecars, which keep them from the driver.
	reserved = "csi.storage.k8s.io/"
)

// Call is one call to a driver.
type Call struct {
	// Method is its name in the CSI specification.
	Method  string
	Request proto.Message
	// Places are those that a class allows its volumes.
	Places []*csi.Topology
}

// Fixture is a values file of a backend, with the calls that its objects lead to.
type Fixture struct {
	// Name is that of the file without its ending, or _example.
	Name string
	// Accepted says that the chart accepts the values. Of those that it refuses, the calls are what would have been sent.
	Accepted bool
	Calls    []Call
}

// Of returns the fixtures of a backend that lead to any call, sorted by name.
func Of(b catalog.Backend) ([]Fixture, error) {
	values := map[string]map[string]any{"_example": b.ExampleDocument()}
	files, err := filepath.Glob(filepath.Join(charts.Chart(), catalog.Root, b.Name, "testdata", "_*.values.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".values.yaml")
		if !strings.HasPrefix(name, "_accept-") && !strings.HasPrefix(name, "_reject-") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		given := map[string]any{}
		if err := yaml.UnmarshalStrict(text, &given); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		values[name] = given
	}
	var out []Fixture
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f := Fixture{Name: name, Accepted: !strings.HasPrefix(name, "_reject-")}
		objects, err := engine.Unchecked(values[name], release, namespace)
		if err != nil && f.Accepted {
			return nil, fmt.Errorf("%s of backend %s: %w", name, b.Name, err)
		}
		// Values that are refused may be such that no object comes of them.
		if err != nil {
			continue
		}
		if f.Calls, err = ofObjects(b, objects); err != nil {
			return nil, fmt.Errorf("%s of backend %s: %w", name, b.Name, err)
		}
		if len(f.Calls) > 0 {
			out = append(out, f)
		}
	}
	return out, nil
}

// ofObjects returns the calls for the first volume of a release, and for its class with the first claim.
func ofObjects(b catalog.Backend, objects []map[string]any) ([]Call, error) {
	var volume *corev1.PersistentVolume
	var claim *corev1.PersistentVolumeClaim
	var class *storagev1.StorageClass
	for _, object := range objects {
		var err error
		switch kind := object["kind"]; {
		case kind == "PersistentVolume" && volume == nil:
			volume, err = decode[corev1.PersistentVolume](object)
		case kind == "PersistentVolumeClaim" && claim == nil:
			claim, err = decode[corev1.PersistentVolumeClaim](object)
		case kind == "StorageClass" && class == nil:
			class, err = decode[storagev1.StorageClass](object)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case volume != nil && volume.Spec.CSI != nil:
		return ofVolume(b.Capabilities, volume), nil
	case volume == nil && class != nil && claim != nil:
		call := ofClass(class, claim)
		if kind := sourceKind(claim); kind != "" {
			source, err := contentSource(b, kind)
			if err != nil {
				return nil, err
			}
			call.Request.(*csi.CreateVolumeRequest).VolumeContentSource = source
		}
		return []Call{call}, nil
	}
	return nil, nil
}

// sourceKind is the kind of what a claim's volume is filled from, if anything.
func sourceKind(claim *corev1.PersistentVolumeClaim) string {
	switch {
	case claim.Spec.DataSourceRef != nil:
		return claim.Spec.DataSourceRef.Kind
	case claim.Spec.DataSource != nil:
		return claim.Spec.DataSource.Kind
	}
	return ""
}

// contentSource names what a new volume is filled from: a snapshot, or the volume of the documented example.
func contentSource(b catalog.Backend, kind string) (*csi.VolumeContentSource, error) {
	if kind == "VolumeSnapshot" {
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: "snapshot"}}}, nil
	}
	objects, err := engine.Unchecked(b.ExampleDocument(), release, namespace)
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		if object["kind"] != "PersistentVolume" {
			continue
		}
		volume, err := decode[corev1.PersistentVolume](object)
		if err != nil || volume.Spec.CSI == nil {
			return nil, err
		}
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: volume.Spec.CSI.VolumeHandle}}}, nil
	}
	return nil, nil
}

func decode[T any](object map[string]any) (*T, error) {
	out := new(T)
	return out, runtime.DefaultUnstructuredConverter.FromUnstructured(object, out)
}

// ofVolume returns the calls for a static volume. What an attachment answers is for the judge to put into the calls after it.
func ofVolume(c catalog.Capabilities, volume *corev1.PersistentVolume) []Call {
	source := volume.Spec.CSI
	asked := capability(volume.Spec.VolumeMode, source.FSType, volume.Spec.MountOptions, volume.Spec.AccessModes)
	var out []Call
	if c.Attach == catalog.Yes {
		out = append(out, Call{Method: "ControllerPublishVolume", Request: &csi.ControllerPublishVolumeRequest{
			VolumeId: source.VolumeHandle, NodeId: Node, VolumeCapability: asked, Readonly: source.ReadOnly,
			Secrets: secrets(source.ControllerPublishSecretRef), VolumeContext: source.VolumeAttributes,
		}})
	}
	// The pod's own claim reference says whether the mount is read-only, never the volume.
	context := maps.Clone(source.VolumeAttributes)
	if c.PodInfo == catalog.Yes {
		if context == nil {
			context = map[string]string{}
		}
		maps.Copy(context, map[string]string{
			reserved + "pod.name": "trainer-0", reserved + "pod.namespace": namespace, reserved + "serviceAccount.name": "default",
			reserved + "pod.uid": "6d7c2a4e-4d1f-4b52-9f5c-0f4a1f0c7f10", reserved + "ephemeral": "false",
		})
	}
	return append(out,
		Call{Method: "NodeStageVolume", Request: &csi.NodeStageVolumeRequest{
			VolumeId: source.VolumeHandle, StagingTargetPath: Staging, VolumeCapability: asked,
			Secrets: secrets(source.NodeStageSecretRef), VolumeContext: source.VolumeAttributes,
		}},
		Call{Method: "NodePublishVolume", Request: &csi.NodePublishVolumeRequest{
			VolumeId: source.VolumeHandle, TargetPath: Target, VolumeCapability: asked,
			Secrets: secrets(source.NodePublishSecretRef), VolumeContext: context,
		}},
	)
}

// ofClass returns the provisioner's call for a claim of a class.
func ofClass(class *storagev1.StorageClass, claim *corev1.PersistentVolumeClaim) Call {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	parameters := map[string]string{
		// Of the sidecar with --extra-create-metadata.
		reserved + "pvc/name": claim.Name, reserved + "pvc/namespace": namespace, reserved + "pv/name": "pvc-2f6b4c1e-0a5d-4c7e-8f3b-1d2e3f405162",
	}
	var secret *corev1.SecretReference
	for key, value := range class.Parameters {
		switch {
		case key == reserved+"provisioner-secret-name":
			secret = &corev1.SecretReference{Name: value}
		case !strings.HasPrefix(key, reserved):
			parameters[key] = value
		}
	}
	return Call{Method: "CreateVolume", Places: places(class), Request: &csi.CreateVolumeRequest{
		Name: parameters[reserved+"pv/name"], CapacityRange: &csi.CapacityRange{RequiredBytes: size.Value()}, Parameters: parameters, Secrets: secrets(secret),
		VolumeCapabilities: []*csi.VolumeCapability{capability(claim.Spec.VolumeMode, fsType(class), class.MountOptions, claim.Spec.AccessModes)},
	}}
}

// places are the values of the labels that a class allows, one by one.
func places(class *storagev1.StorageClass) []*csi.Topology {
	var out []*csi.Topology
	for _, term := range class.AllowedTopologies {
		for _, label := range term.MatchLabelExpressions {
			for _, value := range label.Values {
				out = append(out, &csi.Topology{Segments: map[string]string{label.Key: value}})
			}
		}
	}
	return out
}

// fsType is the file system of a class, which has two names in its parameters; the old one also reaches the driver.
func fsType(class *storagev1.StorageClass) string {
	for key, value := range class.Parameters {
		if strings.ToLower(key) == "fstype" {
			return value
		}
	}
	return class.Parameters[reserved+"fstype"]
}

// capability is what Kubernetes asks for: the kubelet hands over the first of the access modes.
func capability(mode *corev1.PersistentVolumeMode, fsType string, options []string, modes []corev1.PersistentVolumeAccessMode) *csi.VolumeCapability {
	out := &csi.VolumeCapability{AccessMode: &csi.VolumeCapability_AccessMode{Mode: map[corev1.PersistentVolumeAccessMode]csi.VolumeCapability_AccessMode_Mode{
		corev1.ReadWriteOnce: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER, corev1.ReadWriteOncePod: csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER,
		corev1.ReadOnlyMany: csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY, corev1.ReadWriteMany: csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER,
	}[modes[0]]}}
	if mode != nil && *mode == corev1.PersistentVolumeBlock {
		out.AccessType = &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
		return out
	}
	out.AccessType = &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{FsType: fsType, MountFlags: options}}
	return out
}

// secrets is what is in a secret that the objects name: the keys that drivers look for, with made-up values.
func secrets(ref *corev1.SecretReference) map[string]string {
	if ref == nil {
		return nil
	}
	return map[string]string{
		"username": "judge", "password": "judge", "userID": "judge", "userKey": "judge", "adminID": "judge", "adminKey": "judge",
		"accessKeyID": "judge", "secretAccessKey": "judge", "endpoint": "http://127.0.0.1:1",
	}
}

// Digest is that of all calls: what a verdict was given on.
func Digest(fixtures []Fixture) (string, error) {
	sum := sha256.New()
	for _, f := range fixtures {
		for _, call := range f.Calls {
			text, err := protojson.Marshal(call.Request)
			if err != nil {
				return "", err
			}
			// The text of protocol buffers differs from build to build in its spaces.
			var canonical any
			if err := json.Unmarshal(text, &canonical); err != nil {
				return "", err
			}
			if err := json.NewEncoder(sum).Encode([]any{f.Name, call.Method, canonical}); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}
