package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scenario is one way to break a store, and the diagnosis that `ckptctl doctor` must give.
type scenario struct {
	title string
	// profile is the namespace's Pod Security profile; baseline if empty.
	profile string
	// breaks breaks the store.
	breaks func(*brokenStore)
	// id and says are the expected diagnosis.
	id   string
	says []string
	// storage says that it needs the storage node.
	storage bool
	// note says that the diagnosis is a warning.
	note bool
	// safe says that --fix repairs it. The scenario then runs twice: repaired by --fix and by hand.
	safe bool
	// words replace NAME, NODE and VALUES in commands.
	words func(*brokenStore) map[string]string
	// meanwhile is done by the administrator before the commands that follow a comment containing at.
	at        string
	meanwhile func(*brokenStore)
	// repair is done after the commands, as their comments say; may be nil.
	repair func(*brokenStore)
	// mended checks the repaired store; nil if the commands only show something.
	mended func(*brokenStore)
}

// diagnosis is a diagnosis in doctor's JSON.
type diagnosis struct {
	ID, Severity, Object, Cause, Seen string
	Waits, Repair                     []string
	Safe                              bool
}

type doctorReport struct {
	Healthy   bool
	Diagnoses []diagnosis
	Fixed     []string
	Unread    []struct{ Resource, Why string }
}

// TestDoctor breaks a store in every way of the tables, each in its own namespace, and checks that doctor reports the cause
// and no other, and that its repair works.
func TestDoctor(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	table := newDoctorTable(scenarios())
	t.Cleanup(func() { table.compare(t) })
	for _, a := range table.scenarios {
		if a.storage && !hasStorage(t, c, a.title) {
			continue
		}
		for _, way := range a.ways() {
			t.Run(a.title+way.title, func(t *testing.T) {
				t.Parallel()
				if a.storage {
					c.UseStorage(t)
				}
				a.prove(newBrokenStore(t, c, a, way), way, table)
			})
		}
	}
}

// way is how a store is repaired.
type way struct{ title, namespace, fixed string }

var byHand, byFix = way{"", "doctor-", "no"}, way{", by --fix", "doctor-fix-", "yes"}

func (a scenario) ways() []way {
	if a.safe {
		return []way{byHand, byFix}
	}
	return []way{byHand}
}

// scenarios returns the scenarios that change nothing else in the cluster.
func scenarios() []scenario {
	return append(append(append([]scenario{}, claimScenarios...), podScenarios...), refusalScenarios...)
}

func (a scenario) prove(b *brokenStore, way way, table *doctorTable) {
	t := b.t
	if a.safe {
		// Helm 4 applies on the server, and would find fields that another manager has changed.
		b.program = "helm4"
	}
	a.breaks(b)
	says := make([]string, len(a.says))
	for i, word := range a.says {
		says[i] = strings.ReplaceAll(word, "$NS", b.ns)
	}
	d := b.diagnosed(a.id, says...)
	assert.Equal(t, a.note, d.Severity == "warning", d.Cause)
	assert.Equal(t, a.safe, d.Safe, d.Cause)
	if way == byFix {
		_, report := b.doctor("--fix")
		assert.NotEmpty(t, report.Fixed)
	} else {
		b.follow(a, d)
	}
	if a.repair != nil {
		a.repair(b)
	}
	if a.mended != nil {
		a.mended(b)
	}
	if a.safe {
		table.left(t, a.title, b.left())
		b.upgraded()
	}
	fixed := ""
	switch {
	case a.safe:
		fixed = byFix.fixed
	case a.mended != nil:
		fixed = byHand.fixed
	}
	table.saw(a.title, b, d, fixed)
}

