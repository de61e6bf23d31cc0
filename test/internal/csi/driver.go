// Package csi puts the tests' CSI driver on the cluster, under the names of drivers that no test machine can have, and
// records the kubelet's calls.
package csi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// ours marks what is in no namespace of an installation, with whose it is.
	ours = "checkpoint-storage-test"
	// patience is how long the driver may take to come up or to go.
	patience = 2 * time.Minute
)

// Driver is one driver to play, with what the CSIDriver object of its counterpart says.
type Driver struct {
	Name string `json:"name"`
	// Attach, FSGroup and PodInfo are attachRequired, fsGroupPolicy ("" for what Kubernetes takes) and podInfoOnMount.
	Attach  bool   `json:"attach"`
	FSGroup string `json:"fsGroup"`
	PodInfo bool   `json:"-"`
	// SELinux is seLinuxMount: a volume is mounted with the label of its pods, on a node that has SELinux.
	SELinux bool `json:"-"`
	// Nodes are the nodes that have the driver; every worker when empty.
	Nodes []string `json:"nodes,omitempty"`
	// Copies says that a volume can be made from another, and from a snapshot, of which the cluster has to know the kinds.
	Copies bool `json:"copies,omitempty"`
	// Grows says that a volume can be made larger, and modified by a volume attributes class.
	Grows bool `json:"grows,omitempty"`
}

// Installation is the driver on a cluster.
type Installation struct {
	cluster cluster.Cluster
	client  *kubernetes.Clientset
	// namespace is the installation's own; its folders on the nodes, and its cluster role, have that name too.
	namespace string

	lock    sync.Mutex
	records []Record
	seen    map[string]bool
}

// Install puts the driver on the cluster under every name of the list, waits until the kubelets know them, and removes
// all of it when the test ends. Several installations can be there at one time, each with a name and with drivers of its
// own.
func Install(t *testing.T, c cluster.Cluster, name string, drivers []Driver) *Installation {
	t.Helper()
	require.NotEmpty(t, c.CSIDriverImage(), "the workers have no CSI driver; ci/csi-driver.sh builds and loads it")
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	i := &Installation{cluster: c, client: client, namespace: "csi-driver-" + name, seen: map[string]bool{}}
	i.remove(t)
	t.Cleanup(func() { i.remove(t) })
	i.create(t, drivers)
	i.await(t, drivers)
	i.follow(t.Context(), t)
	return i
}

func (i *Installation) labels() map[string]string { return map[string]string{ours: i.namespace} }
func (i *Installation) selector() string          { return ours + "=" + i.namespace }

// Client speaks to the cluster that the driver is on.
func (i *Installation) Client() *kubernetes.Clientset { return i.client }

func (i *Installation) create(t *testing.T, drivers []Driver) {
	t.Helper()
	_, err := i.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: i.namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, d := range drivers {
		spec := storagev1.CSIDriverSpec{AttachRequired: &d.Attach, PodInfoOnMount: &d.PodInfo, SELinuxMount: &d.SELinux}
		if d.FSGroup != "" {
			policy := storagev1.FSGroupPolicy(d.FSGroup)
			spec.FSGroupPolicy = &policy
		}
		_, err := i.client.StorageV1().CSIDrivers().Create(t.Context(), &storagev1.CSIDriver{
			ObjectMeta: metav1.ObjectMeta{Name: d.Name, Labels: i.labels()}, Spec: spec,
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	list, err := json.Marshal(drivers)
	require.NoError(t, err)
	_, err = i.client.CoreV1().ConfigMaps(i.namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "drivers"}, Data: map[string]string{"drivers.json": string(list)},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	i.kubectl(t.Context(), t, i.manifest(t.Context(), t), "apply", "--filename", "-")
}

// await waits until every kubelet has said in its CSINode that it knows the drivers, and the controller runs.
func (i *Installation) await(t *testing.T, drivers []Driver) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		for _, name := range i.cluster.Workers() {
			known, err := i.client.StorageV1().CSINodes().Get(t.Context(), name, metav1.GetOptions{})
			if !assert.NoError(c, err) {
				return
			}
			for _, d := range drivers {
				has := slices.ContainsFunc(known.Spec.Drivers, func(n storagev1.CSINodeDriver) bool { return n.Name == d.Name })
				assert.Equal(c, len(d.Nodes) == 0 || slices.Contains(d.Nodes, name), has, "driver %s on node %s", d.Name, name)
			}
		}
		controller, err := i.client.AppsV1().Deployments(i.namespace).Get(t.Context(), "controller", metav1.GetOptions{})
		assert.NoError(c, err)
		assert.EqualValues(c, 1, controller.Status.AvailableReplicas, "the controller is not ready")
	}, patience, 500*time.Millisecond)
}

// remove takes the driver away, whether this run or one before it has put it there.
func (i *Installation) remove(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	_, err := i.client.CoreV1().Namespaces().Get(ctx, i.namespace, metav1.GetOptions{})
	if err == nil {
		i.kubectl(ctx, t, i.manifest(ctx, t), "delete", "--ignore-not-found", "--wait", "--filename", "-")
		i.kubectl(ctx, t, "", "delete", "namespace", i.namespace, "--wait")
		for _, node := range i.cluster.Workers() {
			_, err := i.cluster.Exec(ctx, node, "rm -rf /mnt/"+i.namespace+" /mnt/shared/"+i.namespace)
			require.NoError(t, err)
		}
	}
	i.removeSecrets(ctx, t)
	require.NoError(t, i.client.StorageV1().CSIDrivers().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: i.selector()}))
}

// manifest fills in what is this cluster's own.
func (i *Installation) manifest(ctx context.Context, t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(charts.Root(), "test", "csidriver", "deploy.yaml"))
	require.NoError(t, err)
	slices, err := i.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kubernetes"})
	require.NoError(t, err)
	require.NotEmpty(t, slices.Items)
	api := slices.Items[0]
	return strings.NewReplacer("$NAMESPACE", i.namespace, "$IMAGE", i.cluster.CSIDriverImage(),
		"$API_HOST", api.Endpoints[0].Addresses[0], "$API_PORT", fmt.Sprint(*api.Ports[0].Port)).Replace(string(text))
}

func (i *Installation) kubectl(ctx context.Context, t *testing.T, input string, args ...string) {
	t.Helper()
	command := exec.CommandContext(ctx, "kubectl", append([]string{"--kubeconfig", i.cluster.Kubeconfig(), "--namespace", i.namespace}, args...)...)
	command.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Run(), "kubectl %v: %s", args, &out)
}
