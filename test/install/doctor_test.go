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

// ailment is one way in which a store can be broken, and what `ckptctl doctor` has to say of it.
type ailment struct {
	title string
	// profile is the namespace's Pod Security profile; baseline when empty.
	profile string
	// breaks makes the situation.
	breaks func(*ward)
	// id and says are the diagnosis.
	id   string
	says []string
	// storage says that it takes the storage node.
	storage bool
	// note says that the diagnosis is a warning: nothing is broken.
	note bool
	// safe says that --fix mends it. It is then broken twice, and mended by --fix and by hand.
	safe bool
	// words are what a person puts in the place of NAME, NODE and VALUES.
	words func(*ward) map[string]string
	// meanwhile is what an administrator does before the command that follows a comment with the words of at.
	at        string
	meanwhile func(*ward)
	// repair is what the test does after the commands, in the place of the one who reads what they print; nil: nothing.
	repair func(*ward)
	// mended is what has to be so when all that is done; nil: the commands only show something.
	mended func(*ward)
}

// diagnosis is what the doctor prints as JSON.
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

// TestDoctor breaks a store in every way of the tables, each in a namespace of its own, and holds that the doctor names the
// true cause, that one alone, and that what it says mends it does.
func TestDoctor(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	table := newDoctorTable(ailments())
	t.Cleanup(func() { table.compare(t) })
	for _, a := range table.ailments {
		if a.storage && !hasStorage(t, c, a.title) {
			continue
		}
		for _, way := range a.ways() {
			t.Run(a.title+way.title, func(t *testing.T) {
				t.Parallel()
				if a.storage {
					c.UseStorage(t)
				}
				a.prove(newWard(t, c, a, way), way, table)
			})
		}
	}
}

// way is how a store is mended.
type way struct{ title, namespace, fixed string }

var byHand, byFix = way{"", "doctor-", "no"}, way{", by --fix", "doctor-fix-", "yes"}

func (a ailment) ways() []way {
	if a.safe {
		return []way{byHand, byFix}
	}
	return []way{byHand}
}

// ailments are those that need nothing of the cluster for themselves.
func ailments() []ailment {
	return append(append(append([]ailment{}, ailmentsOfClaims...), ailmentsOfPods...), ailmentsOfRefusals...)
}

func (a ailment) prove(w *ward, way way, table *doctorTable) {
	t := w.t
	if a.safe {
		// The one that applies on the server is the one that could find its objects changed by others.
		w.program = "helm4"
	}
	a.breaks(w)
	d := w.diagnosed(a.id)
	for _, word := range a.says {
		assert.Contains(t, d.Cause, strings.ReplaceAll(word, "$NS", w.ns))
	}
	assert.Equal(t, a.note, d.Severity == "warning", d.Cause)
	assert.Equal(t, a.safe, d.Safe, d.Cause)
	if way == byFix {
		_, report := w.doctor("--fix")
		assert.NotEmpty(t, report.Fixed)
	} else {
		w.follow(a, d)
	}
	if a.repair != nil {
		a.repair(w)
	}
	if a.mended != nil {
		a.mended(w)
	}
	if a.safe {
		table.left(t, a.title, w.left())
		w.upgraded()
	}
	fixed := ""
	switch {
	case a.safe:
		fixed = byFix.fixed
	case a.mended != nil:
		fixed = byHand.fixed
	}
	table.saw(a.title, w, d, fixed)
}

