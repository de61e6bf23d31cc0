package render

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/charts"
)

// TestTraining holds, for every kind of workload, that its pods mount the stores and save to them without any rights.
func TestTraining(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	for _, kind := range workloads(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			t.Run("a shared store", func(t *testing.T) {
				got, err := c.render(t, kind, shared)
				require.NoError(t, err)
				for _, pod := range templates(t, got) {
					assert.Equal(t, map[string]string{"run-checkpoints": "/checkpoints"}, claims(pod))
					assertPodSecurity(t, api.LevelRestricted, pod)
				}
				for _, env := range environments(got) {
					assert.Equal(t, map[string]any{"name": "CHECKPOINT_DIR", "value": "/checkpoints"}, env["CHECKPOINT_DIR"])
					// Two trainings, whose workers may be led to each other, have the same in no two namespaces.
					assert.Equal(t, map[string]any{"name": "PET_RDZV_ID", "value": "run-train." + namespace}, env["PET_RDZV_ID"])
					assert.NotContains(t, env, "FAST_TIER_DIR")
				}
			})
			t.Run("two stores", func(t *testing.T) {
				got, err := c.render(t, kind, shared, `checkpoints.prepare={"enabled": true, "directory": "team-a"}`,
					`fastTier={"enabled": true, "hostPath": {"path": "/mnt/fast"}, "podSecurityContext": {"fsGroup": 1000}, "test": {"enabled": false}}`,
					`podLabels={"team": "a"}`, `podAnnotations={"note": "b"}`, `nodeSelector={"gpu": "yes"}`)
				require.NoError(t, err)
				for _, pod := range templates(t, got) {
					assert.Equal(t, "a", pod.Labels["team"])
					assert.Equal(t, "b", pod.Annotations["note"])
					assert.Equal(t, map[string]string{"gpu": "yes", "kubernetes.io/os": "linux"}, pod.Spec.NodeSelector)
					assert.Equal(t, map[string]string{"run-checkpoints": "/checkpoints", "run-fast-tier": "/fast-tier"}, claims(pod))
					assert.EqualValues(t, 1000, *pod.Spec.SecurityContext.FSGroup)
					assertPodSecurity(t, api.LevelRestricted, pod)
				}
				for _, env := range environments(got) {
					assert.Equal(t, map[string]any{"name": "CHECKPOINT_DIR", "value": "/checkpoints/team-a"}, env["CHECKPOINT_DIR"])
					assert.Equal(t, map[string]any{"name": "FAST_TIER_DIR", "value": "/fast-tier"}, env["FAST_TIER_DIR"])
				}
			})
		})
	}
}

// TestTrainingRefuses checks what no kind can do with a store, whatever the kind.
func TestTrainingRefuses(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	_, err := c.render(t, "job", "checkpoints.enabled=false")
	require.ErrorContains(t, err, "Fix: set checkpoints.enabled: true")
	got, err := c.render(t, "job", "checkpoints.enabled=false", `command=["true"]`)
	require.NoError(t, err)
	for _, pod := range templates(t, got) {
		assert.Empty(t, claims(pod))
	}
	_, err = c.render(t, "job", `checkpoints={"backend": "iscsi", "volumeMode": "Block", "iscsi": {"targetPortal": "a", "iqn": "iqn.2026-01.com.example:c", "lun": 0}}`)
	require.ErrorContains(t, err, "Fix: set checkpoints.volumeMode: Filesystem")
}

// TestTrainingShards checks that every kind either mounts each shard exactly once, or refuses shards and names the kinds
// that do.
func TestTrainingShards(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	var can []string
	refused := map[string]string{}
	for _, kind := range workloads(t) {
		got, err := c.render(t, kind, perRank, "workers=3")
		if err != nil {
			refused[kind] = err.Error()
			continue
		}
		can = append(can, kind)
		var made, mounted []string
		for _, claim := range got["PersistentVolumeClaim"] {
			made = append(made, claim["metadata"].(map[string]any)["name"].(string))
		}
		for _, pod := range templates(t, got) {
			mounted = append(mounted, slices.Collect(maps.Keys(claims(pod)))...)
			assertPodSecurity(t, api.LevelRestricted, pod)
		}
		for _, set := range got["StatefulSet"] {
			mounted = append(mounted, adopted(t, set)...)
		}
		assert.ElementsMatch(t, made, mounted, kind)
		assert.Len(t, made, 3, kind)

		_, err = c.render(t, kind, perRank, "workers=2")
		assert.ErrorContains(t, err, "Fix: set workers and shards to the same number", kind)
	}
	require.NotEmpty(t, can)
	require.NotEmpty(t, refused)
	words := strings.Join(can[:len(can)-1], ", ") + " or " + can[len(can)-1]
	for kind, refusal := range refused {
		assert.Contains(t, refusal, "Fix: set workload to "+words+";", kind)
	}
}

