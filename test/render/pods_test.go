package render

import (
	"os"
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
)

// everyJob has the chart make each of its kinds of Job, on storage that many nodes mount.
func everyJob(more map[string]string) map[string]string {
	values := manyNodes(map[string]string{
		"prepare.enabled": "true", "prepare.directory": `"team-a"`, "benchmark": `{"enabled": true, "image": {"repository": "registry.example.com/fio"}}`,
	})
	for key, value := range more {
		values[key] = value
	}
	return values
}

// jobs renders them and returns them by what they do.
func jobs(t *testing.T, more map[string]string) map[string]*batchv1.Job {
	t.Helper()
	got := set(t, everyJob(more))
	require.Len(t, got.prepares, 1)
	require.Len(t, got.jobs, 2)
	found := map[string]*batchv1.Job{"prepare": got.prepares[0]}
	for _, job := range got.jobs {
		found[job.Spec.Template.Spec.Containers[0].Name] = job
	}
	require.Len(t, found, 3)
	return found
}

// TestPodsAreRestricted checks every pod that the chart makes, on every backend, to the restricted Pod Security profile, and
// those that a value makes root to baseline.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	for _, f := range sample.Of(fixtures(t, "accept")) {
		t.Run(f.backend+"/"+f.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(f.file)
			require.NoError(t, err)
			manifest, err := renderHere(&helm.Options{ValuesFiles: []string{f.file}})
			require.NoError(t, err)
			got := decode(t, manifest)
			for _, job := range got.jobs {
				assertPodSecurity(t, api.LevelRestricted, &job.Spec.Template)
			}
			for _, job := range got.prepares {
				level := api.LevelRestricted
				if strings.Contains(string(text), "owner:") || strings.Contains(string(text), "group:") {
					level = api.LevelBaseline
				}
				assertPodSecurity(t, level, &job.Spec.Template)
			}
		})
	}
}

// TestPodsAreRootWhereAValueSaysSo checks that runAsUser: 0 is all it takes, and that both ways at once are refused.
func TestPodsAreRootWhereAValueSaysSo(t *testing.T) {
	t.Parallel()
	for what, job := range jobs(t, map[string]string{"podSecurityContext": `{"runAsUser": 0}`}) {
		security := job.Spec.Template.Spec.SecurityContext
		assert.EqualValues(t, 0, *security.RunAsUser, what)
		assert.False(t, *security.RunAsNonRoot, "%s: the kubelet starts no root that must not be root", what)
		assertPodSecurity(t, api.LevelBaseline, &job.Spec.Template)
	}
	_, err := render(t, &helm.Options{SetJSONValues: everyJob(map[string]string{"podSecurityContext": `{"runAsUser": 0, "runAsNonRoot": true}`})})
	require.ErrorContains(t, err, "Fix: leave podSecurityContext.runAsNonRoot out")
}

// TestPodsOfAnyUser checks that null leaves the user to the cluster, as OpenShift requires, and nothing else changes.
func TestPodsOfAnyUser(t *testing.T) {
	t.Parallel()
	for what, job := range jobs(t, map[string]string{"podSecurityContext": `{"runAsUser": null, "runAsGroup": null}`}) {
		security := job.Spec.Template.Spec.SecurityContext
		assert.Nil(t, security.RunAsUser, what)
		assert.Nil(t, security.RunAsGroup, what)
		assertPodSecurity(t, api.LevelRestricted, &job.Spec.Template)
	}
	manifest, err := render(t, &helm.Options{SetJSONValues: everyJob(map[string]string{"podSecurityContext": `{"runAsUser": null, "runAsGroup": null}`})})
	require.NoError(t, err)
	assert.NotContains(t, manifest, "runAsUser:")
}