// follow runs every command that the doctor prints, as a person would paste it.
func (w *ward) follow(a ailment, d diagnosis) {
	w.t.Helper()
	words := []string{"CHART", charts.Chart()}
	if a.words != nil {
		for word, is := range a.words(w) {
			words = append(words, word, is)
		}
	}
	done := a.meanwhile == nil
	for _, line := range d.Repair {
		if a.meanwhile != nil && strings.HasPrefix(line, "#") && strings.Contains(line, a.at) {
			a.meanwhile(w)
			done = true
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.NewReplacer(words...).Replace(line)
		if strings.HasPrefix(line, "ckptctl ") {
			// It ends with 1 where it has not seen the claim bound yet; the test looks for itself.
			line += " || [ $? = 1 ]"
		}
		w.shell(line)
	}
	require.True(w.t, done, "no comment says %q: %v", a.at, d.Repair)
}

// left is what is to be the same whoever mended the store: the objects, without what is of this cluster and this moment.
func (w *ward) left() string {
	w.t.Helper()
	claim, volume := w.bound(release)
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
	require.NoError(w.t, err)
	return strings.ReplaceAll(strings.Join(out, "\n")+"\n"+string(text), w.ns, "training")
}

// upgraded holds that the release can be upgraded by the Helm that made it, which changes claim and volume, and that they
// are bound as before.
func (w *ward) upgraded() {
	w.t.Helper()
	w.helm("upgrade", w.release, charts.Chart(), "--reuse-values", "--set", "commonLabels.upgraded=yes")
	claim, volume := w.bound(release)
	assert.Equal(w.t, "yes", claim.Labels["upgraded"])
	if volume.Labels["app.kubernetes.io/instance"] != "" {
		// Not one that a provisioner has made.
		assert.Equal(w.t, "yes", volume.Labels["upgraded"])
	}
	w.healthy()
}

// ctl is the tool, built once.
var ctl = sync.OnceValues(func() (string, error) {
	file := filepath.Join(charts.Root(), ".build", "bin", "ckptctl")
	command := exec.Command("go", "build", "-o", file, "./tools/ckptctl")
	command.Dir = charts.Root()
	if out, err := command.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return file, nil
})

func (w *ward) tool() string {
	w.t.Helper()
	file, err := ctl()
	require.NoError(w.t, err)
	return file
}

// doctor asks the doctor, and returns its exit code and its report.
func (w *ward) doctor(args ...string) (int, doctorReport) {
	w.t.Helper()
	args = append([]string{"doctor", w.release, "-n", w.ns, "--kubeconfig", w.kubeconfig, "-o", "json"}, args...)
	command := exec.CommandContext(w.t.Context(), w.tool(), args...)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	var exit *exec.ExitError
	require.True(w.t, err == nil || errors.As(err, &exit), "%v", err)
	var report doctorReport
	if code := command.ProcessState.ExitCode(); code > 1 {
		return code, doctorReport{Diagnoses: []diagnosis{{Cause: errs.String()}}}
	}
	require.NoError(w.t, json.Unmarshal(out, &report), "%s", errs.String())
	return command.ProcessState.ExitCode(), report
}

// diagnosed waits until the cluster shows what is wrong with it, and the doctor says that, first and as the only cause.
func (w *ward) diagnosed(id string) diagnosis {
	w.t.Helper()
	var code int
	var report doctorReport
	said := w.until(patience/2, func() bool {
		code, report = w.doctor()
		return len(report.Diagnoses) > 0 && report.Diagnoses[0].ID == id
	})
	require.True(w.t, said, "the doctor says %v (exit %d), not %s\n%s", report.Diagnoses, code, id, w.events(release))
	d, broken := report.Diagnoses[0], 0
	for _, other := range report.Diagnoses {
		if other.Severity == "error" {
			broken++
		}
	}
	assert.LessOrEqual(w.t, broken, 1, "what only follows from the cause is said to be one: %v", report.Diagnoses)
	assert.Equal(w.t, min(broken, 1), code)
	assert.Equal(w.t, broken == 0, report.Healthy)
	assert.NotEmpty(w.t, d.Repair, "no error without the way out")
	return d
}

// healthy waits until the doctor has nothing more to say.
func (w *ward) healthy() {
	w.t.Helper()
	var report doctorReport
	well := w.until(patience/2, func() bool {
		_, report = w.doctor()
		return report.Healthy
	})
	require.True(w.t, well, "%v", report.Diagnoses)
}

// isBound waits until the claim is bound.
func isBound(w *ward) {
	w.t.Helper()
	w.bound(release)
}

// runs waits until a pod runs.
func runs(name string) func(*ward) {
	return func(w *ward) {
		w.t.Helper()
		running := w.until(patience, func() bool {
			pod, err := w.client.CoreV1().Pods(w.ns).Get(w.t.Context(), name, getOptions)
			return err == nil && (pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodSucceeded)
		})
		require.True(w.t, running, "pod %s does not run: %s", name, w.events(name))
	}
}

// readsBack is a pod that finds the bytes which were on the volume before anything was broken.
func readsBack(w *ward) {
	w.t.Helper()
	w.bound(release)
	assert.Contains(w.t, w.start(w.pod("reader", nil, "cat /checkpoints/bytes; sleep 3600"), w.bytes()), w.bytes())
	w.healthy()
}

// files is the folder that the ward's commands are run in: what one writes another reads.
func (w *ward) files() string {
	w.t.Helper()
	if w.folder == "" {
		w.folder = w.t.TempDir()
	}
	return w.folder
}

// shell runs a script as the administrator would.
func (w *ward) shell(script string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euxo", "pipefail", "-c", script)
	command.Dir = w.files()
	command.Env = append(os.Environ(), "KUBECONFIG="+w.cluster.Kubeconfig(),
		"PATH="+strings.Join([]string{w.helmAs("helm"), filepath.Dir(w.tool()), os.Getenv("PATH")}, string(os.PathListSeparator)))
	out, err := command.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
}
