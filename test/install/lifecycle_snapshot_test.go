package install

import (
	"fmt"

	"checkpoint-storage/test/internal/charts"

	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snapshot takes a VolumeSnapshot of each claim, keyed by the snapshot's name, and waits until it is ready.
func (l *lifecycleStore) snapshot(claims map[string]string) {
	l.t.Helper()
	manifest := fmt.Sprintf(`
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotClass
metadata: {name: %s}
driver: %s
deletionPolicy: Delete
`, l.ns, lifecycleDriverName)
	for name, claim := range claims {
		manifest += fmt.Sprintf(`---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: %[2]s, namespace: %[1]s}
spec: {volumeSnapshotClassName: %[1]s, source: {persistentVolumeClaimName: %[3]s}}
`, l.ns, name, claim)
	}
	require.NoError(l.t, k8s.KubectlApplyFromStringContextE(l.t, l.t.Context(), l.options.KubectlOptions, manifest))
	l.t.Cleanup(func() {
		_ = k8s.KubectlDeleteFromStringContextE(l.t, cleanup(l.t), l.options.KubectlOptions, manifest)
	})
	for name := range claims {
		out, err := k8s.RunKubectlAndGetOutputContextE(l.t, l.t.Context(), l.options.KubectlOptions,
			"wait", "volumesnapshot/"+name, "--for=jsonpath={.status.readyToUse}=true", "--timeout=120s")
		require.NoError(l.t, err, out)
	}
}

func restored(l *lifecycleStore) string {
	l.use(l.copied())
	l.install("--wait", "--timeout", "120s")
	l.save(release)
	l.snapshot(map[string]string{"before": release})
	// Later data is not in the snapshot.
	l.ran(l.podOn(release, "echo later > /checkpoints/later; sync"))
	l.filled(`{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before"}`)
	log := l.ran(l.podOn("second", "ls /checkpoints"))
	assert.NotContains(l.t, log, "later")
	l.saw("what was saved after the snapshot is not in it")
	return "filled"
}

func restoredShards(l *lifecycleStore) string {
	const count = 3
	source := func(name string) string {
		return fmt.Sprintf(`claim.dataSourceRef={"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": %q}`, name)
	}
	l.use(l.copied() + fmt.Sprintf("shards: %d\n", count))
	l.install("--wait", "--timeout", "120s")
	claims, different := map[string]string{}, map[string]bool{}
	for rank := range count {
		claim := fmt.Sprintf("%s-%d", release, rank)
		l.save(claim)
		claims[fmt.Sprintf("before-%d", rank)] = claim
		different[l.saved[claim]] = true
	}
	require.Len(l.t, different, count, "two ranks have the same bytes")
	l.snapshot(claims)
	class := *l.claim(release + "-0").Spec.StorageClassName
	second := []string{"second", charts.Chart(), "--values", l.options.ValuesFiles[0], "--set-json", "storageClass={\"create\": false}",
		"--set", "storageClassName=" + class, "--wait", "--timeout", "120s"}

	out, err := l.tryHelm("install", append(second, "--set-json", source("before-0"))...)
	l.refused(out, err, "Rule: E12")
	l.saw("one snapshot for all ranks is refused by the chart (E12)")

	l.helm("install", append(second, "--set-json", source("before-{shard}"))...)
	for rank := range count {
		first, again := fmt.Sprintf("%s-%d", release, rank), fmt.Sprintf("second-%d", rank)
		l.bound(again)
		l.saved[again] = l.saved[first]
		l.kept(again)
		l.kept(first)
	}
	l.saw("with `{shard}` in its name, each of the %d ranks begins with the bytes that it saved itself, and no other's", count)
	return "filled"
}