// TestJobsAndPodsCarryTheSame checks that labels and annotations are on a Job, where Kueue looks, and on its pod, where
// Kyverno and Istio do: those of all objects, and those of the Job.
func TestJobsAndPodsCarryTheSame(t *testing.T) {
	t.Parallel()
	values := map[string]string{"commonLabels": `{"owner_team": "ml"}`, "commonAnnotations": `{"contact": "storage", "shared": "common"}`}
	for _, key := range []string{"prepare", "test"} {
		values[key+".labels"] = `{"kueue.x-k8s.io/queue-name": "platform", "empty": ""}`
		values[key+".annotations"] = `{"sidecar.istio.io/inject": "false", "shared": "own"}`
	}
	for what, job := range jobs(t, values) {
		for where, meta := range map[string]metav1.ObjectMeta{"job": job.ObjectMeta, "pod": job.Spec.Template.ObjectMeta} {
			assert.Equal(t, "ml", meta.Labels["owner_team"], "%s %s", what, where)
			assert.Equal(t, "platform", meta.Labels["kueue.x-k8s.io/queue-name"], "%s %s", what, where)
			assert.Contains(t, meta.Labels, "empty", "%s %s", what, where)
			assert.Equal(t, "storage", meta.Annotations["contact"], "%s %s", what, where)
			assert.Equal(t, "false", meta.Annotations["sidecar.istio.io/inject"], "%s %s", what, where)
			assert.Equal(t, "own", meta.Annotations["shared"], "%s %s", what, where)
		}
		assert.NotContains(t, job.Spec.Template.Annotations, "helm.sh/hook", what)
		if what != "prepare" {
			assert.Equal(t, "test", job.Annotations["helm.sh/hook"])
		}
	}
}

