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

// defaultClass is the cluster's default class.
const defaultClass = "standard"

// TestDoctorAlone is TestDoctor for scenarios that change the cluster: its default class, and cordoned nodes.
func TestDoctorAlone(t *testing.T) {
	t.Parallel()
	c := cluster.Alone(t)
	table := newDoctorTable(aloneScenarios)
	t.Cleanup(func() { table.compare(t) })
	for _, a := range aloneScenarios {
		t.Run(a.title, func(t *testing.T) {
			b := newBrokenStore(t, c, a, byHand)
			t.Cleanup(func() { b.isDefault(`"true"`) })
			a.prove(b, byHand, table)
		})
	}
}

var aloneScenarios = []scenario{
	{
		title: "the claim names no class and the cluster has no default class",
		breaks: func(b *brokenStore) {
			b.isDefault("null")
			b.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `size="1Gi"`)
		},
		id: "no-default-class", says: []string{"has no storage class", "no default class"},
		repair: func(b *brokenStore) { b.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "a claim created by others names no class and the cluster has no default class",
		breaks: func(b *brokenStore) {
			b.isDefault("null")
			b.publish()
			b.claimOfOthers(release)
		},
		id: "no-default-class", says: []string{"has no storage class", "no default class"},
		repair: func(b *brokenStore) { b.train("trainer", nil) }, mended: isBound,
	},
	{
		title: "the cluster has two default classes",
		breaks: func(b *brokenStore) {
			class := &storagev1.StorageClass{
				ObjectMeta:  metav1.ObjectMeta{Name: b.ns + ".second", Annotations: map[string]string{storagev1IsDefault: "true"}},
				Provisioner: "rancher.io/local-path", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
			}
			_, err := b.client.StorageV1().StorageClasses().Create(b.t.Context(), class, create)
			require.NoError(b.t, err)
			b.helm("install", release, charts.Chart(), "--set", "backend=csi,provisioning=dynamic,csi.driver=absent.csi.example.com,size=1Gi")
			b.train("trainer", nil)
			b.bound(release)
		},
		id: "two-default-classes", says: []string{"has 2 default classes", "it got $NS.second"}, note: true,
		mended: func(b *brokenStore) {
			b.bound(release)
			b.healthy()
		},
	},
	{
		title: "the volume is on a node that is cordoned",
		breaks: func(b *brokenStore) {
			node := b.cluster.Workers()[0]
			b.t.Cleanup(func() { b.cordon(node, false) })
			b.cordon(node, true)
			b.makeDir()
			b.install(b.onFirst("hostPath")...)
			b.train("trainer", nil)
		},
		id: "node-not-ready", says: []string{"worker is cordoned"}, mended: runs("trainer"),
	},
}

// cordon cordons or uncordons a node.
func (b *brokenStore) cordon(node string, off bool) {
	b.t.Helper()
	_, err := b.client.CoreV1().Nodes().Patch(cleanup(b.t), node, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, off), metav1.PatchOptions{})
	require.NoError(b.t, err)
}

const storagev1IsDefault = "storageclass.kubernetes.io/is-default-class"

// isDefault sets the default-class annotation of the cluster's class, as a JSON value.
func (b *brokenStore) isDefault(value string) {
	b.t.Helper()
	_, err := b.client.StorageV1().StorageClasses().Patch(cleanup(b.t), defaultClass, types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"`+storagev1IsDefault+`":`+value+`}}}`), metav1.PatchOptions{})
	require.NoError(b.t, err)
}
