package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"checkpoint-storage/test/internal/calls"
	"checkpoint-storage/tools/catalog"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// record stands in for mount and umount: it writes down its arguments, and does nothing.
const record = `#!/bin/sh
{ printf '%s' "${0##*/}"; printf ' %s' "$@"; echo; } >> "$COMMANDS"
`

// bind stands in for a program whose mount the driver waits for: it also binds a directory on its last argument.
const bind = record + `for last; do :; done
exec /bin/mount --bind "${COMMANDS%/*}/bin" "$last"
`

// publish is where the kubelet has a volume of a pod published, which some drivers read the pod's and the volume's name out of.
const publish = "var/lib/kubelet/pods/6d7c2a4e-4d1f-4b52-9f5c-0f4a1f0c7f10/volumes/kubernetes.io~csi/checkpoints/mount"

// fsGroup is the group of the pods, which is their securityContext's.
const fsGroup = "1000"

// patience is how long a call may take; a call to a cloud that is not there takes longer.
const patience = 5 * time.Second

// requestID is the number that a cloud's answer has in the messages of AWS's library.
var requestID = regexp.MustCompile("RequestID: [^ ,]*,")

// descriptor is the open file that a FUSE mount is given.
var descriptor = regexp.MustCompile(",fd=[0-9]+")

// grace is how long a process may take to end; several end their work at SIGTERM, and stay.
const grace = 2 * time.Second

// driver is a running driver.
type driver struct {
	processes []*exec.Cmd
	log       *journal
	// connection is to the node's part, and controller to the controller, which is mostly the same.
	connection, controller *grpc.ClientConn
	// directory is the judge's own, with the stand-ins, their record, and the paths that volumes are mounted on.
	directory string
	// secrets are added to those of every call that has any.
	secrets map[string]string
	node    map[csi.NodeServiceCapability_RPC_Type]bool
	// attachment is what the driver answered when it attached the volume that is next mounted.
	attachment map[string]string
	// provisions says that it has a controller that makes volumes, and attaches that it has one that attaches them.
	provisions, attaches bool
	// noMetadata says that its provisioner does not name claim and volume among the parameters.
	noMetadata bool
	// severalWriters says that its controller tells volumes of one writing pod from those of several on one node.
	severalWriters bool
	// attachesReadOnly says that its controller takes the attribute of volumes that are only read.
	attachesReadOnly bool
	// nodeID is what it calls the node, where that is not the node's name, and topology where it says that the node is.
	nodeID   string
	topology *csi.Topology
	// placed says that its volumes are in places, and it makes one where its pod is.
	placed bool
}

// journal is what the driver's processes write, at the same time.
type journal struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (j *journal) Write(text []byte) (int, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.Write(text)
}

func (j *journal) String() string {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.String()
}

// start runs the driver's program, and its controller's where that is another, and asks what it can do.
func start(ctx context.Context, program, controller string, run catalog.Run) (*driver, error) {
	directory, err := os.MkdirTemp("", "judge-")
	if err != nil {
		return nil, err
	}
	d := &driver{directory: directory, log: &journal{}, secrets: run.Secrets, nodeID: run.Node, noMetadata: run.NoMetadata, node: map[csi.NodeServiceCapability_RPC_Type]bool{}}
	if err := d.standIns(run.Mounts); err != nil {
		return nil, err
	}
	if d.connection, err = d.run(ctx, program, "csi.sock", run.Environment, run.Arguments); err != nil {
		d.stop()
		return nil, err
	}
	d.controller = d.connection
	if len(run.Controller) > 0 {
		if d.controller, err = d.run(ctx, controller, "controller.sock", run.Environment, run.Controller); err != nil {
			d.stop()
			return nil, err
		}
	}
	if err := d.learn(ctx); err != nil {
		d.stop()
		return nil, fmt.Errorf("%w; the driver's log:\n%s", err, d.log)
	}
	return d, nil
}

