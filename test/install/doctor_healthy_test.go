package install

import (
	"fmt"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
)

// TestDoctorHealthy checks that a healthy release is reported as such, whichever objects of a store it creates, and in which
// namespace.
func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	// well checks that doctor reports nothing, or only the expected warning.
	well := func(t *testing.T, b *brokenStore, namespace, release, note string) {
		t.Helper()
		one := *b.store
		one.t, one.ns = t, namespace
		asked := &brokenStore{store: &one, release: release, kubeconfig: b.kubeconfig}
		code, report := asked.doctor()
		assert.Equal(t, 0, code, "%+v", report)
		assert.True(t, report.Healthy)
		if note == "" {
			assert.Empty(t, report.Diagnoses)
		} else if assert.Len(t, report.Diagnoses, 1) {
			assert.Equal(t, []string{note, "warning"}, []string{report.Diagnoses[0].ID, report.Diagnoses[0].Severity})
		}
	}
	// installed installs another release in another namespace.
	installed := func(t *testing.T, b *brokenStore, name string, values ...string) string {
		t.Helper()
		other := newStoreOn(t, c, b.ns+"-"+name, "baseline")
		args := []string{name, charts.Chart()}
		for _, v := range append(b.onFirst("hostPath"), values...) {
			args = append(args, "--set-json", v)
		}
		other.helm("install", args...)
		return other.ns
	}
	trains := func(b *brokenStore) {
		b.bound(release)
		assert.Contains(b.t, b.start(b.pod("trainer", nil, "cat /checkpoints/bytes; sleep 3600"), b.bytes()), b.bytes())
	}
	t.Run("namespaceOverride", func(t *testing.T) {
		t.Parallel()
		b := newBrokenStore(t, c, scenario{title: "healthy override"}, byHand)
		b.makeDir()
		ns := installed(t, b, "platform", fmt.Sprintf("namespaceOverride=%q", b.ns), `fullnameOverride="checkpoints"`)
		well(t, b, ns, "platform", "")
		trains(b)
		well(t, b, ns, "platform", "")
		b.kubectl("delete pod trainer")
		b.deleteClaim()
		one := *b.store
		one.ns = ns
		asked := &brokenStore{store: &one, release: "platform", kubeconfig: b.kubeconfig}
		asked.follow(scenario{}, asked.diagnosed("claim-deleted"))
		trains(b)
	})
	t.Run("halves", func(t *testing.T) {
		t.Parallel()
		b := newBrokenStore(t, c, scenario{title: "healthy halves"}, byHand)
		b.makeDir()
		ns := installed(t, b, "volumes", fmt.Sprintf("namespaceOverride=%q", b.ns), `fullnameOverride="checkpoints"`, `claim.create=false`)
		well(t, b, ns, "volumes", "claim-missing")
		b.install(append(b.onFirst("hostPath"), `volume.create=false`)...)
		trains(b)
		well(t, b, ns, "volumes", "")
		well(t, b, b.ns, release, "")
	})
	t.Run("a class alone", func(t *testing.T) {
		t.Parallel()
		b := newBrokenStore(t, c, scenario{title: "healthy class"}, byHand)
		b.install(`backend="csi"`, `provisioning="dynamic"`, `csi={"driver":"absent.csi.example.com"}`, `storageClass={"create":true}`, `claim.create=false`)
		well(t, b, b.ns, release, "")
	})
	t.Run("a claim that is there", func(t *testing.T) {
		t.Parallel()
		b := newBrokenStore(t, c, scenario{title: "healthy existing"}, byHand)
		b.publish()
		b.claimOfOthers(release)
		b.train("trainer", nil)
		runs("trainer")(b)
		well(t, b, b.ns, b.release, "")
	})
}
