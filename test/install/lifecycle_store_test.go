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

// life is a store to which a case happens: a static one on a directory of the first worker unless the case says
// otherwise.
type life struct {
	*store
	// dir is the directory on the first worker that is the case's own; data below it is the store's.
	dir string
	// saved are the digests of what a pod has written to each claim, read says which were found again since.
	saved map[string]string
	read  map[string]bool
	// bytes is what the table says of the bytes where "yes" is not the whole truth.
	bytes string

	// home is the node of the case's pods; "" where the scheduler is to choose.
	home string
	said []string
	pods int
}

func newLife(t *testing.T, c cluster.Cluster, ns string) *life {
	t.Helper()
	l := &life{store: newStoreOn(t, c, ns, "restricted"), saved: map[string]string{}, read: map[string]bool{}}
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

// directories makes empty ones that anybody may write to.
func (l *life) directories(names ...string) {
	l.t.Helper()
	script := ""
	for _, name := range names {
		script += fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s\n", l.dir+"/"+name)
	}
	run(l.t, l.cluster, script)
}

// local are the values of a static store on a directory.
func (l *life) local(name string) string {
	return "backend: local\nsize: 1Gi\ntest: {enabled: false}\nlocal: {path: \"" + l.dir + "/" + name + "\"}\n" + fmt.Sprintf(onOneNode, l.cluster.Workers()[0]) + "\n"
}

// use writes the values that the release is installed and upgraded with from here on.
func (l *life) use(values string) {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), "values.yaml")
	require.NoError(l.t, os.WriteFile(file, []byte(values), 0o600))
	l.options.ValuesFiles = []string{file}
}

// upgrade upgrades the release with its values, laid over by what the arguments set.
func (l *life) upgrade(args ...string) {
	l.t.Helper()
	out, err := l.tryUpgrade(args...)
	require.NoError(l.t, err, out)
}

func (l *life) tryUpgrade(args ...string) (string, error) {
	return l.tryHelm("upgrade", append([]string{release, charts.Chart(), "--values", l.options.ValuesFiles[0]}, args...)...)
}

func (l *life) tryInstall(args ...string) (string, error) {
	return l.tryHelm("install", append([]string{release, charts.Chart(), "--values", l.options.ValuesFiles[0]}, args...)...)
}

// flag is what an option of Helm 3 is called by the Helm of the case.
func (l *life) flag(name string) string {
	if l.program == "helm4" {
		return map[string]string{"--force": "--force-replace", "--atomic": "--rollback-on-failure"}[name]
	}
	return name
}

// saw puts a sentence into the table; what changes from run to run has no place in it.
func (l *life) saw(format string, args ...any) { l.said = append(l.said, fmt.Sprintf(format, args...)) }

// refused holds that Helm failed for the reason given, and that it said so in these words.
func (l *life) refused(out string, err error, words string) {
	l.t.Helper()
	require.Error(l.t, err, out)
	assert.Contains(l.t, strings.ReplaceAll(out, "\n", " "), words)
}

// save has a pod write a checkpoint to the claim, as savers do: flushed, and published by a rename.
func (l *life) save(claim string) {
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

// kept has another pod read the checkpoint back: it is there, and to the byte what was written.
func (l *life) kept(claim string) {
	l.t.Helper()
	log := l.ran(l.podOn(claim, "echo digest $(sha256sum < /checkpoints/step-1/shard)"))
	require.NotEmpty(l.t, l.saved[claim], "nothing was saved on claim %s", claim)
	require.Equal(l.t, l.saved[claim], digest(l.t, log), "claim %s holds other bytes than were saved on it", claim)
	l.read[claim] = true
}

// everythingRead holds that no case ends with bytes that nobody looked for.
func (l *life) everythingRead() {
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

// podOn is a pod such as a trainer's, which asks for no rights.
func (l *life) podOn(claim, script string) *corev1.Pod {
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

// ran runs a pod to its end, takes it away, because it would hold on to the claim, and returns what it printed.
func (l *life) ran(pod *corev1.Pod) string {
	l.t.Helper()
	l.launch(pod)
	said := l.succeeded(pod.Name)
	l.kill(pod.Name)
	return said
}

// functionName is the last part of a function's name.
func functionName(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndex(name, ".")+1:]
}
