// Package driver is a CSI driver for tests. It registers with the kubelet under any number of driver names, mounts
// directories and loop devices, and records every request that it gets.
package driver

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// Driver is one driver that the process plays.
type Driver struct {
	// Name is the name that volumes and storage classes give.
	Name string `json:"name"`
	// Attach says that volumes are attached to a node before they are mounted there.
	Attach bool `json:"attach"`
	// FSGroup is the policy of the CSIDriver object: what the kubelet gives to a pod's group is root's own until then.
	FSGroup string `json:"fsGroup"`
	// Nodes are the nodes that have the driver; all when empty.
	Nodes []string `json:"nodes,omitempty"`
	// Copies says that a volume can be made from another, and from a snapshot of one.
	Copies bool `json:"copies,omitempty"`
	// Grows says that a volume can be made larger, and modified by a volume attributes class.
	Grows bool `json:"grows,omitempty"`
}

// Load reads a list of drivers from a JSON file.
func Load(file string) ([]Driver, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var drivers []Driver
	if err := json.Unmarshal(text, &drivers); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return drivers, nil
}

// on says whether the driver is installed on the node.
func (d Driver) on(node string) bool {
	return len(d.Nodes) == 0 || slices.Contains(d.Nodes, node)
}

// Places are the folders of a node that the driver works in.
type Places struct {
	// Kubelet is the kubelet's root.
	Kubelet string
	// Local keeps volumes of this node, Shared volumes that all nodes see; Shared also says which calls are to fail.
	Local, Shared string
}

// ServeNode registers every driver of the list with the kubelet and serves until the context ends.
func ServeNode(ctx context.Context, drivers []Driver, nodeName string, places Places) error {
	failed := make(chan error, 1)
	for _, d := range drivers {
		if !d.on(nodeName) {
			continue
		}
		// Sockets have short paths, and names of drivers may be long.
		id := short(d.Name)
		plugin := filepath.Join(places.Kubelet, "plugins", "csi-test-"+id, "csi.sock")
		if err := os.MkdirAll(filepath.Dir(plugin), 0o750); err != nil {
			return err
		}
		calls := recorder(d.Name, nodeName, filepath.Join(places.Shared, "failures"))
		server := grpc.NewServer(grpc.UnaryInterceptor(calls))
		csi.RegisterIdentityServer(server, identity{name: d.Name, grows: d.Grows})
		csi.RegisterNodeServer(server, &node{driver: d, name: nodeName, places: places})
		if err := serve(ctx, server, plugin, failed); err != nil {
			return err
		}
		// The kubelet calls the driver as soon as it finds the second socket.
		registration := grpc.NewServer()
		registerapi.RegisterRegistrationServer(registration, register{name: d.Name, endpoint: plugin})
		if err := serve(ctx, registration, filepath.Join(places.Kubelet, "plugins_registry", "csi-test-"+id+"-reg.sock"), failed); err != nil {
			return err
		}
	}
	return wait(ctx, failed)
}

// ServeController serves the controller service of one driver on a socket.
func ServeController(ctx context.Context, d Driver, socket string, places Places) error {
	failed := make(chan error, 1)
	server := grpc.NewServer(grpc.UnaryInterceptor(recorder(d.Name, "", filepath.Join(places.Shared, "failures"))))
	csi.RegisterIdentityServer(server, identity{name: d.Name, grows: d.Grows})
	csi.RegisterControllerServer(server, controller{driver: d, places: places})
	return serve(ctx, server, socket, failed)
}

func serve(ctx context.Context, server *grpc.Server, socket string, failed chan<- error) error {
	// A process that was killed leaves its socket.
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		if err := server.Serve(listener); err != nil && ctx.Err() == nil {
			select {
			case failed <- fmt.Errorf("%s: %w", socket, err):
			default:
			}
		}
	}()
	// The kubelet forgets a driver whose registration socket is gone.
	context.AfterFunc(ctx, server.Stop)
	return nil
}

func wait(ctx context.Context, failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		// Long enough for the listeners to take their sockets away.
		time.Sleep(200 * time.Millisecond)
		return nil
	}
}
