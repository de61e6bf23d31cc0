package install

import (
	"strings"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// change is an upgrade that must be refused.
type change struct {
	what string
	set  []string
	// words are expected in the refusal.
	words string
	// half says that Helm changes the volume before the API server refuses the claim.
	half bool
}

func refusedStatic(l *lifecycleStore) string {
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.directories("other")
	l.refuse([]change{
		{what: "another directory", set: []string{"--set", "local.path=" + l.dir + "/other"}, words: "spec.persistentvolumesource is immutable"},
		{what: "another node", set: []string{"--set-json", `volume.nodeAffinity={"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["elsewhere"]}]}]}}`}, words: "field is immutable"},
		{what: "volume mode", set: []string{"--set", "volumeMode=Block"}, words: "field is immutable"},
		{what: "access mode", set: []string{"--set-json", `accessModes=["ReadWriteOncePod"]`}, words: "Rule: E06"},
		{what: "another backend", set: []string{"--set", "backend=hostPath,hostPath.path=" + l.dir + "/data"}, words: "spec.persistentvolumesource is immutable"},
		{what: "reclaim policy Delete", set: []string{"--set", "volume.reclaimPolicy=Delete"}, words: "Rule: E01"},
		{what: "class", set: []string{"--set", "storageClassName=fast"}, words: "spec is immutable", half: true},
		{what: "a larger size without a class", set: []string{"--set", "size=2Gi"}, words: "only dynamically provisioned pvc can be resized", half: true},
		{what: "a smaller size", set: []string{"--set", "size=512Mi"}, words: "can not be less than status.capacity", half: true},
		{what: "a data source", set: []string{"--set-json", `claim.dataSourceRef={"kind": "PersistentVolumeClaim", "name": "other"}`}, words: "Rule: E12"},
	})
	// Whether a claim may request more depends on its class, even for a static volume.
	second := []string{"second", charts.Chart(), "--values", l.options.ValuesFiles[0], "--set", "local.path=" + l.dir + "/other",
		"--set", "storageClassName=" + l.makeClass("grows", true)}
	l.helm("install", append(second, "--wait", "--timeout", "60s")...)
	l.helm("upgrade", append(second, "--set", "size=2Gi")...)
	assert.Equal(l.t, "2Gi", l.claim("second").Spec.Resources.Requests.Storage().String())
	l.saw("where `storageClassName` names a class with `allowVolumeExpansion`, the API accepts a larger request")
	return "refused"
}

func refusedDynamic(l *lifecycleStore) string {
	class := l.makeClass("stays", false)
	other := l.makeClass("other", true)
	l.makeVolume(l.ns+"-made", class, "")
	l.use("backend: csi\nprovisioning: dynamic\nsize: 1Gi\nstorageClassName: " + class + "\ntest: {enabled: false}\n")
	l.install("--wait", "--timeout", "60s")
	l.save(release)
	l.refuse([]change{
		{what: "a larger size where the class does not allow it", set: []string{"--set", "size=2Gi"}, words: "must support resize"},
		{what: "a smaller size", set: []string{"--set", "size=512Mi"}, words: "can not be less than status.capacity"},
		{what: "class", set: []string{"--set", "storageClassName=" + other}, words: "spec is immutable"},
		{what: "volume mode", set: []string{"--set", "volumeMode=Block"}, words: "immutable"},
		{what: "access mode", set: []string{"--set-json", `accessModes=["ReadWriteMany"]`}, words: "immutable"},
		{what: "a data source", set: []string{"--set-json", `claim.dataSourceRef={"kind": "PersistentVolumeClaim", "name": "other"}`}, words: "immutable"},
	})
	return "refused"
}

// refuse checks that every change is refused and leaves claim and volume unchanged: at once, or, if the volume was changed
// before the claim was refused, after a rollback.
func (l *lifecycleStore) refuse(changes []change) {
	l.t.Helper()
	before := l.pair(release)
	by := map[string][]string{}
	half := []string{}
	for _, c := range changes {
		out, err := l.tryUpgrade(c.set...)
		l.refused(out, err, c.words)
		who := "the API"
		if strings.HasPrefix(c.words, "Rule: ") {
			who = "the chart"
		}
		by[who] = append(by[who], c.what)
		now := l.pair(release)
		assert.Equal(l.t, before.Claim, now.Claim, c.what)
		assert.Equal(l.t, before.Asked, now.Asked, c.what)
		assert.Equal(l.t, before.Volume, now.Volume, c.what)
		if c.half {
			half = append(half, c.what)
			assert.NotEqual(l.t, before.Given, now.Given, "%s: the volume was not changed by half", c.what)
			l.asNotesSay("An upgrade that is refused")
			now = l.pair(release)
		}
		require.Equal(l.t, before, now, c.what)
	}
	l.kept(release)
	for _, who := range []string{"the chart", "the API"} {
		if len(by[who]) > 0 {
			l.saw("%s refuses: %s", who, strings.Join(by[who], ", "))
		}
	}
	if len(half) > 0 {
		l.saw("the volume has changed before the claim is refused in: %s; fix, as in the notes: `helm rollback` to the revision that is deployed, because the one before may be another that was refused; or upgrade with `%s`, which rolls back by itself", strings.Join(half, ", "), l.flag("--atomic"))
		for _, c := range changes {
			if !c.half {
				continue
			}
			out, err := l.tryUpgrade(append([]string{l.flag("--atomic"), "--timeout", "60s"}, c.set...)...)
			l.refused(out, err, c.words)
			require.Equal(l.t, before, l.pair(release), c.what)
		}
		l.kept(release)
	}
	l.saw("nothing else has changed, neither claim nor volume")
}
