// Package install proves the chart on a real cluster: claims bind, pods mount them, and what was saved is found again.
package install

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The trainer's shell script: shards under a temporary name, flushed, published by one rename. Then it keeps saving until it
// is killed. A directory that existed before may hold the files of the last run.
const saveForever = `
set -eu
cd /checkpoints
rm -rf step-*
mkdir step-1.part
for rank in 0 1 2 3; do head -c 1048576 /dev/urandom > step-1.part/shard-$rank; done
(cd step-1.part && sha256sum shard-* > SHA256SUMS)
sync
mv step-1.part step-1
sync
grep ' /checkpoints ' /proc/mounts
echo saved
mkdir -p step-2.part
while :; do head -c 1048576 /dev/urandom > step-2.part/shard-0; sleep 0.2; done
`

const verify = `
cd /checkpoints/step-1
sha256sum -c SHA256SUMS
[ "$(cat shard-* | wc -c)" = 4194304 ]
`

// A raw device has no files: the bytes themselves are known beforehand.
const (
	saveToDevice = `
set -eu
yes checkpoint | head -c 8388608 | dd of=/checkpoints bs=1M iflag=fullblock conv=fsync
echo saved
while :; do sleep 1; done
`
	verifyDevice = `
want=$(yes checkpoint | head -c 8388608 | sha256sum)
got=$(dd if=/checkpoints bs=1M count=8 | sha256sum)
[ "$got" = "$want" ]
`
)

// TestConformance runs the steps that every backend must pass: bind, be written by a pod that is then killed, be read by
// another, pass the chart's own test, and keep claim and bytes over an uninstall.
func TestConformance(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	for _, f := range fixtures(t) {
		if !f.onStorage() {
			t.Run(f.backend+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				conform(t, c, f)
			})
		}
	}
}

// TestConformanceOnStorageNode is TestConformance for what only the storage node can serve and mount.
func TestConformanceOnStorageNode(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	heavy.Wait()
	// In parallel, but not with t.Parallel, which would wait for the other tests.
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, f := range fixtures(t) {
		if f.onStorage() && hasStorage(t, c, f.backend+"/"+f.name) {
			wait.Go(func() {
				t.Run(f.backend+"/"+f.name, func(t *testing.T) {
					c.UseStorage(t)
					conform(t, c, f)
				})
			})
		}
	}
}

// heavy counts the tests that use the whole machine. The storage node is emulated, and would time out beside them.
var heavy sync.WaitGroup

// isHeavy counts a test as heavy until it ends. It must be called before t.Parallel, so that waiting tests see all of them.
func isHeavy(t *testing.T) {
	heavy.Add(1)
	t.Cleanup(heavy.Done)
}

// hasStorage reports whether there is a storage node, and logs the skipped test if not.
func hasStorage(t *testing.T, c cluster.Cluster, test string) bool {
	t.Helper()
	if c.Storage().Node != "" {
		return true
	}
	require.NotEmpty(t, c.Storage().Missing, "there is no storage node, and no reason; `make storage-node` starts it")
	t.Logf("not run here: %s: %s", test, c.Storage().Missing)
	return false
}

func conform(t *testing.T, c cluster.Cluster, f fixture) {
	values := prepare(t, c, f)
	s := newStore(t, "conformance-"+f.id(), profile(t, values), values)
	claim := release
	if f.values.Claim.Existing != "" {
		claim = f.values.Claim.Existing
		s.claimOfOthers(claim)
	}
	save, check := saveForever, verify
	if f.block() {
		save, check = saveToDevice, verifyDevice
	}

	// A claim with WaitForFirstConsumer stays Pending until there is a pod, so Helm must not wait.
	if f.static() {
		s.install("--wait", "--timeout", "60s")
		s.bound(claim)
	} else {
		s.install()
	}

	writer := s.pod("writer", save)
	if f.many() {
		writer.Spec.NodeSelector = onNode(f.nodes(c)[0])
	}
	log := s.start(writer, "saved")
	pvc, pv := s.bound(claim)
	for _, option := range pv.Spec.MountOptions {
		// The kernel has other names for some file systems.
		assert.Contains(t, log, strings.Replace(option, "nfsvers=", "vers=", 1), "a mount option is not in force")
	}
	if f.static() {
		assert.Equal(t, release, pv.Spec.ClaimRef.Name)
	}

	reads := func() {
		t.Helper()
		reader := s.pod("reader", check)
		if f.many() {
			// On the other node, if there is one.
			reader.Spec.NodeSelector = onNode(f.nodes(c)[1])
		}
		s.launch(reader)
		s.succeeded("reader")
		s.kill("reader")
	}
	if f.many() {
		// While the writer is still writing.
		reads()
	}
	s.kill("writer")
	reads()

	served(t, f, s.helm("test", release))

	uid := pvc.UID
	s.helm("uninstall", release, "--wait")
	assert.Equal(t, uid, s.claimUID(claim), "the claim did not survive the uninstall")
	s.install()
	s.bound(claim)
	assert.Equal(t, uid, s.claimUID(claim), "the install took another claim")
	reads()

	if f.static() {
		// Without keep, both objects are deleted and the storage remains.
		s.helm("upgrade", release, charts.Chart(), "--reuse-values", "--set", "keep=false")
		s.helm("uninstall", release, "--wait")
		assert.Empty(t, s.claimUID(claim))
		_, err := s.client.CoreV1().PersistentVolumes().Get(t.Context(), pv.Name, metav1.GetOptions{})
		assert.Error(t, err, "the volume outlived its claim")
		s.install("--wait", "--timeout", "60s")
		s.bound(claim)
		reads()
	}
}

// profile returns the Pod Security profile of the values' pods: only root needs more than restricted.
func profile(t *testing.T, values string) string {
	t.Helper()
	if strings.Contains(template(t, values, "--show-only", "templates/tests/jobs.yaml"), "runAsUser: 0") {
		return "baseline"
	}
	return "restricted"
}

func onNode(name string) map[string]string {
	return map[string]string{"kubernetes.io/hostname": name}
}

// cleanup returns a context that outlives the test's own.
func cleanup(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
