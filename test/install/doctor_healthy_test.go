package install

import (
	"fmt"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
)

// TestDoctorHealthy holds that a release in order is said to be, whatever part of a store it makes, and wherever.
func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	// well holds that the doctor finds nothing in a release of a namespace, but for a note that is expected.
	well := func(t *testing.T, w *ward, namespace, release, note string) {
		t.Helper()
		one := *w.store
		one.t, one.ns = t, namespace
		asked := &ward{store: &one, release: release, kubeconfig: w.kubeconfig}
		code, report := asked.doctor()
		assert.Equal(t, 0, code, "%+v", report)
		assert.True(t, report.Healthy)
		if note == "" {
			assert.Empty(t, report.Diagnoses)
		} else if assert.Len(t, report.Diagnoses, 1) {
			assert.Equal(t, []string{note, "warning"}, []string{report.Diagnoses[0].ID, report.Diagnoses[0].Severity})
		}
	}
	// release is another one in a namespace of its own, with the ward's values and more.
	installed := func(t *testing.T, w *ward, name string, values ...string) string {
		t.Helper()
		other := newStoreOn(t, c, w.ns+"-"+name, "baseline")
		args := []string{name, charts.Chart()}
		for _, v := range append(w.onFirst("hostPath"), values...) {
			args = append(args, "--set-json", v)
		}
		other.helm("install", args...)
		return other.ns
	}
	trains := func(w *ward) {
		w.bound(release)
		assert.Contains(w.t, w.start(w.pod("trainer", nil, "cat /checkpoints/bytes; sleep 3600"), w.bytes()), w.bytes())
	}
	t.Run("namespaceOverride", func(t *testing.T) {
		t.Parallel()
		w := newWard(t, c, ailment{title: "healthy override"}, byHand)
		w.makeDir()
		ns := installed(t, w, "platform", fmt.Sprintf("namespaceOverride=%q", w.ns), `fullnameOverride="checkpoints"`)
		well(t, w, ns, "platform", "")
		trains(w)
		well(t, w, ns, "platform", "")
		w.kubectl("delete pod trainer")
		w.deleteClaim()
		one := *w.store
		one.ns = ns
		asked := &ward{store: &one, release: "platform", kubeconfig: w.kubeconfig}
		asked.follow(ailment{}, asked.diagnosed("claim-deleted"))
		trains(w)
	})
	t.Run("halves", func(t *testing.T) {
		t.Parallel()
		w := newWard(t, c, ailment{title: "healthy halves"}, byHand)
		w.makeDir()
		ns := installed(t, w, "volumes", fmt.Sprintf("namespaceOverride=%q", w.ns), `fullnameOverride="checkpoints"`, `claim.create=false`)
		well(t, w, ns, "volumes", "claim-missing")
		w.install(append(w.onFirst("hostPath"), `volume.create=false`)...)
		trains(w)
		well(t, w, ns, "volumes", "")
		well(t, w, w.ns, release, "")
	})
	t.Run("a class alone", func(t *testing.T) {
		t.Parallel()
		w := newWard(t, c, ailment{title: "healthy class"}, byHand)
		w.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `storageClass={"create":true}`, `claim.create=false`)
		well(t, w, w.ns, release, "")
	})
	t.Run("a claim that is there", func(t *testing.T) {
		t.Parallel()
		w := newWard(t, c, ailment{title: "healthy existing"}, byHand)
		w.publish()
		w.claimOfOthers(release)
		w.train("trainer", nil)
		runs("trainer")(w)
		well(t, w, w.ns, w.release, "")
	})
}