// TestPodsGoWhereTheyAreSent checks the keys of a pod that say where it runs, beside what the chart asks for itself.
func TestPodsGoWhereTheyAreSent(t *testing.T) {
	t.Parallel()
	where := `"nodeSelector": {"pool": "storage"}, "priorityClassName": "platform", "runtimeClassName": "kata", "ttlSecondsAfterFinished": 600,
		"tolerations": [{"key": "storage", "operator": "Exists"}],
		"affinity": {
			"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "Exists"}]}]}},
			"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": {"topologyKey": "rack"}}]}}`
	for what, job := range jobs(t, map[string]string{
		"prepare": `{"enabled": true, "directory": "team-a", ` + where + `}`, "test": `{` + where + `}`, "prepare.enabled": "true", "prepare.directory": `"team-a"`,
	}) {
		pod := job.Spec.Template.Spec
		assert.EqualValues(t, 600, *job.Spec.TTLSecondsAfterFinished, what)
		assert.Equal(t, map[string]string{"kubernetes.io/os": "linux", "pool": "storage"}, pod.NodeSelector, what)
		assert.Equal(t, "platform", pod.PriorityClassName, what)
		assert.Equal(t, "kata", *pod.RuntimeClassName, what)
		assert.Len(t, pod.Tolerations, 1, what)
		assert.NotNil(t, pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution, what)
		terms := pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
		assert.Equal(t, "rack", terms[0].PodAffinityTerm.TopologyKey, what)
		if what == "prepare" {
			assert.Len(t, terms, 1)
		} else {
			require.Len(t, terms, 2, what)
			assert.Equal(t, map[string]string{"job-name": job.Name}, terms[1].PodAffinityTerm.LabelSelector.MatchLabels)
		}
	}
	for what, job := range jobs(t, map[string]string{"prepare.nodeSelector": `{"kubernetes.io/arch": "arm64"}`, "test.nodeSelector": `{"kubernetes.io/arch": "arm64"}`}) {
		assert.Equal(t, map[string]string{"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}, job.Spec.Template.Spec.NodeSelector, what)
		assert.Nil(t, job.Spec.TTLSecondsAfterFinished, what)
	}
}

// TestImages checks which image a pod runs, and with which secrets it is pulled.
func TestImages(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0f", 32)
	images := func(more map[string]string) map[string]string {
		found := map[string]string{}
		for what, job := range jobs(t, more) {
			found[what] = job.Spec.Template.Spec.Containers[0].Image
		}
		return found
	}
	assert.Equal(t, map[string]string{"prepare": "busybox:1.37.0", "test": "busybox:1.37.0", "benchmark": "registry.example.com/fio:latest"}, images(nil))
	assert.Equal(t, map[string]string{
		"prepare": "mirror.example.com:5000/hub/busybox@" + digest, "test": "mirror.example.com:5000/hub/busybox:1.37.0",
		"benchmark": "registry.example.com/fio:latest",
	}, images(map[string]string{"global": `{"imageRegistry": "mirror.example.com:5000/hub/"}`, "prepare.image.digest": `"` + digest + `"`}))
	assert.Equal(t, "mirror/library/busybox:1.37.0", images(map[string]string{
		"global": `{"imageRegistry": "mirror"}`, "test.image.repository": `"library/busybox"`,
	})["test"])

	for what, job := range jobs(t, map[string]string{
		"global":                   `{"imagePullSecrets": ["regcred", {"name": "other"}]}`,
		"prepare.imagePullSecrets": `["own", {"name": "other"}]`, "test.imagePullSecrets": `[{"name": "own"}]`,
	}) {
		var names []string
		for _, secret := range job.Spec.Template.Spec.ImagePullSecrets {
			names = append(names, secret.Name)
		}
		assert.ElementsMatch(t, []string{"own", "other", "regcred"}, names, what)
	}
	for _, nothing := range []string{`{}`, `{"imageRegistry": "", "imagePullSecrets": []}`, `{"imageRegistry": null, "imagePullSecrets": null}`} {
		for what, job := range jobs(t, map[string]string{"global": nothing}) {
			assert.Empty(t, job.Spec.Template.Spec.ImagePullSecrets, what)
		}
	}
}

// TestTrainingWorkers checks the same of the training chart: the workload where Kueue looks, its pods in every kind.
func TestTrainingWorkers(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	digest := "sha256:" + strings.Repeat("0f", 32)
	for _, kind := range workloads(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			values := []string{
				shared, `global={"imageRegistry": "mirror.example.com", "imagePullSecrets": ["regcred"]}`, `imagePullSecrets=["own", {"name": "regcred"}]`,
				`image={"repository": "training/torch", "digest": "` + digest + `"}`, `labels={"kueue.x-k8s.io/queue-name": "gpus"}`, `annotations={"note": "b"}`,
			}
			named := append([]string{`priorityClassName="gpus"`, `runtimeClassName="nvidia"`}, values...)
			got, err := c.render(t, kind, named...)
			if err != nil {
				require.ErrorContains(t, err, "Fix: leave priorityClassName out")
				got, err = c.render(t, kind, values...)
				require.NoError(t, err)
			} else {
				for _, pod := range templates(t, got) {
					assert.Equal(t, "gpus", pod.Spec.PriorityClassName)
					assert.Equal(t, "nvidia", *pod.Spec.RuntimeClassName)
				}
			}
			queued := 0
			for _, objects := range got {
				for _, object := range objects {
					meta := object["metadata"].(map[string]any)
					if labels, ok := meta["labels"].(map[string]any); ok && labels["kueue.x-k8s.io/queue-name"] == "gpus" {
						queued++
						assert.Equal(t, map[string]any{"note": "b"}, meta["annotations"])
						assert.NotEqual(t, "Service", object["kind"])
					}
				}
			}
			assert.Equal(t, 1, queued, "the workload, and nothing else, waits in the queue")
			for _, pod := range templates(t, got) {
				assert.Equal(t, "linux", pod.Spec.NodeSelector["kubernetes.io/os"])
				assert.Equal(t, []corev1.LocalObjectReference{{Name: "own"}, {Name: "regcred"}}, pod.Spec.ImagePullSecrets)
			}
			text := strings.Join(imagesOf(got), " ")
			assert.Contains(t, text, "mirror.example.com/training/torch@"+digest)

			for _, each := range []struct{ set, root, refused string }{
				{`fastTier={"enabled": true, "test": {"enabled": false}}`, "", ""},
				{`fastTier={"enabled": true, "test": {"enabled": false}, "podSecurityContext": {"runAsUser": 0}}`, "yes", ""},
				{`podSecurityContext={"runAsUser": 0}`, "yes", ""},
				{`podSecurityContext={"runAsUser": 0, "runAsNonRoot": true}`, "", "Fix: leave podSecurityContext.runAsNonRoot out"},
				{`podSecurityContext={"runAsUser": null, "runAsGroup": null}`, "any", ""},
			} {
				got, err := c.render(t, kind, shared, each.set)
				if each.refused != "" {
					require.ErrorContains(t, err, each.refused)
					continue
				}
				require.NoError(t, err, each.set)
				for _, pod := range templates(t, got) {
					security := pod.Spec.SecurityContext
					level := api.LevelRestricted
					switch each.root {
					case "yes":
						level = api.LevelBaseline
						assert.EqualValues(t, 0, *security.RunAsUser, each.set)
					case "any":
						assert.Nil(t, security.RunAsUser, each.set)
					default:
						assert.EqualValues(t, 1000, *security.RunAsUser, each.set)
					}
					assert.Equal(t, each.root != "yes", *security.RunAsNonRoot, each.set)
					assertPodSecurity(t, level, pod)
				}
			}
		})
	}
}

// imagesOf are the images of the training chart's containers, wherever a kind has them.
func imagesOf(objects map[string][]map[string]any) []string {
	var found []string
	walk(map[string]any{"": anys(objects)}, func(m map[string]any) {
		if image, ok := m["image"].(string); ok {
			found = append(found, image)
		}
	})
	return found
}
