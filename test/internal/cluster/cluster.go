// Package cluster is the kind cluster that `make cluster` made, as the tests see it.
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/require"
)

// Cluster says how to reach the cluster and the containers that are its nodes.
type Cluster struct {
	name, kubeconfig, dockerHost string
	trainer, csiDriver           string

	storage Storage
}

// Storage is a third worker that serves NFS and iSCSI to itself; its kernel can mount both.
type Storage struct {
	// Node is its name; "" where it cannot be had, for the reason that Missing gives.
	Node, Missing string
	// Address is where it serves, IQN the name of its iSCSI target.
	Address, IQN string
}

// Open reads what `make cluster` wrote. Without a cluster the test fails: what it is to prove cannot be seen.
func Open(t *testing.T) Cluster {
	t.Helper()
	c, err := Read()
	require.NoError(t, err)
	return c
}

// spare is held by the test that has the spare cluster.
var spare sync.Mutex

// Alone gives the test a second cluster for itself until it ends, to stop what all tests of a cluster count on.
func Alone(t *testing.T) Cluster {
	t.Helper()
	c, err := read("spare", "spare-cluster")
	require.NoError(t, err)
	spare.Lock()
	t.Cleanup(spare.Unlock)
	return c
}

// Read is Open for what is no test.
func Read() (Cluster, error) { return read(".", "cluster") }

// read reads the facts that `make target` wrote to a folder of .build.
func read(folder, target string) (Cluster, error) {
	text, err := os.ReadFile(filepath.Join(charts.Root(), ".build", folder, "cluster.env"))
	if err != nil {
		return Cluster{}, fmt.Errorf("there is no cluster; `make %s` makes one: %w", target, err)
	}
	facts := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, "=")
		facts[key] = value
	}
	return Cluster{
		name: facts["CLUSTER"], kubeconfig: facts["KUBECONFIG"], dockerHost: facts["DOCKER_HOST"], trainer: facts["TRAINER_IMAGE"],
		storage: Storage{
			Node: facts["STORAGE_NODE"], Missing: facts["STORAGE_MISSING"],
			Address: facts["STORAGE_ADDRESS"], IQN: facts["STORAGE_IQN"],
		},
		csiDriver: facts["CSI_DRIVER_IMAGE"],
	}, nil
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (c Cluster) Kubeconfig() string { return c.kubeconfig }

// Workers are the names of the two nodes that pods are scheduled to.
func (c Cluster) Workers() [2]string {
	return [2]string{c.name + "-worker", c.name + "-worker2"}
}

// ControlPlane is the name of the node that the API server runs on.
func (c Cluster) ControlPlane() string { return c.name + "-control-plane" }

// Storage is the storage node.
func (c Cluster) Storage() Storage { return c.storage }

// storageUsers counts the tests that use the storage node.
var storageUsers struct {
	sync.Mutex
	count int
}

// UseStorage has the storage node up until the test ends, and still after the last such test: while it is up, it takes from
// the rest of the machine.
func (c Cluster) UseStorage(t *testing.T) {
	t.Helper()
	count := func(one, alone int, what string) {
		storageUsers.Lock()
		defer storageUsers.Unlock()
		if storageUsers.count == alone {
			command := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", filepath.Join(charts.Root(), "ci", "storage-node.sh"), what)
			out, err := command.CombinedOutput()
			require.NoError(t, err, "storage node %s: %s", what, out)
		}
		storageUsers.count += one
	}
	count(+1, 0, "up")
	t.Cleanup(func() { count(-1, 1, "pause") })
}

// Trainer is an image with PyTorch and fio that the workers have.
func (c Cluster) Trainer() string { return c.trainer }

// Docker runs a command of the engine that the nodes are containers of, such as stop with a node's name.
func (c Cluster) Docker(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "docker", args...)
	command.Env = append(os.Environ(), "DOCKER_HOST="+c.dockerHost)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// CSIDriverImage is the image of the tests' CSI driver, which the workers have.
func (c Cluster) CSIDriverImage() string { return c.csiDriver }

// Exec runs a shell script as root on a node and returns what it prints.
func (c Cluster) Exec(ctx context.Context, node, script string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, "docker", "exec", node, "sh", "-euc", script)
	if node == c.storage.Node {
		command = exec.CommandContext(ctx, "kubectl", "--kubeconfig", c.kubeconfig, "--namespace", "kube-system",
			"exec", "storage-shell", "--", "chroot", "/guest", "sh", "-euc", script)
	}
	command.Env = append(os.Environ(), "DOCKER_HOST="+c.dockerHost)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("on node %s: %s: %w: %s", node, script, err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}