// TestTrainingAdoption checks that a store whose claims a StatefulSet would not find is refused with the name to give them.
func TestTrainingAdoption(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	_, err := c.render(t, "statefulSet", `checkpoints.shards=4`)
	require.ErrorContains(t, err, "Fix: set checkpoints.claim.name: checkpoints-run-train\n")
	_, err = c.render(t, "statefulSet", `checkpoints.shards=4`, `checkpoints.claim.existing="theirs"`, `checkpoints.provisioning="existing"`)
	require.ErrorContains(t, err, "Fix: set checkpoints.claim.existing: checkpoints-run-train\n")
	_, err = c.render(t, "statefulSet", perRank, `workers=3`, `fastTier={"enabled": true, "shards": 3}`)
	require.ErrorContains(t, err, "Fix: set fastTier.claim.name: fast-tier-run-train\n")
}

// TestTrainingRanks checks how each worker learns who it is: from the workload's own controller, by names that lead to
// rank 0.
func TestTrainingRanks(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	index := map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
	ordinal := map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
	for kind, want := range map[string]struct {
		rank               any
		first, firstOfRank string
	}{
		"job":         {index, "run-train-0.run-train", "run-train-0.run-train"},
		"jobset":      {index, "run-train-worker-0-0.run-train", "run-train-worker-0-0-0.run-train"},
		"statefulSet": {ordinal, "run-train-0.run-train", "run-train-0.run-train"},
	} {
		got, err := c.render(t, kind, shared)
		require.NoError(t, err)
		for _, env := range environments(got) {
			assert.Equal(t, map[string]any{"name": "RANK", "valueFrom": want.rank}, env["RANK"], kind)
			assert.Equal(t, map[string]any{"name": "WORLD_SIZE", "value": "4"}, env["WORLD_SIZE"], kind)
			assert.Equal(t, map[string]any{"name": "MASTER_ADDR", "value": want.first}, env["MASTER_ADDR"], kind)
		}
		got, err = c.render(t, kind, perRank, "workers=3")
		require.NoError(t, err)
		for _, env := range environments(got) {
			assert.Equal(t, map[string]any{"name": "MASTER_ADDR", "value": want.firstOfRank}, env["MASTER_ADDR"], kind)
		}
	}
	// Their operators set it; if the chart also did, it would be set twice.
	for _, kind := range []string{"trainJob", "pyTorchJob", "rayCluster"} {
		got, err := c.render(t, kind, shared)
		require.NoError(t, err)
		for _, env := range environments(got) {
			for _, name := range []string{"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} {
				assert.NotContains(t, env, name, kind)
			}
		}
	}
	one, err := c.render(t, "pyTorchJob", shared, "workers=1")
	require.NoError(t, err)
	assert.Len(t, templates(t, one), 1, "a single worker is the Master")
}

// TestTrainingNames checks that the longest release name leaves room for what operators add to it.
func TestTrainingNames(t *testing.T) {
	t.Parallel()
	chart := charts.TrainingJob(t)
	seen := map[string]bool{}
	for _, release := range []string{strings.Repeat("r", 52) + "a", strings.Repeat("r", 52) + "b", "a.b"} {
		out, err := exec.CommandContext(t.Context(), "helm", "template", release, chart, "--show-only", "templates/config-map.yaml").Output()
		require.NoError(t, err)
		object := &corev1.ConfigMap{}
		require.NoError(t, yaml.Unmarshal(out, object))
		assert.LessOrEqual(t, len(object.Name+"-worker-4095-0-0-abcde"), 63)
		assert.NotContains(t, object.Name, ".")
		assert.False(t, seen[object.Name])
		seen[object.Name] = true
	}
}

