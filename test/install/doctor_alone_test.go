package install

import (
	"fmt"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// defaultClass is the class that the cluster gives to claims without one.
const defaultClass = "standard"

// TestDoctorAlone is TestDoctor for what changes the cluster: its default class, and whether a node takes pods.
func TestDoctorAlone(t *testing.T) {
	t.Parallel()
	c := cluster.Alone(t)
	table := newDoctorTable(ailmentsAlone)
	t.Cleanup(func() { table.compare(t) })
	for _, a := range ailmentsAlone {
		t.Run(a.title, func(t *testing.T) {
			w := newWard(t, c, a, byHand)
			t.Cleanup(func() { w.isDefault(`"true"`) })
			a.prove(w, byHand, table)
		})
	}
}

var ailmentsAlone = []ailment{
	{
		title: "the claim leaves its class to a cluster without a default one",
		breaks: func(w *ward) {
			w.isDefault("null")
			w.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `size="1Gi"`)
		},
		id: "no-default-class", says: []string{"names no storage class", "no default one"},
		repair: func(w *ward) { w.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "a claim of others leaves its class to a cluster without a default one",
		breaks: func(w *ward) {
			w.isDefault("null")
			w.publish()
			w.claimOfOthers(release)
		},
		id: "no-default-class", says: []string{"names no storage class", "no default one"},
		repair: func(w *ward) { w.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "the cluster has two default classes",
		breaks: func(w *ward) {
			class := &storagev1.StorageClass{
				ObjectMeta:  metav1.ObjectMeta{Name: w.ns + ".second", Annotations: map[string]string{storagev1IsDefault: "true"}},
				Provisioner: "rancher.io/local-path", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
			}
			_, err := w.client.StorageV1().StorageClasses().Create(w.t.Context(), class, create)
			require.NoError(w.t, err)
			w.helm("install", release, charts.Chart(), "--set", "backend=csi,provisioning=dynamic,csi.driver=absent.csi.example.com,size=1Gi")
			w.train("trainer", nil)
			w.bound(release)
		},
		id: "two-default-classes", says: []string{"has 2 default ones", "it got $NS.second"}, note: true,
		mended: func(w *ward) {
			w.bound(release)
			w.healthy()
		},
	},
	{
		title: "the volume is on a node that is cordoned",
		breaks: func(w *ward) {
			node := w.cluster.Workers()[0]
			w.t.Cleanup(func() { w.cordon(node, false) })
			w.cordon(node, true)
			w.makeDir()
			w.install(w.onFirst("hostPath")...)
			w.train("trainer", nil)
		},
		id: "node-not-ready", says: []string{"worker is cordoned"}, mended: runs("trainer"),
	},
}

// cordon has a node take no pods, or take them again.
func (w *ward) cordon(node string, off bool) {
	w.t.Helper()
	_, err := w.client.CoreV1().Nodes().Patch(cleanup(w.t), node, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, off), metav1.PatchOptions{})
	require.NoError(w.t, err)
}

const storagev1IsDefault = "storageclass.kubernetes.io/is-default-class"

// isDefault sets whether the cluster's class is a default one, as a JSON value.
func (w *ward) isDefault(value string) {
	w.t.Helper()
	_, err := w.client.StorageV1().StorageClasses().Patch(cleanup(w.t), defaultClass, types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"`+storagev1IsDefault+`":`+value+`}}}`), metav1.PatchOptions{})
	require.NoError(w.t, err)
}
