package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// definitions are the operators' CustomResourceDefinitions, in the modules that test/operators pins.
var definitions = map[string][]string{
	"sigs.k8s.io/jobset":                          {"config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"},
	"github.com/kubeflow/trainer/v2":              {"manifests/base/crds/trainer.kubeflow.org_trainjobs.yaml"},
	"github.com/kubeflow/training-operator":       {"manifests/base/crds/kubeflow.org_pytorchjobs.yaml"},
	"github.com/ray-project/kuberay/ray-operator": {"config/crd/bases/ray.io_rayclusters.yaml"},
}

// define has the API server know the kinds of a module, which test/operators pins, until the test is over.
func (s *store) define(t *testing.T, module string, files ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-C", charts.Operators(), "-m", "-f", "{{.Dir}}", module).Output()
	require.NoError(t, err, module)
	for _, file := range files {
		path := filepath.Join(strings.TrimSpace(string(out)), file)
		said, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), s.options.KubectlOptions, "apply", "--server-side", "--force-conflicts", "--filename", path)
		require.NoError(t, err, said)
		t.Cleanup(func() {
			_, err := k8s.RunKubectlAndGetOutputContextE(t, cleanup(t), s.options.KubectlOptions, "delete", "--filename", path)
			assert.NoError(t, err)
		})
		// A new CRD has no conditions yet, which is an error for kubectl wait.
		require.Eventually(t, func() bool {
			_, err := k8s.RunKubectlAndGetOutputContextE(t, t.Context(), s.options.KubectlOptions, "wait", "--for=condition=Established", "--timeout=60s", "--filename", path)
			return err == nil
		}, patience, time.Second, path)
	}
}

// TestWorkloadsAreAccepted has the API server validate every kind of workload of the training chart strictly, by the
// operators' CRDs.
func TestWorkloadsAreAccepted(t *testing.T) {
	t.Parallel()
	s := newStore(t, "workloads", "restricted")
	kubectl := func(args ...string) (string, error) {
		return k8s.RunKubectlAndGetOutputContextE(t, t.Context(), s.options.KubectlOptions, args...)
	}
	for module, files := range definitions {
		s.define(t, module, files...)
	}
	chart := charts.TrainingJob(t)
	kinds, err := filepath.Glob(filepath.Join(chart, "templates/workloads/_*.tpl"))
	require.NoError(t, err)
	require.NotEmpty(t, kinds)
	for _, file := range kinds {
		kind := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "_"), ".tpl")
		for store, values := range map[string]string{
			"shared": `checkpoints={"hostPath": {"path": "/mnt/ckpt", "sharedMount": true}, "accessModes": ["ReadWriteMany"]}`,
			"shards": `checkpoints={"hostPath": {"path": "/mnt/{shard}"}, "shards": 4, "claim": {"name": "checkpoints-run-train"}}`,
		} {
			t.Run(kind+"/"+store, func(t *testing.T) {
				manifest, err := helm.RunHelmCommandAndGetStdOutContextE(t, t.Context(), s.options, "template", "run", chart,
					"--namespace", s.ns, "--set", "workload="+kind, "--set-json", values, "--set", "fastTier.enabled=true,fastTier.hostPath.path=/mnt/fast")
				if store == "shards" && err != nil {
					require.ErrorContains(t, err, "Fix: set workload to ")
					return
				}
				require.NoError(t, err)
				rendered := filepath.Join(t.TempDir(), "objects.yaml")
				require.NoError(t, os.WriteFile(rendered, []byte(manifest), 0o600))
				out, err := kubectl("create", "--dry-run=server", "--validate=strict", "--filename", rendered)
				require.NoError(t, err, out)
			})
		}
	}
}

// TestStatefulSetTakesShards installs the training as a StatefulSet on a store of shards: each pod mounts the shard of its
// number, the StatefulSet creates no claim, a killed pod returns to its shard, and the shards outlive both.
func TestStatefulSetTakesShards(t *testing.T) {
	t.Parallel()
	s := newStore(t, "stateful", "restricted")
	chart := charts.TrainingJob(t)
	root := "/mnt/checkpoints/stateful"
	run(t, s.cluster, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s/0 %[1]s/1; chmod 1777 %[1]s/0 %[1]s/1", root))
	values := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(values, []byte(`
workload: statefulSet
workers: 2
image: {repository: busybox, tag: 1.37.0}
command: [sh, -c, 'echo "$RANK of $WORLD_SIZE" >> $CHECKPOINT_DIR/seen; cat $CHECKPOINT_DIR/seen; exec sleep 3600']
terminationGracePeriodSeconds: 1
checkpoints:
  shards: 2
  claim: {name: checkpoints-run-train}
  hostPath: {path: "`+root+`/{shard}"}
  volume: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [`+s.cluster.Workers()[0]+`]}]}]}}}
`), 0o600))
	s.helm("install", "run", chart, "--values", values, "--wait", "--timeout", "120s")

	uids := map[string]string{}
	for i := range 2 {
		claim, volume := s.bound(fmt.Sprintf("checkpoints-run-train-%d", i))
		uids[claim.Name] = string(claim.UID)
		assert.Equal(t, fmt.Sprintf("%s/%d", root, i), volume.Spec.HostPath.Path)
	}
	said := func(pod, want string) {
		t.Helper()
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			log, _ := s.client.CoreV1().Pods(s.ns).GetLogs(pod, &corev1.PodLogOptions{}).DoRaw(t.Context())
			assert.Equal(c, want, string(log), s.events(pod))
		}, patience, interval)
	}
	said("run-train-0", "0 of 2\n")
	said("run-train-1", "1 of 2\n")
	require.NoError(t, s.client.CoreV1().Pods(s.ns).Delete(t.Context(), "run-train-1", metav1.DeleteOptions{}))
	said("run-train-1", "1 of 2\n1 of 2\n")

	same := func() {
		t.Helper()
		list, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		got := map[string]string{}
		for _, claim := range list.Items {
			got[claim.Name] = string(claim.UID)
			assert.Empty(t, claim.OwnerReferences, "a claim would go with the StatefulSet")
		}
		assert.Equal(t, uids, got)
	}
	same()
	s.helm("uninstall", "run", "--wait")
	same()
	s.helm("install", "run", chart, "--values", values, "--wait", "--timeout", "120s")
	said("run-train-1", "1 of 2\n1 of 2\n1 of 2\n")
	same()
}
