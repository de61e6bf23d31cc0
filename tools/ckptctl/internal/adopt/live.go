package adopt

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// Read reads a claim and its volume from a cluster. The class stays out: it is the cluster's, and other claims name it.
func Read(ctx context.Context, client kubernetes.Interface, namespace, claim string) (Store, error) {
	found, err := client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, claim, metav1.GetOptions{})
	if err != nil {
		return Store{}, err
	}
	var store Store
	if store.Claim, err = object("PersistentVolumeClaim", found); err != nil || found.Spec.VolumeName == "" {
		return store, err
	}
	volume, err := client.CoreV1().PersistentVolumes().Get(ctx, found.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return Store{}, fmt.Errorf("the volume of claim %s/%s: %w", namespace, claim, err)
	}
	store.Volume, err = object("PersistentVolume", volume)
	return store, err
}

func object(kind string, from runtime.Object) (Object, error) {
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(from)
	if out != nil {
		out["kind"] = kind
	}
	return out, err
}
