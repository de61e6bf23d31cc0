package csi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

// Key tells the call from every other.
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

// Records are the calls so far, of all nodes and of the provisioner, for those volumes that fit says.
func (i *Installation) Records(t require.TestingT, fits func(Record) bool) []Record {
	pods, err := i.client.CoreV1().Pods(namespace).List(context.Background(), metav1.ListOptions{LabelSelector: "csi-driver"})
	require.NoError(t, err)
	var out []Record
	for _, pod := range pods.Items {
		log, err := i.client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(context.Background())
		require.NoError(t, err)
		lines := bufio.NewScanner(bytes.NewReader(log))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			// What is no record is the driver's own complaint; it is for people.
			if !bytes.HasPrefix(lines.Bytes(), []byte(`{"time":`)) {
				continue
			}
			var r Record
			require.NoError(t, json.Unmarshal(lines.Bytes(), &r), lines.Text())
			if fits(r) {
				out = append(out, r)
			}
		}
		require.NoError(t, lines.Err())
	}
	return out
}

// Fail has the driver refuse calls from now on, until the function that it returns is called or the driver goes. Empty
// fields of what is to be refused fit everything.
func (i *Installation) Fail(t *testing.T, f Failure) (stop func()) {
	t.Helper()
	text, err := json.Marshal(f)
	require.NoError(t, err)
	file := fmt.Sprintf("/mnt/shared/csi/failures/%d.json", time.Now().UnixNano())
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
	// Code is the name of a gRPC code such as PERMISSION_DENIED.
	Code    string `json:"code"`
	Message string `json:"message"`
}
