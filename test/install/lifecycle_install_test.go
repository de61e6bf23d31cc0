package install

import (
	"fmt"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func reinstalledKept(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	l.helm("uninstall", release, "--wait")
	assert.Equal(l.t, before.Claim, l.claimUID(release))
	l.saw("uninstalled: the claim stays, %s", l.stays(release, corev1.ClaimBound))
	l.kept(release)
	l.install("--wait", "--timeout", "60s")
	assert.Equal(l.t, before, l.pair(release))
	l.kept(release)
	l.saw("installed: the same claim, by its uid, on the same volume")
	return "the same claim"
}

func reinstalledNotKept(l *lifecycleStore) string {
	l.use(l.local("data") + "keep: false\n")
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.pair(release)
	l.helm("uninstall", release, "--wait")
	assert.Empty(l.t, l.claimUID(release))
	l.volumeGone(l.volumeName(release))
	l.saw("uninstalled: claim and volume are gone, the directory is not")
	l.install("--wait", "--timeout", "60s")
	after := l.pair(release)
	assert.NotEqual(l.t, before.Claim, after.Claim)
	assert.Equal(l.t, before.Given.Local, after.Given.Local)
	l.kept(release)
	l.saw("installed: a new claim, Bound to the same directory")
	return "a new claim"
}

// reinstalledDynamic rebinds a provisioned volume after its claim was deleted.
func reinstalledDynamic(l *lifecycleStore) string {
	l.use("backend: localPath\nprovisioning: dynamic\nsize: 64Mi\nkeep: false\ntest: {enabled: false}\nstorageClass: {create: true}\n")
	l.install()
	l.save(release)
	_, volume := l.bound(release)
	l.helm("uninstall", release, "--wait")
	require.Empty(l.t, l.claimUID(release))
	l.saw("uninstalled: the claim is gone, its volume is %s", l.volumeBecomes(volume.Name, corev1.VolumeReleased))
	// A claim prefers a matching Available volume to a new one.
	l.release(volume.Name)
	l.install()
	_, again := l.bound(release)
	require.Equal(l.t, volume.Name, again.Name)
	l.kept(release)
	l.saw("fix: clear `spec.claimRef.uid` of the volume before installing again; the claim then binds to it")
	return "repaired"
}

// failing are values with which --wait fails: the Job that prepares a directory has no image.
const failing = `prepare={"enabled": true, "directory": "team-a", "image": {"repository": "busybox", "tag": "there-is-none", "pullPolicy": "Never"}},` +
	`podSecurityContext={"runAsUser": 1000, "runAsGroup": 1000}`

func atomicInstallKept(l *lifecycleStore) string { return atomicInstall(l, true) }

func atomicInstallNotKept(l *lifecycleStore) string { return atomicInstall(l, false) }

// atomicInstall fails to install over the objects of an earlier release, and Helm undoes it.
func atomicInstall(l *lifecycleStore, keep bool) string {
	l.use(l.local("data") + fmt.Sprintf("keep: %t\n", keep))
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	before := l.claimUID(release)
	l.helm("uninstall", release, "--wait")

	out, err := l.tryInstall(l.flag("--atomic"), "--wait-for-jobs", "--timeout", "8s", "--set-json", failing)
	require.Error(l.t, err, out)
	_, err = l.tryHelm("status", release)
	require.Error(l.t, err, "the release that failed is still there")
	if keep {
		assert.Equal(l.t, before, l.claimUID(release))
		l.saw("Helm uninstalls the failed release; the claim stays, %s", l.stays(release, corev1.ClaimBound))
	} else {
		l.volumeGone(l.volumeName(release))
		assert.Empty(l.t, l.claimUID(release))
		l.saw("Helm uninstalls the failed release, with claim and volume")
	}
	l.install("--wait", "--timeout", "60s")
	l.bound(release)
	l.kept(release)
	l.saw("installed again: Bound")
	return "undone"
}