// standIns writes the programs that stand in for mount and its like.
func (d *driver) standIns(mounts []string) error {
	bin := filepath.Join(d.directory, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	scripts := map[string]string{"mount": record, "umount": record}
	for _, name := range mounts {
		scripts[name] = bind
	}
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// run starts a program of the driver, and connects to its socket.
func (d *driver) run(ctx context.Context, program, socket string, environment, arguments []string) (*grpc.ClientConn, error) {
	endpoint := "unix://" + filepath.Join(d.directory, socket)
	fill := strings.NewReplacer("{endpoint}", endpoint, "{directory}", d.directory)
	filled := func(texts []string) (out []string) {
		for _, text := range texts {
			out = append(out, fill.Replace(text))
		}
		return out
	}
	process := exec.CommandContext(ctx, program, filled(arguments)...)
	process.Dir, process.Stdout, process.Stderr = d.directory, d.log, d.log
	process.Env = append(os.Environ(), "PATH="+filepath.Join(d.directory, "bin")+":"+os.Getenv("PATH"), "COMMANDS="+d.commandsFile())
	process.Env = append(process.Env, filled(environment)...)
	if err := process.Start(); err != nil {
		return nil, err
	}
	d.processes = append(d.processes, process)
	return grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// learn waits for the driver, and reads its capabilities.
func (d *driver) learn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := csi.NewIdentityClient(d.connection).GetPluginInfo(ctx, &csi.GetPluginInfoRequest{}, grpc.WaitForReady(true)); err != nil {
		return err
	}
	if plugin, err := csi.NewIdentityClient(d.controller).GetPluginCapabilities(ctx, &csi.GetPluginCapabilitiesRequest{}, grpc.WaitForReady(true)); err == nil {
		for _, c := range plugin.Capabilities {
			d.placed = d.placed || c.GetService().GetType() == csi.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS
		}
	}
	node, err := csi.NewNodeClient(d.connection).NodeGetCapabilities(ctx, &csi.NodeGetCapabilitiesRequest{})
	if err != nil {
		return err
	}
	for _, c := range node.Capabilities {
		d.node[c.GetRpc().GetType()] = true
	}
	if info, err := csi.NewNodeClient(d.connection).NodeGetInfo(ctx, &csi.NodeGetInfoRequest{}); err == nil {
		d.nodeID, d.topology = cmp.Or(d.nodeID, info.NodeId), info.AccessibleTopology
	}
	// A driver may run as a node's alone.
	controller, err := csi.NewControllerClient(d.controller).ControllerGetCapabilities(ctx, &csi.ControllerGetCapabilitiesRequest{}, grpc.WaitForReady(true))
	if err != nil {
		return nil
	}
	for _, c := range controller.Capabilities {
		d.provisions = d.provisions || c.GetRpc().GetType() == csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME
		d.severalWriters = d.severalWriters || c.GetRpc().GetType() == csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER
		d.attaches = d.attaches || c.GetRpc().GetType() == csi.ControllerServiceCapability_RPC_PUBLISH_UNPUBLISH_VOLUME
		d.attachesReadOnly = d.attachesReadOnly || c.GetRpc().GetType() == csi.ControllerServiceCapability_RPC_PUBLISH_READONLY
	}
	return nil
}

func (d *driver) stop() {
	for _, connection := range []*grpc.ClientConn{d.connection, d.controller} {
		if connection != nil {
			_ = connection.Close()
		}
	}
	for _, process := range d.processes {
		_ = process.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(grace, func() { _ = process.Process.Kill() })
		_ = process.Wait()
		kill.Stop()
	}
	_ = os.RemoveAll(d.directory)
}

func (d *driver) commandsFile() string { return filepath.Join(d.directory, "commands") }

// ask sends a fixture's calls, until one fails, and undoes what they did.
func (d *driver) ask(ctx context.Context, f calls.Fixture) ([]catalog.Answer, error) {
	defer func() {
		for _, name := range []string{publish, calls.Staging} {
			path := filepath.Join(d.directory, name)
			// A bind mount is mounted a second time for its options; what is left of it would be removed with its directory.
			for syscall.Unmount(path, syscall.MNT_DETACH) == nil {
			}
			_ = os.RemoveAll(path)
		}
	}()
	for _, path := range []string{calls.Staging, filepath.Dir(publish)} {
		if err := os.MkdirAll(filepath.Join(d.directory, path), 0o750); err != nil {
			return nil, err
		}
	}
	d.attachment = nil
	var answers []catalog.Answer
	var undo []func(context.Context)
	defer func() {
		for _, one := range slices.Backward(undo) {
			one(ctx)
		}
	}()
	for _, call := range f.Calls {
		send := d.method(call)
		if send == nil {
			continue
		}
		if err := os.WriteFile(d.commandsFile(), nil, 0o600); err != nil {
			return nil, err
		}
		one, cancel := context.WithTimeout(ctx, patience)
		after, err := send(one)
		undo = append(undo, after)
		commands, readErr := d.commands()
		if readErr != nil {
			cancel()
			return nil, readErr
		}
		answer := catalog.Answer{Call: call.Method, Code: status.Code(err).String(), Message: d.plain(status.Convert(err).Message()), Commands: commands}
		if status.Code(err) == codes.Unavailable && (strings.Contains(answer.Message, "dial unix") || strings.HasSuffix(answer.Message, "EOF")) {
			cancel()
			return nil, fmt.Errorf("the driver ended at %s; its log:\n%s", call.Method, d.log)
		}
		if status.Code(err) == codes.DeadlineExceeded || one.Err() != nil {
			answer.Code, answer.Message = catalog.Unanswered, fmt.Sprintf("no answer within %v", patience)
		}
		answers = append(answers, answer)
		cancel()
		if err != nil {
			break
		}
	}
	return answers, nil
}

// method returns what sends the call as this driver gets it, and gives back what undoes it; nil where Kubernetes would not
// send it.
func (d *driver) method(call calls.Call) func(context.Context) (undo func(context.Context), err error) {
	node, controller := csi.NewNodeClient(d.connection), csi.NewControllerClient(d.controller)
	stages := d.node[csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME]
	staging, target := filepath.Join(d.directory, calls.Staging), filepath.Join(d.directory, publish)
	switch request := proto.Clone(call.Request).(type) {
	case *csi.NodeStageVolumeRequest:
		if !stages {
			return nil
		}
		request.StagingTargetPath, request.PublishContext = staging, d.attachment
		d.asKubelet(request.VolumeCapability, request.Secrets)
		return func(ctx context.Context) (func(context.Context), error) {
			_, err := node.NodeStageVolume(ctx, request)
			return func(ctx context.Context) {
				_, _ = node.NodeUnstageVolume(ctx, &csi.NodeUnstageVolumeRequest{VolumeId: request.VolumeId, StagingTargetPath: staging})
			}, err
		}
	case *csi.NodePublishVolumeRequest:
		request.TargetPath, request.PublishContext = target, d.attachment
		d.asKubelet(request.VolumeCapability, request.Secrets)
		if stages {
			request.StagingTargetPath = staging
		}
		return func(ctx context.Context) (func(context.Context), error) {
			_, err := node.NodePublishVolume(ctx, request)
			return func(ctx context.Context) {
				_, _ = node.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{VolumeId: request.VolumeId, TargetPath: target})
			}, err
		}
	case *csi.ControllerPublishVolumeRequest:
		if !d.attaches {
			return nil
		}
		d.asSidecar(request.VolumeCapability, request.Secrets)
		request.NodeId, request.Readonly = cmp.Or(d.nodeID, request.NodeId), request.Readonly && d.attachesReadOnly
		return func(ctx context.Context) (func(context.Context), error) {
			attached, err := controller.ControllerPublishVolume(ctx, request)
			d.attachment = attached.GetPublishContext()
			return func(ctx context.Context) {
				_, _ = controller.ControllerUnpublishVolume(ctx, &csi.ControllerUnpublishVolumeRequest{VolumeId: request.VolumeId, NodeId: request.NodeId, Secrets: request.Secrets})
			}, err
		}
	case *csi.CreateVolumeRequest:
		if !d.provisions {
			return nil
		}
		d.asSidecar(request.VolumeCapabilities[0], request.Secrets)
		if d.noMetadata {
			maps.DeleteFunc(request.Parameters, func(key, _ string) bool { return strings.HasPrefix(key, "csi.storage.k8s.io/") })
		}
		if d.placed && d.topology != nil {
			// The class may allow the volume several places.
			here := []*csi.Topology{d.topology}
			if len(call.Places) > 0 {
				here = call.Places
			}
			request.AccessibilityRequirements = &csi.TopologyRequirement{Requisite: here, Preferred: here}
		}
		return func(ctx context.Context) (func(context.Context), error) {
			made, err := controller.CreateVolume(ctx, request)
			return func(ctx context.Context) {
				if made != nil {
					_, _ = controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: made.Volume.VolumeId, Secrets: request.Secrets})
				}
			}, err
		}
	}
	return nil
}

