package render

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/sample"
	"checkpoint-storage/tools/catalog"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// assertReadsOnly checks that a pod of the chart asks the kubelet for a mount that it cannot write to: by its reference to
// the claim, which reaches the driver, and by the mount, for a pod whose volumes another controller writes.
func assertReadsOnly(t *testing.T, job *batchv1.Job, where string) {
	t.Helper()
	pod := job.Spec.Template.Spec
	require.NotNil(t, pod.Volumes[0].PersistentVolumeClaim, where)
	assert.True(t, pod.Volumes[0].PersistentVolumeClaim.ReadOnly, where)
	for _, mount := range pod.Containers[0].VolumeMounts {
		if mount.Name == pod.Volumes[0].Name {
			assert.True(t, mount.ReadOnly, where)
		}
	}
}

// TestReadOnlyIsReadOnly holds, for every backend that can be static, that each way to say that pods only read the store
// makes their volumes read-only, and the volume itself where its driver takes it.
func TestReadOnlyIsReadOnly(t *testing.T) {
	t.Parallel()
	all, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range sample.Of(all) {
		if !b.Capabilities.Serves("static") {
			continue
		}
		ways := map[string]map[string]any{"readOnly": {"readOnly": true}}
		if _, there := b.Schema.Properties["readOnly"]; there {
			section := maps.Clone(b.Example)
			section["readOnly"] = true
			ways["section"] = map[string]any{b.Name: section}
		}
		if slices.Contains(b.Capabilities.AccessModes["Filesystem"], "ReadOnlyMany") {
			ways["mode"] = map[string]any{"accessModes": []string{"ReadOnlyMany"}}
		}
		for way, more := range ways {
			t.Run(b.Name+"/"+way, func(t *testing.T) {
				t.Parallel()
				values := b.ExampleDocument()
				maps.Copy(values, more)
				if way == "mode" && b.Capabilities.NodeBound && len(b.Schema.Required) == 0 {
					// Pods of many nodes, on a directory of one.
					values[b.Name] = map[string]any{"path": "/mnt/data", "sharedMount": true}
				}
				if kind := b.Schema.Properties["kind"]; way == "mode" && kind["default"] == "block" {
					// A disk is one node's, whatever reads it.
					section := maps.Clone(b.Example)
					section["kind"] = "file"
					values[b.Name] = section
				}
				set := map[string]string{}
				for key, value := range values {
					text, err := json.Marshal(value)
					require.NoError(t, err)
					set[key] = string(text)
				}
				manifest, err := renderHere(&helm.Options{SetJSONValues: set})
				require.NoError(t, err)
				got := decode(t, manifest)
				require.Len(t, got.jobs, 1)
				assertReadsOnly(t, got.jobs[0], way)
				assert.Equal(t, "true", got.configMaps[0].Data["CHECKPOINT_READ_ONLY"])
			})
		}
	}
}

// TestReadOnlyMountOption checks that a volume is mounted with the option by which its driver mounts it read-only, once,
// whatever list the values have; and that a driver which takes none is given none.
func TestReadOnlyMountOption(t *testing.T) {
	t.Parallel()
	options := func(values map[string]string) []string { return set(t, values).volumes[0].Spec.MountOptions }
	nfs := manyNodes(map[string]string{"readOnly": "true"})
	assert.Equal(t, []string{"nfsvers=4.1", "hard", "noatime", "nconnect=4", "ro"}, options(nfs))
	nfs["mountOptions"] = `["ro", "hard"]`
	assert.Equal(t, []string{"hard", "ro"}, options(nfs), "last, where it has the last word")
	nfs["mountOptions"] = `[]`
	assert.Equal(t, []string{"ro"}, options(nfs))

	blob := map[string]string{"backend": `"azureBlob"`, "azureBlob": `{"storageAccount": "a", "containerName": "c", "protocol": "nfs"}`, "accessModes": `["ReadOnlyMany"]`}
	assert.Contains(t, options(blob), "ro")
	blob["azureBlob"] = `{"storageAccount": "a", "containerName": "c", "protocol": "fuse2", "secretRef": {"name": "a"}}`
	assert.Contains(t, options(blob), "-o ro")
	s3 := map[string]string{"backend": `"awsS3"`, "awsS3": `{"bucketName": "b"}`, "accessModes": `["ReadOnlyMany"]`}
	assert.Contains(t, options(s3), "read-only")

	unknown := map[string]string{"backend": `"csi"`, "csi": `{"driver": "a", "volumeHandle": "b"}`, "accessModes": `["ReadOnlyMany"]`}
	assert.Empty(t, options(unknown), "the driver's options are not known")
	assert.Empty(t, options(map[string]string{"readOnly": "true"}), "kubelet refuses mount options on a directory of the node")
}

