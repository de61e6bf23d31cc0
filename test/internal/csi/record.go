package csi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Record is one call that the driver got.
type Record struct {
	Time   time.Time `json:"time"`
	Driver string    `json:"driver"`
	// Node is the node whose kubelet called; empty for a call of the provisioner.
	Node string `json:"node"`
	// Call is the method's name in the CSI specification, such as NodeStageVolume.
	Call    string  `json:"call"`
	Request Request `json:"request"`
	// Error is what the driver answered; empty when the call went well.
	Error string `json:"error"`
}

// Key identifies the call.
func (r Record) Key() string { return r.Time.String() + " " + r.Node + " " + r.Call }

// Request holds what the calls of the CSI specification that tests look at have in them, under the specification's names.
type Request struct {
	VolumeID         string            `json:"volumeId"`
	Name             string            `json:"name"`
	VolumeContext    map[string]string `json:"volumeContext"`
	PublishContext   map[string]string `json:"publishContext"`
	Parameters       map[string]string `json:"parameters"`
	Secrets          map[string]string `json:"secrets"`
	VolumeCapability Capability        `json:"volumeCapability"`
	// VolumeCapabilities is VolumeCapability in a call of the provisioner.
	VolumeCapabilities []Capability `json:"volumeCapabilities"`
	Readonly           bool         `json:"readonly"`
	CapacityRange      struct {
		RequiredBytes string `json:"requiredBytes"`
	} `json:"capacityRange"`
}

// Capability is how a volume is to be mounted.
type Capability struct {
	Mount *struct {
		FSType     string   `json:"fsType"`
		MountFlags []string `json:"mountFlags"`
	} `json:"mount"`
	Block      *struct{} `json:"block"`
	AccessMode struct {
		Mode string `json:"mode"`
	} `json:"accessMode"`
}

// Records are the calls so far, of all nodes and of the provisioner, that fit says, in the order in which they came in.
func (i *Installation) Records(fits func(Record) bool) []Record {
	i.lock.Lock()
	defer i.lock.Unlock()
	var out []Record
	for _, r := range i.records {
		if fits(r) {
			out = append(out, r)
		}
	}
	return out
}

// follow reads the driver's log on every node until the context ends. A stream that breaks is taken up again, from
// where it broke.
func (i *Installation) follow(ctx context.Context, t *testing.T) {
	t.Helper()
	pods, err := i.client.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "csi-driver"})
	require.NoError(t, err)
	for _, pod := range pods.Items {
		go func() {
			options := &corev1.PodLogOptions{Follow: true}
			for ctx.Err() == nil {
				if stream, err := i.client.CoreV1().Pods(i.namespace).GetLogs(pod.Name, options).Stream(ctx); err == nil {
					i.read(stream)
					_ = stream.Close()
				}
				options.SinceTime = i.latest(pod.Spec.NodeName)
				time.Sleep(500 * time.Millisecond)
			}
		}()
	}
}

func (i *Installation) read(log io.Reader) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Record
		// What is no record is the driver's own complaint; it is for people.
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Call == "" {
			continue
		}
		i.lock.Lock()
		if key := r.Key(); !i.seen[key] {
			i.seen[key] = true
			i.records = append(i.records, r)
		}
		i.lock.Unlock()
	}
}

// latest is when the last record of a node was made, or nil.
func (i *Installation) latest(node string) *metav1.Time {
	i.lock.Lock()
	defer i.lock.Unlock()
	for at := len(i.records) - 1; at >= 0; at-- {
		if i.records[at].Node == node {
			return &metav1.Time{Time: i.records[at].Time}
		}
	}
	return nil
}

// Fail has the driver refuse calls from now on, until the function that it returns is called or the driver goes. Empty
// fields of what is to be refused fit everything.
func (i *Installation) Fail(t *testing.T, f Failure) (stop func()) {
	t.Helper()
	text, err := json.Marshal(f)
	require.NoError(t, err)
	file := fmt.Sprintf("/mnt/shared/%s/failures/%d.json", i.namespace, time.Now().UnixNano())
	// Renamed into place: the driver must not read half of it.
	_, err = i.cluster.Exec(t.Context(), i.cluster.Workers()[0],
		fmt.Sprintf("mkdir -p %[1]s && cat >%[2]s.part <<'END'\n%[3]s\nEND\nmv %[2]s.part %[2]s", path.Dir(file), file, text))
	require.NoError(t, err)
	return func() {
		_, err := i.cluster.Exec(context.Background(), i.cluster.Workers()[0], "rm -f "+file)
		require.NoError(t, err)
	}
}

// Failure is what the driver answers to a call.
type Failure struct {
	Driver string `json:"driver"`
	Node   string `json:"node"`
	Volume string `json:"volume"`
	// Call is the method's name in the CSI specification.
	Call string `json:"call"`
	// Above is a size in bytes up to which a call goes through.
	Above int64 `json:"above"`
	// Code is the name of a gRPC code such as PERMISSION_DENIED.
	Code    string `json:"code"`
	Message string `json:"message"`
}