// asKubelet makes a call what the kubelet makes of it for a driver of these capabilities: it knows modes of one node that
// write from one pod or from many, and leaves the pod's fsGroup to a driver that takes it.
func (d *driver) asKubelet(capability *csi.VolumeCapability, secrets map[string]string) {
	ofOneNode(capability, d.node[csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER])
	if mount := capability.GetMount(); mount != nil && d.node[csi.NodeServiceCapability_RPC_VOLUME_MOUNT_GROUP] {
		mount.VolumeMountGroup = fsGroup
	}
	d.addSecrets(secrets)
}

// asSidecar makes a call what the attacher and the provisioner make of it.
func (d *driver) asSidecar(capability *csi.VolumeCapability, secrets map[string]string) {
	ofOneNode(capability, d.severalWriters)
	d.addSecrets(secrets)
}

// ofOneNode gives the finer mode to a driver that knows it.
func ofOneNode(capability *csi.VolumeCapability, known bool) {
	mode := capability.AccessMode
	switch {
	case mode.Mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER && !known:
		mode.Mode = csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER
	case mode.Mode == csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER && known:
		mode.Mode = csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER
	}
}

func (d *driver) addSecrets(secrets map[string]string) {
	if secrets != nil {
		maps.Copy(secrets, d.secrets)
	}
}

// commands are the mounts since the file was emptied, each once.
func (d *driver) commands() ([]string, error) {
	text, err := os.ReadFile(d.commandsFile())
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		line = d.plain(strings.TrimSpace(line))
		// The mount library tries at its start whether umount knows symbolic links.
		if !strings.HasPrefix(line, "umount") && !strings.Contains(line, "kubelet-detect-safe-umount") && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out, nil
}

// traced is a line of a stack's trace in a message: the file in the place where the driver was built, or in its module.
var traced = regexp.MustCompile(`\n\t\S+\.go:\d+`)

// plain takes out of a text what differs from run to run.
func (d *driver) plain(text string) string {
	text = strings.NewReplacer(filepath.Join(d.directory, publish), "{directory}/"+calls.Target, d.directory, "{directory}").Replace(text)
	text = traced.ReplaceAllString(text, "")
	return strings.TrimSpace(descriptor.ReplaceAllString(requestID.ReplaceAllString(text, "RequestID: ,"), ",fd="))
}