// TestReadOnlyReachesAttach checks that a driver that attaches read-only gets the attribute: the second node could not
// attach the disk otherwise.
func TestReadOnlyReachesAttach(t *testing.T) {
	t.Parallel()
	pd := map[string]string{"backend": `"gcpPd"`, "gcpPd": `{"project": "p", "disk": "d", "zones": ["europe-west4-a"]}`}
	assert.False(t, set(t, pd).volumes[0].Spec.CSI.ReadOnly)
	pd["accessModes"] = `["ReadOnlyMany"]`
	assert.True(t, set(t, pd).volumes[0].Spec.CSI.ReadOnly)
	pd["accessModes"], pd["readOnly"] = `["ReadWriteOnce"]`, "true"
	assert.True(t, set(t, pd).volumes[0].Spec.CSI.ReadOnly)
	// A volume's source can never change, and a store that was written can become one that is read.
	nfs := set(t, manyNodes(map[string]string{"readOnly": "true"}))
	assert.False(t, nfs.volumes[0].Spec.NFS.ReadOnly)
}

// TestReadOnlyIsNotMoreThanSaid checks that a store with a mode for writing, or without the key, is writable.
func TestReadOnlyIsNotMoreThanSaid(t *testing.T) {
	t.Parallel()
	for _, more := range []map[string]string{
		nil,
		{"accessModes": `["ReadWriteMany", "ReadOnlyMany"]`},
		{"readOnly": "false", "nfs": `{"server": "a", "path": "/b", "readOnly": false}`},
	} {
		got := set(t, manyNodes(more))
		pod := got.jobs[0].Spec.Template.Spec
		assert.False(t, pod.Volumes[0].PersistentVolumeClaim.ReadOnly)
		assert.False(t, pod.Containers[0].VolumeMounts[0].ReadOnly)
		assert.NotContains(t, got.volumes[0].Spec.MountOptions, "ro")
		assert.Equal(t, "false", got.configMaps[0].Data["CHECKPOINT_READ_ONLY"])
		assert.Equal(t, []string{"sh", "/helm-test/framework.sh"}, pod.Containers[0].Command)
	}
}

// TestReadOnlyOfOthers checks that an existing claim or class is read-only only if the values say so.
func TestReadOnlyOfOthers(t *testing.T) {
	t.Parallel()
	existing := set(t, map[string]string{"provisioning": `"existing"`, "claim.existing": `"theirs"`, "readOnly": "true"})
	assertReadsOnly(t, existing.jobs[0], "existing")
	assert.Equal(t, []string{"sh", "/helm-test/reader.sh"}, existing.jobs[0].Spec.Template.Spec.Containers[0].Command)
	assert.EqualValues(t, 1, *existing.jobs[0].Spec.Completions)

	made := map[string]string{
		"backend": `"awsEbs"`, "provisioning": `"dynamic"`, "storageClass.create": "true", "readOnly": "true",
		"claim.dataSourceRef": `{"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "step-1000"}`,
	}
	got := set(t, made)
	assertReadsOnly(t, got.jobs[0], "dynamic")
	assert.Contains(t, got.classes[0].MountOptions, "ro", "the volume of the snapshot is mounted so")

	device := set(t, map[string]string{
		"backend": `"iscsi"`, "volumeMode": `"Block"`, "mountPath": `"/dev/ckpt"`, "readOnly": "true",
		"iscsi": `{"targetPortal": "a", "iqn": "iqn.2026-01.com.example:c", "lun": 0}`,
	})
	assertReadsOnly(t, device.jobs[0], "device")
	assert.Empty(t, device.volumes[0].Spec.MountOptions)
	assert.Contains(t, device.jobs[0].Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "READ_ONLY", Value: "true"})
}

