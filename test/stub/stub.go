// Package stub serves a few objects as an API server does, so that a printed kubectl command can be run as it is where no
// cluster is.
package stub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// Server is an API server of the objects that it was given.
type Server struct {
	t *testing.T
	// Kubeconfig is the file that names the server, in its context c.
	Kubeconfig string
	dir        string
	mutex      sync.Mutex
	objects    map[string]runtime.Object
}

// Serve serves objects by the paths at which the API has them.
func Serve(t *testing.T, objects map[string]runtime.Object) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), objects: objects}
	s.Kubeconfig = filepath.Join(s.dir, "config")
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`, server.URL)
	require.NoError(t, os.WriteFile(s.Kubeconfig, []byte(config), 0o600))
	return s
}

// Run runs a line in a shell, with the kubectl that is installed, and returns what it prints.
func (s *Server) Run(line string) string {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), "bash", "-euo", "pipefail", "-c", line)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.Kubeconfig, "KUBECACHEDIR="+s.dir)
	out, err := command.CombinedOutput()
	require.NoError(s.t, err, "%s\n%s", line, out)
	return string(out)
}

// Node returns a node as it is now.
func (s *Server) Node(name string) *corev1.Node {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	node, ok := s.objects["/api/v1/nodes/"+name].(*corev1.Node)
	require.True(s.t, ok, name)
	return node
}

// discovered are the answers by which kubectl finds what the API has.
var discovered = map[string]any{
	"/api": metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}},
	"/apis": metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{
		{Name: "storage.k8s.io", Versions: []metav1.GroupVersionForDiscovery{{GroupVersion: "storage.k8s.io/v1", Version: "v1"}}},
	}},
	"/api/v1": resources("v1",
		metav1.APIResource{Name: "persistentvolumes", SingularName: "persistentvolume", Kind: "PersistentVolume", ShortNames: []string{"pv"}},
		metav1.APIResource{Name: "persistentvolumeclaims", SingularName: "persistentvolumeclaim", Kind: "PersistentVolumeClaim", ShortNames: []string{"pvc"}, Namespaced: true},
		metav1.APIResource{Name: "nodes", SingularName: "node", Kind: "Node"}),
	"/apis/storage.k8s.io/v1": resources("storage.k8s.io/v1", metav1.APIResource{Name: "storageclasses", SingularName: "storageclass", Kind: "StorageClass", ShortNames: []string{"sc"}}),
}

func resources(version string, all ...metav1.APIResource) metav1.APIResourceList {
	for i := range all {
		all[i].Verbs = metav1.Verbs{"get", "list", "patch"}
	}
	return metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: version, APIResources: all}
}

// ServeHTTP answers a request for an object, or one that changes it, or what kubectl asks for before.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answer, known := discovered[r.URL.Path]
	if object, there := s.objects[r.URL.Path]; there {
		answer, known = object, true
		if r.Method == http.MethodPatch {
			if err := patch(object, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if !known {
		w.WriteHeader(http.StatusNotFound)
		answer = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound, Message: r.URL.Path + " is not found"}
	}
	text, err := json.Marshal(answer)
	if err == nil {
		_, err = w.Write(text)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// patch merges a patch into an object.
func patch(object runtime.Object, r *http.Request) error {
	change, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	was, err := json.Marshal(object)
	if err != nil {
		return err
	}
	is, err := strategicpatch.StrategicMergePatch(was, change, object)
	if err != nil {
		return err
	}
	if node, ok := object.(*corev1.Node); ok {
		*node = corev1.Node{}
	}
	return json.Unmarshal(is, object)
}
