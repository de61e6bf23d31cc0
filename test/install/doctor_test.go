package install

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
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
	// repair is what mends it: byFix, byHand, or what the test does in the administrator's place. Nil: not shown.
	repair func(*ward, diagnosis)
	// mended is what has to be so afterwards; nil: the claim is bound.
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
		t.Run(a.title, func(t *testing.T) {
			t.Parallel()
			if a.storage {
				c.UseStorage(t)
			}
			a.prove(newWard(t, c, a), table)
		})
	}
}

// ailments are those that need nothing of the cluster for themselves.
func ailments() []ailment {
	return append(append(append([]ailment{}, ailmentsOfClaims...), ailmentsOfPods...), ailmentsOfRefusals...)
}

func (a ailment) prove(w *ward, table *doctorTable) {
	t := w.t
	a.breaks(w)
	d := w.diagnosed(a.id)
	for _, word := range a.says {
		assert.Contains(t, d.Cause, strings.ReplaceAll(word, "$NS", w.ns))
	}
	assert.Equal(t, a.note, d.Severity == "warning", d.Cause)
	fixed := ""
	if a.repair != nil {
		a.repair(w, d)
		if a.mended == nil {
			w.bound(release)
		} else {
			a.mended(w)
		}
		fixed = "no"
	}
	if d.Safe {
		fixed = "yes"
	}
	table.saw(a.title, w, d, fixed)
}

// byFix mends with --fix alone.
func byFix(w *ward, d diagnosis) {
	w.t.Helper()
	assert.True(w.t, d.Safe, "--fix does not do it: %s", d.Cause)
	_, report := w.doctor("--fix")
	assert.NotEmpty(w.t, report.Fixed)
}

// byHand mends with the commands that the doctor prints, as a person would paste them.
func byHand(w *ward, d diagnosis) {
	w.t.Helper()
	script := strings.ReplaceAll(strings.Join(d.Repair, "\n"), "CHART", charts.Chart())
	// The doctor ends with 1 where it has not seen the claim bound yet; the test looks for itself.
	w.shell(strings.ReplaceAll(script, " --fix", " --fix || [ $? = 1 ]"))
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

// shell runs a script as the administrator would.
func (w *ward) shell(script string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euxc", script)
	command.Env = append(os.Environ(), "KUBECONFIG="+w.cluster.Kubeconfig(), "PATH="+filepath.Dir(w.tool())+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
}
