package sidecar

import (
	"context"
	"fmt"
	"time"

	"github.com/kubernetes-csi/csi-lib-utils/metrics"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/controller"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/csi"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/features"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/modifier"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/modifycontroller"
	"github.com/kubernetes-csi/external-resizer/v2/pkg/resizer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/component-base/featuregate"
)

// infeasible is after what time a resize is tried again that the driver has refused for good.
const infeasible = 5 * time.Second

// The resizer and the provisioner both add the gate VolumeAttributesClass, with other defaults; of the one whose package is
// initialized second, here the resizer's, none is added. These two are its others, with their defaults.
func init() {
	utilruntime.Must(utilfeature.DefaultMutableFeatureGate.Add(map[featuregate.Feature]featuregate.FeatureSpec{
		features.AnnotateFsResize:            {Default: true, PreRelease: featuregate.Beta},
		features.ReleaseLeaderElectionOnExit: {Default: false, PreRelease: featuregate.Alpha},
	}))
}

// Resize grows and modifies the volumes of claims of the driver that serves the socket: with the code of the external-resizer
// that real drivers come with.
func Resize(ctx context.Context, client kubernetes.Interface, driver, socket string) error {
	conn, err := csi.New(ctx, "unix://"+socket, timeout, metrics.NewCSIMetricsManagerForSidecar(driver))
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	// The controllers add indices of their own to the informers.
	factory := informers.NewSharedInformerFactory(client, resync)
	grows, err := resizer.NewResizerFromClient(conn, timeout, client, driver)
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	modifies, err := modifier.NewModifierFromClient(conn, timeout, client, factory, false, driver)
	if err != nil {
		return fmt.Errorf("driver %s: %w", driver, err)
	}
	limit := func() workqueue.TypedRateLimiter[string] {
		return workqueue.NewTypedItemExponentialFailureRateLimiter[string](500*time.Millisecond, 5*time.Second)
	}
	resizes := controller.NewResizeController(driver, grows, client, resync, factory, limit(), true, infeasible)
	changes := modifycontroller.NewModifyController(driver, modifies, client, resync, infeasible, false, factory, limit())
	factory.Start(ctx.Done())
	go resizes.Run(2, ctx, nil)
	go changes.Run(2, ctx, nil)
	return nil
}
