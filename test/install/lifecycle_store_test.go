package install

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lifecycleStore is the store of a case: by default a static one on a directory of the first worker.
type lifecycleStore struct {
	*store
	// dir is the directory of the case on the first worker; the store is in data below it.
	dir string
	// saved are the digests of what a pod has written to each claim; read says which were verified since.
	saved map[string]string
	read  map[string]bool
	// bytes is the table's last column if it is not "yes".
	bytes string

	// home is the node of the case's pods; "" for any.
	home string
	said []string
	pods int
}

func newLifecycleStore(t *testing.T, c cluster.Cluster, ns string) *lifecycleStore {
	t.Helper()
	l := &lifecycleStore{store: newStoreOn(t, c, ns, "restricted"), saved: map[string]string{}, read: map[string]bool{}}
	l.removeClasses()
	t.Cleanup(l.removeClasses)
	l.dir = "/mnt/checkpoints/" + ns
	l.directories("data")
	t.Cleanup(func() {
		_, err := l.cluster.Exec(cleanup(t), l.cluster.Workers()[0], "rm -rf "+l.dir)
		assert.NoError(t, err)
	})
	l.use(l.local("data"))
	return l
}

// directories creates empty world-writable directories.
func (l *lifecycleStore) directories(names ...string) {
	l.t.Helper()
	script := ""
	for _, name := range names {
		script += fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s\n", l.dir+"/"+name)
	}
	run(l.t, l.cluster, script)
}

// local returns the values of a static store on a directory.
func (l *lifecycleStore) local(name string) string {
	return "backend: local\nsize: 1Gi\ntest: {enabled: false}\nlocal: {path: \"" + l.dir + "/" + name + "\"}\n" + fmt.Sprintf(onOneNode, l.cluster.Workers()[0]) + "\n"
}

// use sets the values with which the release is installed and upgraded from here on.
func (l *lifecycleStore) use(values string) {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), "values.yaml")
	require.NoError(l.t, os.WriteFile(file, []byte(values), 0o600))
	l.options.ValuesFiles = []string{file}
}

// upgrade upgrades the release with its values and further arguments.
func (l *lifecycleStore) upgrade(args ...string) {
	l.t.Helper()
	out, err := l.tryUpgrade(args...)
	require.NoError(l.t, err, out)
}

func (l *lifecycleStore) tryUpgrade(args ...string) (string, error) {
	return l.tryHelm("upgrade", append([]string{release, charts.Chart(), "--values", l.options.ValuesFiles[0]}, args...)...)
}

func (l *lifecycleStore) tryInstall(args ...string) (string, error) {
	return l.tryHelm("install", append([]string{release, charts.Chart(), "--values", l.options.ValuesFiles[0]}, args...)...)
}

// flag returns the name that the case's Helm has for a flag of Helm 3.
func (l *lifecycleStore) flag(name string) string {
	if l.program == "helm4" {
		return map[string]string{"--force": "--force-replace", "--atomic": "--rollback-on-failure"}[name]
	}
	return name
}

// saw adds a sentence to the table; it must not contain what changes from run to run.
func (l *lifecycleStore) saw(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

// refused checks that Helm failed with these words.
func (l *lifecycleStore) refused(out string, err error, words string) {
	l.t.Helper()
	require.Error(l.t, err, out)
	assert.Contains(l.t, strings.ReplaceAll(out, "\n", " "), words)
}

// save runs a pod that writes a checkpoint to the claim as frameworks do: flushed, and published by a rename.
func (l *lifecycleStore) save(claim string) {
	l.t.Helper()
	log := l.ran(l.podOn(claim, `
cd /checkpoints
mkdir step-1.part
head -c 1048576 /dev/urandom > step-1.part/shard
sync
mv step-1.part step-1
sync
echo digest $(sha256sum < step-1/shard)`))
	l.saved[claim] = digest(l.t, log)
	l.read[claim] = false
}

// kept runs another pod that reads the checkpoint back, and compares it with what was written.
func (l *lifecycleStore) kept(claim string) {
	l.t.Helper()
	log := l.ran(l.podOn(claim, "echo digest $(sha256sum < /checkpoints/step-1/shard)"))
	require.NotEmpty(l.t, l.saved[claim], "nothing was saved on claim %s", claim)
	require.Equal(l.t, l.saved[claim], digest(l.t, log), "claim %s holds other bytes than were saved on it", claim)
	l.read[claim] = true
}

// everythingRead checks that every saved checkpoint was read back.
func (l *lifecycleStore) everythingRead() {
	l.t.Helper()
	for claim := range l.saved {
		assert.True(l.t, l.read[claim], "what was saved on claim %s was not read back", claim)
	}
}

func digest(t *testing.T, log string) string {
	t.Helper()
	_, rest, found := strings.Cut(log, "digest ")
	require.True(t, found, log)
	require.GreaterOrEqual(t, len(rest), 64, log)
	return rest[:64]
}

// podOn returns an unprivileged pod that runs a script on the claim.
func (l *lifecycleStore) podOn(claim, script string) *corev1.Pod {
	l.pods++
	id, no, yes := int64(65534), false, true
	var home map[string]string
	if l.home != "" {
		home = onNode(l.home)
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", l.pods), Namespace: l.ns},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, NodeSelector: home,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsUser: &id, RunAsGroup: &id, RunAsNonRoot: &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			AutomountServiceAccountToken: &no,
			Containers: []corev1.Container{{
				Name: "trainer", Image: "busybox:1.37.0", ImagePullPolicy: corev1.PullIfNotPresent,
				Command:         []string{"sh", "-c", script},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
				VolumeMounts:    []corev1.VolumeMount{{Name: "c", MountPath: "/checkpoints"}},
			}},
			Volumes: []corev1.Volume{{Name: "c", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}},
		},
	}
}

// ran runs a pod to its end, deletes it, because it would keep the claim in use, and returns its log.
func (l *lifecycleStore) ran(pod *corev1.Pod) string {
	l.t.Helper()
	l.launch(pod)
	said := l.succeeded(pod.Name)
	l.kill(pod.Name)
	return said
}

// functionName returns the last part of a function's name.
func functionName(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}