// TestTrainingSchema checks that the schema knows the kinds that there are, and takes what Helm and parents put in.
func TestTrainingSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(charts.Root(), training, "values.schema.json"))
	require.NoError(t, err)
	var schema struct {
		Properties struct {
			Workload struct{ Enum []string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	assert.ElementsMatch(t, workloads(t), schema.Properties.Workload.Enum)

	c := trainer{chart: charts.TrainingJob(t)}
	_, err = c.render(t, "job", `global={"region": "eu"}`, "enabled=true")
	require.NoError(t, err)
	for value, want := range map[string]string{
		`workers=0`: "workers", `worker=2`: "worker", `training={"step": 1}`: "step", `image={"repository": ""}`: "repository", `checkpoints={"bakend": "nfs"}`: "bakend",
	} {
		_, err = c.render(t, "job", value)
		require.ErrorContains(t, err, want)
	}
}

// TestTrainingNotes checks that every kind says how to go on, in commands for its namespace, and who runs as root.
func TestTrainingNotes(t *testing.T) {
	t.Parallel()
	training := charts.TrainingJob(t)
	for _, kind := range workloads(t) {
		text := notes(t, training, map[string]any{"workload": kind})
		assert.Contains(t, text, kind+" of 4 workers")
		assert.Contains(t, text, "\n  kubectl -n train ")
		assert.NotContains(t, text, "<no value>")
		assert.NotContains(t, text, "ROOT")
	}
	root := map[string]any{"podSecurityContext": map[string]any{"runAsUser": 0}}
	assert.Contains(t, notes(t, training, map[string]any{"fastTier": map[string]any{"enabled": true, "podSecurityContext": root["podSecurityContext"]}}),
		"ROOT: the workers run as root, because fastTier.podSecurityContext.runAsUser is 0.\n")
	assert.Contains(t, notes(t, training, root), "ROOT: the workers run as root, because podSecurityContext.runAsUser is 0.\n")
}

// TestNotesSayWhoIsRoot checks that a release says which of its pods run as root, and by which value.
func TestNotesSayWhoIsRoot(t *testing.T) {
	t.Parallel()
	prepare := map[string]any{"enabled": true, "directory": "team-a"}
	assert.NotContains(t, notes(t, charts.Chart(), map[string]any{"prepare": prepare}), "ROOT")
	assert.Contains(t, notes(t, charts.Chart(), map[string]any{"podSecurityContext": map[string]any{"runAsUser": 0}}),
		"ROOT: the chart's own pods run as root, because podSecurityContext.runAsUser is 0.\n")
	prepare["owner"] = 1000
	assert.Contains(t, notes(t, charts.Chart(), map[string]any{"prepare": prepare}),
		"ROOT: the Job that creates /checkpoints/team-a runs as root, to give it to prepare.owner and prepare.group.\n")
}

// TestNotesSayWhatUninstallRemoves checks that of a half of a store no more is said than it makes.
func TestNotesSayWhatUninstallRemoves(t *testing.T) {
	t.Parallel()
	for what, half := range map[string]string{"the claim and the volume": "", "the volume": "claim", "the claim": "volume"} {
		values := map[string]any{"keep": false}
		if half != "" {
			values[half] = map[string]any{"create": false}
		}
		assert.Contains(t, notes(t, charts.Chart(), values),
			"`helm uninstall` deletes "+what+" but not the data (Retain)")
	}
}

// notes are what Helm prints of a release.
func notes(t *testing.T, path string, given map[string]any) string {
	t.Helper()
	chart, err := loader.Load(path)
	require.NoError(t, err)
	require.NoError(t, chartutil.ProcessDependencies(chart, given))
	values, err := chartutil.ToRenderValues(chart, given, chartutil.ReleaseOptions{Name: "run", Namespace: namespace}, nil)
	require.NoError(t, err)
	files, err := engine.Render(chart, values)
	require.NoError(t, err)
	return files[chart.Name()+"/templates/NOTES.txt"]
}