// follow runs every command of the repair as it is pasted into a shell.
func (b *brokenStore) follow(a scenario, d diagnosis) {
	b.t.Helper()
	words := []string{"CHART", charts.Chart()}
	if a.words != nil {
		for word, is := range a.words(b) {
			words = append(words, word, is)
		}
	}
	done := a.meanwhile == nil
	for _, line := range d.Repair {
		if a.meanwhile != nil && strings.HasPrefix(line, "#") && strings.Contains(line, a.at) {
			a.meanwhile(b)
			done = true
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.NewReplacer(words...).Replace(line)
		if strings.HasPrefix(line, "ckptctl ") {
			// It exits with 1 if the claim is not bound yet; the test checks that itself.
			line += " || [ $? = 1 ]"
		}
		b.shell(line)
	}
	require.True(b.t, done, "no comment says %q: %v", a.at, d.Repair)
}

// left returns claim and volume without what is specific to the cluster and the run.
func (b *brokenStore) left() string {
	b.t.Helper()
	claim, volume := b.bound(release)
	claim, volume = claim.DeepCopy(), volume.DeepCopy()
	volume.Spec.ClaimRef.UID, volume.Spec.ClaimRef.ResourceVersion = "", ""
	var out []string
	for _, meta := range []*metav1.ObjectMeta{&claim.ObjectMeta, &volume.ObjectMeta} {
		var managers []string
		for _, m := range meta.ManagedFields {
			managers = append(managers, fmt.Sprint(m.Manager, m.Operation, m.Subresource))
		}
		slices.Sort(managers)
		out = append(out, fmt.Sprint(meta.Name, meta.Labels, meta.Annotations, slices.Compact(managers)))
	}
	text, err := json.Marshal([]any{claim.Spec, volume.Spec})
	require.NoError(b.t, err)
	return strings.ReplaceAll(strings.Join(out, "\n")+"\n"+string(text), b.ns, "training")
}

// upgraded checks that Helm can upgrade the repaired release, and that the upgrade changes claim and volume and keeps them
// bound.
func (b *brokenStore) upgraded() {
	b.t.Helper()
	b.helm("upgrade", b.release, charts.Chart(), "--reuse-values", "--set", "commonLabels.upgraded=yes")
	claim, volume := b.bound(release)
	assert.Equal(b.t, "yes", claim.Labels["upgraded"])
	if volume.Labels["app.kubernetes.io/instance"] != "" {
		// Not a provisioned volume.
		assert.Equal(b.t, "yes", volume.Labels["upgraded"])
	}
	b.healthy()
}

// ctl builds ckptctl once.
var ctl = sync.OnceValues(func() (string, error) {
	file := filepath.Join(charts.Root(), ".build", "bin", "ckptctl")
	command := exec.Command("go", "build", "-o", file, "./tools/ckptctl")
	command.Dir = charts.Root()
	if out, err := command.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return file, nil
})

func (b *brokenStore) tool() string {
	b.t.Helper()
	file, err := ctl()
	require.NoError(b.t, err)
	return file
}

// doctor runs ckptctl doctor, and returns its exit code and report.
func (b *brokenStore) doctor(args ...string) (int, doctorReport) {
	b.t.Helper()
	args = append([]string{"doctor", b.release, "-n", b.ns, "-o", "json"}, args...)
	command := exec.CommandContext(b.t.Context(), b.tool(), args...)
	// An option of this name would be in every command of the page.
	command.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	var exit *exec.ExitError
	require.True(b.t, err == nil || errors.As(err, &exit), "%v", err)
	var report doctorReport
	if code := command.ProcessState.ExitCode(); code > 1 {
		return code, doctorReport{Diagnoses: []diagnosis{{Cause: errs.String()}}}
	}
	require.NoError(b.t, json.Unmarshal(out, &report), "%s", errs.String())
	return command.ProcessState.ExitCode(), report
}

// diagnosed waits until doctor reports the id first, with the words that its cause is to have, and as the only error.
func (b *brokenStore) diagnosed(id string, says ...string) diagnosis {
	b.t.Helper()
	var code int
	var report doctorReport
	said := b.until(patience/2, func() bool {
		code, report = b.doctor()
		if len(report.Diagnoses) == 0 || report.Diagnoses[0].ID != id {
			return false
		}
		// A diagnosis says more once its pod has been scheduled.
		return !slices.ContainsFunc(says, func(word string) bool { return !strings.Contains(report.Diagnoses[0].Cause, word) })
	})
	require.True(b.t, said, "the doctor says %v (exit %d), not %s\n%s", report.Diagnoses, code, id, b.events(release))
	d, broken := report.Diagnoses[0], 0
	for _, other := range report.Diagnoses {
		if other.Severity == "error" {
			broken++
		}
	}
	assert.LessOrEqual(b.t, broken, 1, "what only follows from the cause is said to be one: %v", report.Diagnoses)
	assert.Equal(b.t, min(broken, 1), code)
	assert.Equal(b.t, broken == 0, report.Healthy)
	assert.NotEmpty(b.t, d.Repair, "a diagnosis without a repair")
	return d
}

// healthy waits until doctor reports the store as healthy.
func (b *brokenStore) healthy() {
	b.t.Helper()
	var report doctorReport
	well := b.until(patience/2, func() bool {
		_, report = b.doctor()
		return report.Healthy
	})
	require.True(b.t, well, "%v", report.Diagnoses)
}

// isBound waits until the claim is bound.
func isBound(b *brokenStore) {
	b.t.Helper()
	b.bound(release)
}

// runs waits until a pod runs.
func runs(name string) func(*brokenStore) {
	return func(b *brokenStore) {
		b.t.Helper()
		running := b.until(patience, func() bool {
			pod, err := b.client.CoreV1().Pods(b.ns).Get(b.t.Context(), name, getOptions)
			return err == nil && (pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodSucceeded)
		})
		require.True(b.t, running, "pod %s does not run: %s", name, b.events(name))
	}
}

// readsBack checks that a pod finds the bytes that were on the volume before it was broken.
func readsBack(b *brokenStore) {
	b.t.Helper()
	b.bound(release)
	assert.Contains(b.t, b.start(b.pod("reader", nil, "cat /checkpoints/bytes; sleep 3600"), b.bytes()), b.bytes())
	b.healthy()
}

// files returns the working directory of the store's commands.
func (b *brokenStore) files() string {
	b.t.Helper()
	if b.folder == "" {
		b.folder = b.t.TempDir()
	}
	return b.folder
}

// shell runs a script as the administrator would.
func (b *brokenStore) shell(script string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", script)
	command.Dir = b.files()
	command.Env = append(os.Environ(), "KUBECONFIG="+b.cluster.Kubeconfig(),
		"PATH="+strings.Join([]string{b.helmAs("helm"), filepath.Dir(b.tool()), os.Getenv("PATH")}, string(os.PathListSeparator)))
	out, err := command.CombinedOutput()
	require.NoError(b.t, err, "%s", out)
}
