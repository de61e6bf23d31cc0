package install

import (
	"fmt"
	"strings"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// ranks is the number of shards, one for each rank.
const ranks = 8

// shards returns the values of a store with a directory for each rank.
func (l *lifecycleStore) shards(count int) string {
	l.t.Helper()
	return strings.Replace(l.local("{shard}"), "size: 1Gi", fmt.Sprintf("size: 1Gi\nshards: %d", count), 1)
}

func (l *lifecycleStore) rankDirectories(count int) {
	l.t.Helper()
	var names []string
	for rank := range count {
		names = append(names, fmt.Sprint(rank))
	}
	l.directories(names...)
}

// onAll returns a pod that mounts the claims of all ranks below /checkpoints.
func (l *lifecycleStore) onAll(base string, count int, script string) *corev1.Pod {
	pod := l.podOn(base+"-0", script)
	pod.Spec.Volumes, pod.Spec.Containers[0].VolumeMounts = nil, nil
	for rank := range count {
		name := fmt.Sprintf("rank-%d", rank)
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: fmt.Sprintf("%s-%d", base, rank)},
		}})
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: fmt.Sprintf("/checkpoints/%d", rank)})
	}
	return pod
}

// digests returns the digest of each of the first ranks, and checks that they differ.
func (l *lifecycleStore) digests(base string) []string {
	l.t.Helper()
	log := l.ran(l.onAll(base, ranks, fmt.Sprintf(`for rank in $(seq 0 %d); do echo "$rank $(sha256sum < /checkpoints/$rank/step-1/shard)"; done`, ranks-1)))
	lines := strings.Split(strings.TrimSpace(log), "\n")
	require.Len(l.t, lines, ranks)
	other := map[string]bool{}
	for rank, line := range lines {
		fields := strings.Fields(line)
		require.Len(l.t, fields, 3, log)
		require.Equal(l.t, fmt.Sprint(rank), fields[0])
		other[fields[1]] = true
	}
	require.Len(l.t, other, ranks, "two ranks have the same bytes")
	return lines
}

// scaled increases and decreases `shards`.
func scaled(l *lifecycleStore) string {
	l.rankDirectories(ranks + 2)
	l.use(l.shards(ranks))
	l.install("--wait", "--timeout", "60s")
	l.ran(l.onAll(release, ranks, fmt.Sprintf(`
for rank in $(seq 0 %d); do
  mkdir /checkpoints/$rank/step-1
  head -c 262144 /dev/urandom > /checkpoints/$rank/step-1/shard
done
sync`, ranks-1)))
	saved := l.digests(release)
	before := l.boundClaims()
	require.Len(l.t, before, ranks)

	l.use(l.shards(ranks + 2))
	l.upgrade("--wait", "--timeout", "60s")
	after := l.boundClaims()
	require.Len(l.t, after, ranks+2)
	for name, uid := range before {
		assert.Equal(l.t, uid, after[name])
	}
	l.saw("%d to %d: the old claims are the same, the new ones are Bound", ranks, ranks+2)

	l.use(l.shards(ranks / 2))
	l.upgrade("--wait", "--timeout", "60s")
	assert.Equal(l.t, after, l.boundClaims())
	assert.Equal(l.t, saved, l.digests(release))
	l.saw("down to %d: nothing is deleted, the others are no longer the release's, and stay Bound", ranks/2)

	l.use(l.shards(ranks))
	l.upgrade("--wait", "--timeout", "60s")
	assert.Equal(l.t, after, l.boundClaims())
	assert.Equal(l.t, saved, l.digests(release))
	l.saw("up again to %d: the release adopts them again, with the same uids", ranks)
	l.bytes = "yes"
	return "kept"
}

func shardsStatefulSet(l *lifecycleStore) string { return l.train("statefulSet") }

func shardsJob(l *lifecycleStore) string { return l.train("job") }

// train installs the training chart with a rank for each shard; its pods save and end, or stay.
func (l *lifecycleStore) train(workload string) string {
	l.rankDirectories(ranks)
	values := fmt.Sprintf(`
workload: %s
workers: %d
image: {repository: busybox, tag: 1.37.0}
command: [sh, -c, 'mkdir $CHECKPOINT_DIR/step-1 && echo rank $RANK > $CHECKPOINT_DIR/step-1/rank && head -c 262144 /dev/urandom > $CHECKPOINT_DIR/step-1/shard && sync && if [ %[1]s = statefulSet ]; then exec sleep 3600; fi']
terminationGracePeriodSeconds: 1
checkpoints:
  claim: {name: checkpoints-run-train}
`, workload, ranks) + "  " + strings.ReplaceAll(strings.TrimSpace(l.shards(ranks)), "\n", "\n  ") + "\n"
	l.use(values)
	chart := charts.TrainingJob(l.t)
	l.helm("install", "run", chart, "--values", l.options.ValuesFiles[0], "--wait", "--wait-for-jobs", "--timeout", "180s")
	before := l.boundClaims()
	require.Len(l.t, before, ranks)
	// The pods may have just started.
	base := "checkpoints-run-train"
	log := l.ran(l.onAll(base, ranks, fmt.Sprintf(`for rank in $(seq 0 %d); do until [ -s /checkpoints/$rank/step-1/shard ]; do sleep 0.2; done; cat /checkpoints/$rank/step-1/rank; done`, ranks-1)))
	want := ""
	for rank := range ranks {
		want += fmt.Sprintf("rank %d\n", rank)
	}
	require.Equal(l.t, want, log)
	l.helm("uninstall", "run", "--wait", "--timeout", "120s")
	saved := l.digests(base)
	assert.Equal(l.t, before, l.boundClaims())
	l.saw("each of the %d ranks has saved on the volume of its number; the training is uninstalled, the claims stay", ranks)
	if workload == "job" {
		l.saw("the pods of one Indexed Job all mount the same claims, so the training chart makes a Job for each rank")
	}
	assert.Equal(l.t, saved, l.digests(base))
	l.bytes = "yes"
	return "kept"
}