// TestReadOnlyOfOneShard checks that a single shard can be read-only.
func TestReadOnlyOfOneShard(t *testing.T) {
	t.Parallel()
	got := set(t, map[string]string{
		"backend": `"nfs"`, "accessModes": `["ReadWriteMany"]`, "shards": "2",
		"shardOverrides": `[{"source": {"server": "a", "path": "/0", "readOnly": true}}, {"source": {"server": "a", "path": "/1"}}]`,
	})
	require.Len(t, got.jobs, 2)
	assertReadsOnly(t, got.jobs[0], "shard 0")
	assert.Equal(t, "/helm-test/reader.sh", got.jobs[0].Spec.Template.Spec.Containers[0].Command[1])
	assert.False(t, got.jobs[1].Spec.Template.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly)
	assert.Equal(t, "/helm-test/framework.sh", got.jobs[1].Spec.Template.Spec.Containers[0].Command[1])
	assert.Contains(t, got.volumes[0].Spec.MountOptions, "ro")
	assert.NotContains(t, got.volumes[1].Spec.MountOptions, "ro")
	assert.Equal(t, "true", got.configMaps[0].Data["CHECKPOINT_READ_ONLY"])
}

// TestNobodyWritesToAReadOnlyStore checks that whoever would write is refused, with the key to change.
func TestNobodyWritesToAReadOnlyStore(t *testing.T) {
	t.Parallel()
	for writer, values := range map[string]string{
		"frameworks": `["dcp"]`,
		"prepare":    `{"enabled": true, "directory": "team-a"}`,
		"benchmark":  `{"enabled": true, "image": {"repository": "fio"}}`,
	} {
		for fix, more := range map[string]map[string]string{
			" readOnly: false":                     {"readOnly": "true"},
			" nfs.readOnly: false":                 {"nfs": `{"server": "a", "path": "/b", "readOnly": true}`},
			" accessModes: [ReadWriteMany]":        {"accessModes": `["ReadOnlyMany"]`},
			"readOnly: false, nfs.readOnly: false": {"readOnly": "true", "nfs": `{"server": "a", "path": "/b", "readOnly": true}`},
		} {
			more = maps.Clone(more)
			more[writer] = values
			_, err := render(t, &helm.Options{SetJSONValues: manyNodes(more)})
			require.Error(t, err, writer)
			assert.Contains(t, strings.Join(strings.Fields(err.Error()), " "), fix, writer)
		}
	}
}

// TestTrainerOfAReadOnlyStore checks that the example trainer, which saves, is refused on a store that pods only read, and
// that the user's own command mounts it read-only in every kind of workload, however the kind declares volumes.
func TestTrainerOfAReadOnlyStore(t *testing.T) {
	t.Parallel()
	c := trainer{chart: charts.TrainingJob(t)}
	readOnly := []string{shared, "checkpoints.readOnly=true"}
	for _, kind := range workloads(t) {
		_, err := c.render(t, kind, readOnly...)
		require.ErrorContains(t, err, "pods only read checkpoints (readOnly: true), and files/train.py saves there.")
		require.ErrorContains(t, err, "Fix: set, under checkpoints, readOnly: false; or set your own command that only reads")

		own := append(slices.Clone(readOnly), `command=["python3", "/eval.py"]`)
		if kind == "statefulSet" {
			own[0] = perRank
			own = append(own, "workers=3")
		}
		got, err := c.render(t, kind, own...)
		require.NoError(t, err, kind)
		for _, pod := range templates(t, got) {
			mounts := 0
			for _, mount := range pod.Spec.Containers[0].VolumeMounts {
				if mount.MountPath == "/checkpoints" {
					mounts++
					assert.True(t, mount.ReadOnly, kind)
				}
			}
			assert.Equal(t, 1, mounts, kind)
			for _, volume := range pod.Spec.Volumes {
				if volume.PersistentVolumeClaim != nil {
					assert.True(t, volume.PersistentVolumeClaim.ReadOnly, kind)
				}
			}
		}
	}
}
