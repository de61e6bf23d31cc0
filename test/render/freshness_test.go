package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"
)

// check renders the CronJob that checks freshness, with some values of a monitored store changed.
func check(t *testing.T, values map[string]string) batchv1.CronJob {
	t.Helper()
	manifest, err := render(t, &helm.Options{SetJSONValues: monitored(values)})
	require.NoError(t, err)
	found := decodeAll(t, manifest)["CronJob"]
	require.Len(t, found, 1)
	text, err := yaml.Marshal(found[0])
	require.NoError(t, err)
	var cron batchv1.CronJob
	require.NoError(t, yaml.UnmarshalStrict(text, &cron))
	return cron
}

// TestFreshness checks that the check runs under the restricted profile, cannot write, and changes no owner.
func TestFreshness(t *testing.T) {
	t.Parallel()
	cron := check(t, map[string]string{
		"podSecurityContext": `{"runAsUser": 1000, "fsGroup": 2000}`, "freshness": `{"maxAge": "2d", "schedule": "*/5 * * * *"}`,
		"prepare": `{"enabled": true, "directory": "team-a"}`, "test": `{"tolerations": [{"operator": "Exists"}]}`,
	})
	assert.Equal(t, "*/5 * * * *", cron.Spec.Schedule)
	template := cron.Spec.JobTemplate.Spec.Template
	assertPodSecurity(t, api.LevelRestricted, &template)
	assert.Nil(t, template.Spec.SecurityContext.FSGroup)
	assert.Equal(t, []int64{2000}, template.Spec.SecurityContext.SupplementalGroups)
	assert.Len(t, template.Spec.Tolerations, 1)
	container := template.Spec.Containers[0]
	assert.True(t, container.VolumeMounts[0].ReadOnly)
	assert.False(t, template.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly, "it would be the node's mount, which the trainer writes to")
	assert.Subset(t, container.Env, []corev1.EnvVar{{Name: "MAX_AGE", Value: "172800"}, {Name: "DIRECTORY", Value: "/checkpoints/team-a"}})
}

// TestFreshnessAffinity checks that the check's own affinity takes the place of that of the tests.
func TestFreshnessAffinity(t *testing.T) {
	t.Parallel()
	affinity := func(key string) string {
		return `{"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "` + key + `", "labelSelector": {"matchLabels": {"app": "trainer"}}}]}}`
	}
	key := func(values map[string]string) string {
		return check(t, values).Spec.JobTemplate.Spec.Template.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0].TopologyKey
	}
	assert.Equal(t, "zone", key(map[string]string{"test": `{"affinity": ` + affinity("zone") + `}`}))
	assert.Equal(t, "node", key(map[string]string{"test": `{"affinity": ` + affinity("zone") + `}`, "freshness": `{"maxAge": "6h", "affinity": ` + affinity("node") + `}`}))
}

// look runs the script of a check on a directory, and returns what it printed.
func look(t *testing.T, directory string, frameworks ...string) (string, error) {
	t.Helper()
	container := check(t, map[string]string{"frameworks": `["` + strings.Join(frameworks, `", "`) + `"]`, "freshness": `{"maxAge": "1h"}`}).Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	command := exec.CommandContext(t.Context(), container.Command[0], append(container.Command[1:], container.Args...)...)
	command.Env = []string{"PATH=" + applets(t) + ":" + os.Getenv("PATH"), "LC_ALL=C"}
	for _, e := range container.Env {
		command.Env = append(command.Env, e.Name+"="+e.Value)
	}
	command.Env = append(command.Env, "DIRECTORY="+directory)
	out, err := command.CombinedOutput()
	return string(out), err
}

// applets is a directory with the programs of busybox, whose options are fewer; empty on a machine without it.
func applets(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if busybox, err := exec.LookPath("busybox"); err == nil {
		for _, name := range []string{"cut", "date", "find", "grep", "sort", "stat", "tail", "tr"} {
			require.NoError(t, os.Symlink(busybox, filepath.Join(directory, name)))
		}
	}
	return directory
}

// write makes a file that was written so long ago.
func write(t *testing.T, directory, name string, ago time.Duration) {
	t.Helper()
	path := filepath.Join(directory, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755)) //nolint:gosec // As a framework would.
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	at := time.Now().Add(-ago)
	require.NoError(t, os.Chtimes(path, at, at))
}

