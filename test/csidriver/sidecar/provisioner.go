package sidecar

import (
	"context"
	"fmt"
	"time"

	csiprovisioner "github.com/kubernetes-csi/external-provisioner/v5/pkg/controller"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	csitrans "k8s.io/csi-translation-lib"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v11/controller"

	"github.com/kubernetes-csi/csi-lib-utils/connection"
	"github.com/kubernetes-csi/csi-lib-utils/metrics"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
)

// timeout is how long a driver may take to answer.
const timeout = 10 * time.Second

// Provision makes the volumes of claims whose class names the driver that serves the socket: with the code, and so with
// the rules for parameters and secrets, of the external-provisioner that real drivers come with.
func Provision(ctx context.Context, client kubernetes.Interface, snapshotClient snapshots.Interface, factory informers.SharedInformerFactory, driver, socket string) error {
	conn, err := connection.Connect(ctx, "unix://"+socket, metrics.NewCSIMetricsManagerForSidecar(driver))
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	plugin, controllerCapabilities, err := csiprovisioner.GetDriverCapabilities(conn, timeout)
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	classes, claims := factory.Storage().V1().StorageClasses(), factory.Core().V1().PersistentVolumeClaims()
	provisioner := csiprovisioner.NewCSIProvisioner(client, timeout, "test-"+driver, "pvc", -1, conn, snapshotClient, driver, plugin,
		controllerCapabilities, "", false, true, csitrans.New(), classes.Lister(), nil, nil, claims.Lister(), nil, nil,
		false, "", nil, false, true)
	// Claims are not among what all drivers share: the library adds its own index to their informer.
	provisions := controller.NewProvisionController(ctx, client, driver, provisioner,
		controller.LeaderElection(false),
		controller.FailedProvisionThreshold(0),
		controller.Threadiness(2),
		controller.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[any](500*time.Millisecond, 5*time.Second)),
		controller.ClassesInformer(classes.Informer()),
		controller.VolumesInformer(factory.Core().V1().PersistentVolumes().Informer()),
	)
	go provisions.Run(ctx)
	// What is being copied is kept from being deleted until the copy is there; nil where nothing can be copied.
	queue := workqueue.NewNamedRateLimitingQueue(workqueue.DefaultControllerRateLimiter(), driver) //nolint:staticcheck // What the external-provisioner takes.
	if protection := csiprovisioner.NewCloningProtectionController(client, claims.Lister(), claims.Informer(), queue, controllerCapabilities); protection != nil {
		go protection.Run(ctx, 1)
	}
	return nil
}
