package install

import (
	"fmt"
	"path/filepath"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// twoNamespaces installs releases of the same name in two namespaces.
func twoNamespaces(l *lifecycleStore) string {
	other := newLifecycleStore(l.t, l.cluster, l.ns+"-b")
	other.program = l.program
	for _, one := range []*lifecycleStore{l, other} {
		one.install("--wait", "--timeout", "60s")
		one.save(release)
	}
	require.NotEqual(l.t, l.saved[release], other.saved[release])
	l.helm("uninstall", release, "--wait")
	l.install("--wait", "--timeout", "60s")
	for _, one := range []*lifecycleStore{l, other} {
		_, volume := one.bound(release)
		assert.Equal(l.t, one.volumeName(release), volume.Name)
		one.kept(release)
	}
	l.saw("each has a volume whose name begins with the namespace, and its own bytes; neither affects the other")
	return "apart"
}

func twoAliases(l *lifecycleStore) string {
	// The parent's own pod does not meet the restricted profile.
	l.profile("baseline")
	parent := charts.Umbrella(l.t)
	l.directories("checkpoints", "fast")
	set := []string{"--values", filepath.Join(parent, "values.yaml"), "--wait", "--timeout", "120s"}
	for alias, dir := range map[string]string{"checkpoints": "checkpoints", "fastTier": "fast"} {
		set = append(set, "--set-json", fmt.Sprintf(`%s.hostPath={"path": %q}`, alias, l.dir+"/"+dir), "--set-json", fmt.Sprintf(
			`%s.volume.nodeAffinity={"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":[%q]}]}]}}`, alias, l.cluster.Workers()[0]))
	}
	install := append([]string{"train", parent}, set...)
	l.helm("install", install...)
	claims := []string{"train-checkpoints", "train-fast-tier"}
	before := map[string]pair{}
	for _, claim := range claims {
		l.save(claim)
		before[claim] = l.pair(claim)
	}
	require.NotEqual(l.t, l.saved[claims[0]], l.saved[claims[1]])
	l.kill("train-trainer")
	l.helm("uninstall", "train", "--wait", "--timeout", "120s")
	l.helm("install", install...)
	for _, claim := range claims {
		assert.Equal(l.t, before[claim], l.pair(claim))
		l.kept(claim)
	}
	l.saw("each alias has its own claim and volume; uninstalled and installed: the same claims, each with its own bytes")
	return "apart"
}

func renamed(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	l.upgrade("--set", "fullnameOverride=other", "--wait", "--timeout", "60s")
	assert.Equal(l.t, before, l.pair(release))
	l.bound("other")
	l.saved["other"] = l.saved[release]
	l.kept("other")
	l.saw("where the values name the directory (`local.path`, `hostPath.path`), a claim of the new name is Bound to the same; the old one stays, %s, and is no longer the release's", l.stays(release, corev1.ClaimBound))
	l.upgrade("--wait", "--timeout", "60s")
	assert.Equal(l.t, before.Claim, l.claimUID(release))
	l.bound(release)
	l.kept(release)
	l.saw("undo: the old name again takes the old claim, by its uid")

	// The default directory is named after the volume.
	l.use("size: 1Gi\ntest: {enabled: false}\n" + fmt.Sprintf(onOneNode, l.cluster.Workers()[0]) + "\n")
	second := []string{"second", charts.Chart(), "--values", l.options.ValuesFiles[0], "--wait", "--timeout", "60s"}
	directory := func(claim string) string { return "/var/lib/checkpoint-storage/" + l.volumeName(claim) }
	run(l.t, l.cluster, "rm -rf "+directory("third"))
	l.helm("install", second...)
	l.helm("upgrade", append(second, "--set", "fullnameOverride=third")...)
	for _, claim := range []string{"second", "third"} {
		_, volume := l.bound(claim)
		assert.Equal(l.t, directory(claim), volume.Spec.HostPath.Path)
	}
	assert.Equal(l.t, "empty\n", l.ran(l.podOn("third", `[ -z "$(ls -A /checkpoints)" ] && echo empty`)))
	l.saw("without `hostPath.path` the directory is named after the volume, and that of the new claim is empty")
	return "a new claim"
}

// existingOwn sets claim.existing to the release's own claim.
func existingOwn(l *lifecycleStore) string {
	// Values with node affinity would need further changes.
	l.home = l.cluster.Workers()[0]
	store := "hostPath: {path: " + l.dir + "/data, sharedMount: true}\nsize: 1Gi\ntest: {enabled: false}\n"
	l.use(store + "claim: {name: mine}\n")
	l.install("--wait", "--timeout", "60s")
	l.save("mine")
	before := l.pair("mine")
	out, err := l.tryUpgrade("--set", "provisioning=existing,claim.existing=mine")
	l.refused(out, err, "Rule: E09")
	assert.Equal(l.t, before, l.pair("mine"))
	l.saw("the chart refuses what its values show to be its own (E09)")

	// Without claim.name in the values, only the cluster knows that the claim is the release's.
	l.use(store)
	l.upgrade("--set", "provisioning=existing,claim.existing=mine")
	assert.Equal(l.t, before, l.pair("mine"))
	l.kept("mine")
	l.saw("where `claim.name` is dropped at the same time it cannot know: with `keep: true` the claim stays, Bound, and is no longer the release's")
	l.use(store + "claim: {name: mine}\n")
	l.upgrade("--wait", "--timeout", "60s")
	assert.Equal(l.t, before, l.pair("mine"))

	l.use(store + "claim: {name: mine}\nkeep: false\n")
	l.upgrade()
	l.use(store + "keep: false\n")
	l.upgrade("--set", "provisioning=existing,claim.existing=mine")
	gone := l.until(patience, func() bool { return l.claimUID("mine") == "" })
	require.True(l.t, gone)
	l.volumeGone(l.volumeName(release))
	l.use(store + "claim: {name: mine}\n")
	l.upgrade("--wait", "--timeout", "60s")
	l.kept("mine")
	l.saw("with `keep: false` Helm deletes claim and volume, the directory stays; undo: the old values, and a new claim is Bound to it")
	return "refused"
}