// unpublished are files that frameworks have beside what they publish: shards, temporary names, what was cut short.
var unpublished = map[string][]string{
	"dcp":             {"step-9/.metadata.tmp", "step-9/__0_0.distcp"},
	"dcpAsync":        {"step-9/.metadata.tmp", "step-9/__0_0.distcp"},
	"fsdp2":           {"step-9/.metadata.tmp", "step-9/__0_0.distcp"},
	"torchtitan":      {"step-9/.metadata.tmp", "step-9/__0_0.distcp"},
	"torchtitanAsync": {"step-9/.metadata.tmp", "step-9/__0_0.distcp"},
	"deepspeed":       {"global_step9/zero_pp_rank_0_mp_rank_00_optim_states.pt", "zero_to_fp32.py"},
	"huggingface":     {"checkpoint-9/model.safetensors", "checkpoint-9/optimizer.pt", "checkpoint-9/rng_state.pth"},
	"keras":           {"backup/latest.weights.h5"},
	"lightning":       {"hparams.yaml"},
	"lightningLink":   {"hparams.yaml"},
	"megatron":        {"iter_0000009/__0_0.distcp", "iter_0000009/.metadata"},
	"nvrx":            {"iter_0000009_0_local.pt.dirty"},
	"orbax":           {"9.orbax-checkpoint-tmp-5/_CHECKPOINT_METADATA", "9.orbax-checkpoint-tmp-5/commit_success.txt", "9/default/d/0"},
	"orbaxFiles":      {"9.orbax-checkpoint-tmp-5/_CHECKPOINT_METADATA", "9.orbax-checkpoint-tmp-5/commit_success.txt", "9/default/weight/0"},
	"safetensors":     {".tmpAbCdEf"},
}

// publishedFiles are what each framework's program was seen to leave last.
var publishedFiles = map[string]string{
	"dcp": "run/step-3/.metadata", "dcpAsync": "step-3/.metadata", "fsdp2": "step-3/.metadata", "torchtitan": "step-3/.metadata",
	"torchtitanAsync": "step-3/.metadata", "deepspeed": "latest", "huggingface": "checkpoint-3/trainer_state.json",
	"keras": "backup/training_metadata.json", "lightning": "last.ckpt", "lightningLink": "epoch=0-step=3.ckpt",
	"megatron": "latest_checkpointed_iteration.txt", "nvrx": "rank/iter_0000003_0_local.pt", "orbax": "3/_CHECKPOINT_METADATA",
	"orbaxFiles": "3/_CHECKPOINT_METADATA", "safetensors": "model-3.safetensors",
}

// TestFreshnessOfFrameworks checks for each framework that what it publishes counts, by the newest, and that what it writes
// before does not, however new.
func TestFreshnessOfFrameworks(t *testing.T) {
	t.Parallel()
	known, err := catalog.LoadFrameworks(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, name := range known.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			require.NotEmpty(t, unpublished[name])
			for _, file := range unpublished[name] {
				write(t, directory, file, time.Minute)
			}
			said, err := look(t, directory, name)
			require.Error(t, err, said)
			assert.Contains(t, said, "FAILED: no checkpoint is published below "+directory)

			require.NotEmpty(t, publishedFiles[name])
			write(t, directory, publishedFiles[name], 2*time.Hour)
			said, err = look(t, directory, name)
			require.Error(t, err, said)
			assert.Regexp(t, `FAILED: the newest checkpoint, \Q`+filepath.Join(directory, publishedFiles[name])+`\E, is 720\d s old, and 3600 s is the most`, said)

			write(t, directory, publishedFiles[name], 10*time.Minute)
			said, err = look(t, directory, name)
			require.NoError(t, err, said)
			assert.Regexp(t, `is 60\d s old`, said)
		})
	}
}

// TestFreshnessIsNotFooled checks names that a script could stumble over, a clock that is ahead, and a directory that is not
// there; and that one of several frameworks is enough.
func TestFreshnessIsNotFooled(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, directory, "a\n9999999999 b/.metadata", 2*time.Hour)
	write(t, directory, "$(touch pwned) *\x1b[31m/.metadata", 3*time.Hour)
	said, err := look(t, directory, "dcp")
	require.Error(t, err)
	assert.Regexp(t, `is 720\d s old`, said)
	assert.NotContains(t, said, "\x1b")
	said, err = look(t, filepath.Join(directory, "absent"), "dcp")
	require.Error(t, err)
	assert.Contains(t, said, "there is no directory")
	write(t, directory, "3/_CHECKPOINT_METADATA", time.Minute)
	said, err = look(t, directory, "dcp", "orbax")
	require.NoError(t, err, said)
	write(t, directory, "ahead/.metadata", -time.Hour)
	said, err = look(t, directory, "dcp")
	require.Error(t, err)
	assert.Regexp(t, `\d+ s in the future`, said)
}
