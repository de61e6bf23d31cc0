package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"checkpoint-storage/test/internal/charts"
)

const training = "charts/training-job"

// workloads finds the kinds of workload that the training chart has, by their files.
func workloads(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(charts.Root(), training, "templates/workloads/_*.tpl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var kinds []string
	for _, file := range files {
		kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "_"), ".tpl"))
	}
	return kinds
}

// judge is the program of test/operators, built when it is first asked for.
var judge = sync.OnceValues(func() (string, error) {
	program := filepath.Join(charts.Root(), ".build", "operators")
	out, err := exec.Command("go", "build", "-C", charts.Operators(), "-o", program, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// trainer is the training chart, ready to be rendered.
type trainer struct{ chart string }

// render renders one kind of workload with Helm 3 and Helm 4, holds that they agree, and that every object is what its
// API knows and nothing else. Without an error it returns the objects by kind.
func (c trainer) render(t *testing.T, kind string, set ...string) (map[string][]map[string]any, error) {
	t.Helper()
	args := []string{"template", "run", c.chart, "--namespace", namespace, "--set", "workload=" + kind}
	for _, each := range set {
		args = append(args, "--set-json", each)
	}
	var manifests [2]string
	for i, helm := range []string{"helm", "helm4"} {
		out, err := exec.CommandContext(t.Context(), helm, args...).Output()
		if err != nil {
			exit := &exec.ExitError{}
			require.ErrorAs(t, err, &exit)
			return nil, fmt.Errorf("%s: %s", helm, exit.Stderr)
		}
		manifests[i] = string(out)
	}
	got := decodeAll(t, manifests[0])
	assert.Equal(t, got, decodeAll(t, manifests[1]), "Helm 4 renders something else")
	return got, nil
}

func decodeAll(t *testing.T, manifest string) map[string][]map[string]any {
	t.Helper()
	got := map[string][]map[string]any{}
	var others []string
	for _, document := range strings.Split(manifest, "\n---") {
		document = strings.TrimSpace(strings.TrimPrefix(document, "---"))
		if !strings.Contains(document, "kind:") {
			continue
		}
		object := map[string]any{}
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), &object), document)
		kind := object["kind"].(string)
		got[kind] = append(got[kind], object)
		_, _, err := strictCodecs.UniversalDeserializer().Decode([]byte(document), nil, nil)
		if runtime.IsNotRegisteredError(err) {
			others = append(others, document)
			continue
		}
		require.NoError(t, err, document)
	}
	if len(others) > 0 {
		program, err := judge()
		require.NoError(t, err)
		command := exec.CommandContext(t.Context(), program)
		command.Stdin = strings.NewReader(strings.Join(others, "\n---\n"))
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return got
}

// walk visits every map below a value.
func walk(value any, visit func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(value)
		for _, each := range value {
			walk(each, visit)
		}
	case []any:
		for _, each := range value {
			walk(each, visit)
		}
	}
}

// templates are the pod templates of a workload, wherever its kind has them.
func templates(t *testing.T, objects map[string][]map[string]any) []*corev1.PodTemplateSpec {
	t.Helper()
	var found []*corev1.PodTemplateSpec
	for _, kind := range slices.Sorted(maps.Keys(objects)) {
		for _, object := range objects[kind] {
			if !ofTraining(object) {
				continue
			}
			walk(object, func(m map[string]any) {
				spec, _ := m["spec"].(map[string]any)
				if _, ok := spec["containers"]; !ok {
					return
				}
				text, err := json.Marshal(m)
				require.NoError(t, err)
				pod := &corev1.PodTemplateSpec{}
				require.NoError(t, json.Unmarshal(text, pod))
				found = append(found, pod)
			})
		}
	}
	require.NotEmpty(t, found)
	return found
}

// ofTraining says whether an object is the training chart's own, and no store's.
func ofTraining(object map[string]any) bool {
	metadata, ok := object["metadata"].(map[string]any)
	return ok && strings.HasPrefix(metadata["name"].(string), "run-train")
}

// environments are the lists of environment variables of a workload, by name.
func environments(objects map[string][]map[string]any) []map[string]any {
	var found []map[string]any
	walk(map[string]any{"": anys(objects)}, func(m map[string]any) {
		list, ok := m["env"].([]any)
		if !ok {
			return
		}
		env := map[string]any{}
		for _, each := range list {
			entry := each.(map[string]any)
			env[entry["name"].(string)] = entry
		}
		found = append(found, env)
	})
	return found
}

func anys(objects map[string][]map[string]any) []any {
	var all []any
	for _, kind := range slices.Sorted(maps.Keys(objects)) {
		for _, object := range objects[kind] {
			if ofTraining(object) {
				all = append(all, object)
			}
		}
	}
	return all
}

// shared is a store that every node reaches, and that takes no rights to write to.
const shared = `checkpoints={"hostPath": {"path": "/mnt/ckpt", "sharedMount": true}, "accessModes": ["ReadWriteMany"], "test": {"enabled": false}}`

// perRank is a store of shards, with the names that a StatefulSet looks for.
const perRank = `checkpoints={"hostPath": {"path": "/mnt/{shard}", "sharedMount": true}, "shards": 3, "claim": {"name": "checkpoints-run-train"}, "test": {"enabled": false}}`

// claims are the claims that a pod template mounts, with the path of each.
func claims(pod *corev1.PodTemplateSpec) map[string]string {
	paths := map[string]string{}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		paths[mount.Name] = mount.MountPath
	}
	found := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			found[volume.PersistentVolumeClaim.ClaimName] = paths[volume.Name]
		}
	}
	return found
}

// adopted are the claims that a StatefulSet takes, by the names that its controller looks for.
func adopted(t *testing.T, object map[string]any) []string {
	t.Helper()
	text, err := json.Marshal(object)
	require.NoError(t, err)
	set := &appsv1.StatefulSet{}
	require.NoError(t, json.Unmarshal(text, set))
	var names []string
	for _, template := range set.Spec.VolumeClaimTemplates {
		for ordinal := range int(*set.Spec.Replicas) {
			names = append(names, fmt.Sprintf("%s-%s-%d", template.Name, set.Name, ordinal))
		}
	}
	assert.Equal(t, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted)
	assert.Equal(t, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, set.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled)
	return names
}
