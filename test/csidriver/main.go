// Command csidriver is the tests' CSI driver, under as many names as its configuration lists.
//
//	csidriver node         serves the kubelet of the node NODE_NAME
//	csidriver controller   attaches volumes and makes them, and their snapshots, for the whole cluster
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"checkpoint-storage/test/csidriver/driver"
	"checkpoint-storage/test/csidriver/sidecar"

	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	config := flag.String("drivers", "/etc/csidriver/drivers.json", "JSON list of the drivers to be")
	kubelet := flag.String("kubelet", "/var/lib/kubelet", "root of the kubelet")
	local := flag.String("local", "/mnt/csi", "folder for volumes of this node")
	shared := flag.String("shared", "/mnt/shared/csi", "folder for volumes that all nodes see, and for failures that tests ask for")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	drivers, err := driver.Load(*config)
	if err == nil {
		switch flag.Arg(0) {
		case "node":
			err = node(ctx, drivers, driver.Places{Kubelet: *kubelet, Local: *local, Shared: *shared})
		case "controller":
			err = controller(ctx, drivers, driver.Places{Shared: *shared})
		default:
			err = fmt.Errorf("usage: csidriver [flags] node|controller")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "csidriver:", err)
		os.Exit(1)
	}
}

func node(ctx context.Context, drivers []driver.Driver, places driver.Places) error {
	if err := driver.MakeLoopNodes(); err != nil {
		return err
	}
	return driver.ServeNode(ctx, drivers, os.Getenv("NODE_NAME"), places)
}

func controller(ctx context.Context, drivers []driver.Driver, places driver.Places) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 200
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	snapshotClient, err := snapshots.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	attached := map[string]bool{}
	for i, d := range drivers {
		attached[d.Name] = d.Attach
		socket := filepath.Join(os.TempDir(), strconv.Itoa(i)+".sock")
		if err := driver.ServeController(ctx, d, socket, places); err != nil {
			return err
		}
		if err := sidecar.Provision(ctx, client, snapshotClient, factory, d.Name, socket); err != nil {
			return err
		}
		if d.Grows {
			if err := sidecar.Resize(ctx, client, d.Name, socket); err != nil {
				return err
			}
		}
		if d.Copies {
			if err := sidecar.Snapshot(ctx, client, snapshotClient, factory, d.Name, socket); err != nil {
				return err
			}
		}
	}
	if err := sidecar.Attach(client, factory, attached); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	return nil
}
