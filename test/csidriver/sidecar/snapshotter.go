package sidecar

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kubernetes-csi/csi-lib-utils/connection"
	"github.com/kubernetes-csi/csi-lib-utils/metrics"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	snapshotscheme "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned/scheme"
	snapshotinformers "github.com/kubernetes-csi/external-snapshotter/client/v8/informers/externalversions"
	common "github.com/kubernetes-csi/external-snapshotter/v8/pkg/common-controller"
	snapshotmetrics "github.com/kubernetes-csi/external-snapshotter/v8/pkg/metrics"
	sidecar "github.com/kubernetes-csi/external-snapshotter/v8/pkg/sidecar-controller"
	"github.com/kubernetes-csi/external-snapshotter/v8/pkg/snapshotter"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
)

// resync is how often the snapshot controllers look at everything again.
const resync = 15 * time.Second

// Snapshot takes the snapshots that VolumeSnapshots ask of the driver that serves the socket: with the code of the
// snapshot-controller, of which a cluster has one, and of the csi-snapshotter that real drivers come with. One driver
// can have it.
func Snapshot(ctx context.Context, client kubernetes.Interface, snapshotClient snapshots.Interface, core informers.SharedInformerFactory, driver, socket string) error {
	conn, err := connection.Connect(ctx, "unix://"+socket, metrics.NewCSIMetricsManagerForSidecar(driver))
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	// The controllers make references to objects of these kinds by client-go's own scheme.
	if err := snapshotscheme.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	factory := snapshotinformers.NewSharedInformerFactory(snapshotClient, 0)
	v1, groups := factory.Snapshot().V1(), factory.Groupsnapshot().V1beta2()
	limit := func() workqueue.TypedRateLimiter[string] {
		return workqueue.NewTypedItemExponentialFailureRateLimiter[string](500*time.Millisecond, 5*time.Second)
	}
	var done sync.WaitGroup
	controller := common.NewCSISnapshotCommonController(snapshotClient, client,
		v1.VolumeSnapshots(), v1.VolumeSnapshotContents(), v1.VolumeSnapshotClasses(),
		groups.VolumeGroupSnapshots(), groups.VolumeGroupSnapshotContents(), groups.VolumeGroupSnapshotClasses(),
		core.Core().V1().PersistentVolumeClaims(), core.Core().V1().PersistentVolumes(), nil,
		snapshotmetrics.NewMetricsManager(), resync, limit(), limit(), limit(), limit(), false, true, false)
	taker := sidecar.NewCSISnapshotSideCarController(snapshotClient, client, driver, v1.VolumeSnapshotContents(), v1.VolumeSnapshotClasses(),
		snapshotter.NewSnapshotter(conn), nil, timeout, resync, "snapshot", -1, "group", -1, false,
		limit(), false, groups.VolumeGroupSnapshotContents(), groups.VolumeGroupSnapshotClasses(), limit())
	factory.Start(ctx.Done())
	done.Add(2)
	go controller.Run(2, ctx.Done(), &done)
	go taker.Run(2, ctx.Done(), &done)
	return nil
}
