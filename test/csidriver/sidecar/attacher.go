// Package sidecar is what stands beside a CSI driver in a cluster: it attaches volumes, and makes them.
package sidecar

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Attach says of every attachment to one of the drivers that it is there, as an external-attacher does when the driver
// has attached the volume. The publish context names the node.
func Attach(client kubernetes.Interface, factory informers.SharedInformerFactory, drivers map[string]bool) error {
	informer := factory.Storage().V1().VolumeAttachments().Informer()
	attach := func(object any) {
		attachment, ok := object.(*storagev1.VolumeAttachment)
		if !ok || !drivers[attachment.Spec.Attacher] || attachment.Status.Attached || attachment.DeletionTimestamp != nil {
			return
		}
		patch, err := json.Marshal(map[string]any{"status": storagev1.VolumeAttachmentStatus{
			Attached: true, AttachmentMetadata: map[string]string{"attachedTo": attachment.Spec.NodeName},
		}})
		if err == nil {
			_, err = client.StorageV1().VolumeAttachments().Patch(context.Background(), attachment.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		}
		if err != nil && !apierrors.IsNotFound(err) {
			fmt.Fprintf(os.Stderr, "attach %s: %v\n", attachment.Name, err)
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    attach,
		UpdateFunc: func(_, object any) { attach(object) },
	})
	return err
}
