package install

import (
	"encoding/json"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// zones lends the workers labels, so that they are in the zone that a volume is in. Two volumes in different zones
// wait for each other; the pods themselves are placed by the volume's own node affinity.
type zones struct {
	client  *kubernetes.Clientset
	cluster cluster.Cluster
	lock    sync.Mutex
	free    *sync.Cond
	lent    map[string]string
	holders map[string]int
}

func newZones(t *testing.T, c cluster.Cluster, client *kubernetes.Clientset) *zones {
	l := &zones{client: client, cluster: c, lent: map[string]string{}, holders: map[string]int{}}
	l.free = sync.NewCond(&l.lock)
	t.Cleanup(func() {
		taken := map[string]*string{}
		for key := range l.lent {
			taken[key] = nil
		}
		l.patch(t, taken)
	})
	return l
}

// borrow waits until the workers can have the labels, and gives them back when the test ends. A node keeps its own name.
func (l *zones) borrow(t *testing.T, wanted map[string]string) {
	t.Helper()
	delete(wanted, corev1.LabelHostname)
	if len(wanted) == 0 {
		return
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	for l.taken(wanted) {
		l.free.Wait()
	}
	change := map[string]*string{}
	for key, value := range wanted {
		if l.lent[key] != value {
			change[key] = &value
		}
		l.lent[key] = value
		l.holders[key]++
	}
	t.Cleanup(func() {
		l.lock.Lock()
		defer l.lock.Unlock()
		for key := range wanted {
			l.holders[key]--
		}
		l.free.Broadcast()
	})
	l.patch(t, change)
}

func (l *zones) taken(wanted map[string]string) bool {
	for key, value := range wanted {
		if l.holders[key] > 0 && l.lent[key] != value {
			return true
		}
	}
	return false
}

func (l *zones) patch(t *testing.T, change map[string]*string) {
	t.Helper()
	if len(change) == 0 {
		return
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": change}})
	require.NoError(t, err)
	for _, node := range l.cluster.Workers() {
		_, err := l.client.CoreV1().Nodes().Patch(cleanup(t), node, types.MergePatchType, text, metav1.PatchOptions{})
		require.NoError(t, err)
	}
}

// zonesOfVolume are the labels that a node needs for the volume, but for its own name.
func zonesOfVolume(pv *corev1.PersistentVolume) map[string]string {
	out := map[string]string{}
	if pv.Spec.NodeAffinity == nil || pv.Spec.NodeAffinity.Required == nil {
		return out
	}
	for _, expression := range pv.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions {
		if len(expression.Values) > 0 {
			out[expression.Key] = expression.Values[0]
		}
	}
	return out
}

func zonesOfClass(class *storagev1.StorageClass) map[string]string {
	out := map[string]string{}
	for _, term := range class.AllowedTopologies {
		for _, expression := range term.MatchLabelExpressions {
			out[expression.Key] = expression.Values[0]
		}
	}
	return out
}
