package install

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/yaml"
)

// promise is what a driver has to be asked for, as the reviewed text in the backend's folder says.
type promise struct {
	volume *corev1.PersistentVolume
	class  *storagev1.StorageClass
}

// zones are the labels of the nodes that the storage is in reach of.
func (p promise) zones() map[string]string {
	if p.class != nil {
		return zonesOfClass(p.class)
	}
	return zonesOfVolume(p.volume)
}

// promised reads the case's reviewed text, with the names in it replaced by those at hand, and replaces them in the
// values too: a volume of one node needs a node that there is.
func promised(t *testing.T, c csiCase, namespace, node string) promise {
	t.Helper()
	text, err := os.ReadFile(c.golden)
	require.NoError(t, err, "go test ./test/render -update writes it, for you to review")
	const train = "train"
	names := []string{`"` + train + `"`, `"` + namespace + `"`, train + "." + release, namespace + "." + release}
	out := parsePromise(t, strings.NewReplacer(names...).Replace(string(text)))
	host, ok := out.zones()[corev1.LabelHostname]
	if !ok {
		return out
	}
	inValues, err := yaml.Marshal(c.values)
	require.NoError(t, err)
	clear(c.values)
	require.NoError(t, yaml.Unmarshal([]byte(strings.ReplaceAll(string(inValues), host, node)), &c.values))
	return parsePromise(t, strings.NewReplacer(append(names, host, node)...).Replace(string(text)))
}

func parsePromise(t *testing.T, text string) promise {
	t.Helper()
	var out promise
	for _, document := range strings.Split(text, "\n---") {
		var kind struct{ Kind string }
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		switch kind.Kind {
		case "PersistentVolume":
			out.volume = &corev1.PersistentVolume{}
			require.NoError(t, yaml.UnmarshalStrict([]byte(document), out.volume))
		case "StorageClass":
			out.class = &storagev1.StorageClass{}
			require.NoError(t, yaml.UnmarshalStrict([]byte(document), out.class))
		}
	}
	return out
}

// csiModes are the access modes in the CSI specification's words, for a driver that tells one pod from one node.
var csiModes = map[string]string{
	"ReadWriteOnce":    "SINGLE_NODE_MULTI_WRITER",
	"ReadWriteOncePod": "SINGLE_NODE_SINGLE_WRITER",
	"ReadOnlyMany":     "MULTI_NODE_READER_ONLY",
	"ReadWriteMany":    "MULTI_NODE_MULTI_WRITER",
}

const (
	// ofKubernetes begins the parameters that are for the provisioner, and the attributes that the kubelet adds.
	ofKubernetes = "csi.storage.k8s.io/"
)

// assertMounted holds that each call of a node asked for what the volume promises: pv is the one on the cluster,
// whose source the caller has compared with the reviewed text.
func assertMounted(t *testing.T, c csiCase, pv *corev1.PersistentVolume, record csi.Record, podInfo bool) {
	t.Helper()
	source, got := pv.Spec.CSI, record.Request
	where := record.Call + " on " + record.Node
	assert.Empty(t, record.Error, where)
	assert.Equal(t, source.VolumeHandle, got.VolumeID, where)
	assert.Equal(t, csiModes[c.mode], got.VolumeCapability.AccessMode.Mode, where)
	assertCapability(t, c, got.VolumeCapability, source.FSType, pv.Spec.MountOptions, where)
	secret := source.NodeStageSecretRef
	attributes := maps.Clone(got.VolumeContext)
	if record.Call == "NodePublishVolume" {
		secret = source.NodePublishSecretRef
		assert.Equal(t, podInfo, attributes[ofKubernetes+"pod.name"] != "", "%s: podInfoOnMount", where)
		maps.DeleteFunc(attributes, func(key, _ string) bool { return strings.HasPrefix(key, ofKubernetes) })
		// The kubelet goes by the pod's reference to the claim, not by the volume.
		assert.Equal(t, c.mode == "ReadOnlyMany", got.Readonly, where)
	}
	assert.Equal(t, orEmpty(source.VolumeAttributes), orEmpty(attributes), "%s: attributes", where)
	assertSecret(t, secret, got.Secrets, where)
}

func assertCapability(t *testing.T, c csiCase, got csi.Capability, fsType string, flags []string, where string) {
	t.Helper()
	if c.volumeMode == "Block" {
		assert.NotNil(t, got.Block, where)
		return
	}
	if assert.NotNil(t, got.Mount, where) {
		assert.Equal(t, fsType, got.Mount.FSType, "%s: file system", where)
		assert.Equal(t, append([]string{}, flags...), append([]string{}, got.Mount.MountFlags...), "%s: mount options", where)
	}
}

// assertSecret holds that a call brought the secret that was named; its content says where it comes from.
func assertSecret(t *testing.T, ref *corev1.SecretReference, got map[string]string, where string) {
	t.Helper()
	want := map[string]string{}
	if ref != nil {
		want = csi.SecretContent(ref)
	}
	assert.Equal(t, want, orEmpty(got), "%s: secret", where)
}

// secretsOfVolume and secretsOfClass are the secrets that each names.
func secretsOfVolume(source *corev1.CSIPersistentVolumeSource) []*corev1.SecretReference {
	return []*corev1.SecretReference{
		source.NodeStageSecretRef, source.NodePublishSecretRef, source.ControllerPublishSecretRef, source.ControllerExpandSecretRef, source.NodeExpandSecretRef,
	}
}

func secretsOfClass(class *storagev1.StorageClass) []*corev1.SecretReference {
	var out []*corev1.SecretReference
	for _, use := range []string{"provisioner", "controller-publish", "controller-expand", "node-stage", "node-publish", "node-expand"} {
		out = append(out, classSecret(class, use))
	}
	return out
}

// assertMade holds that the volume was made with what the class promises.
func assertMade(t *testing.T, c csiCase, class *storagev1.StorageClass, record csi.Record) {
	t.Helper()
	assert.Empty(t, record.Error)
	own := maps.Clone(class.Parameters)
	maps.DeleteFunc(own, func(key, _ string) bool { return strings.HasPrefix(key, ofKubernetes) })
	assert.Equal(t, orEmpty(own), orEmpty(record.Request.Parameters), "parameters")
	assertSecret(t, classSecret(class, "provisioner"), record.Request.Secrets, "CreateVolume")
	if assert.Len(t, record.Request.VolumeCapabilities, 1) {
		got := record.Request.VolumeCapabilities[0]
		assert.Equal(t, csiModes[c.mode], got.AccessMode.Mode)
		fsType := class.Parameters[ofKubernetes+"fstype"]
		for key, value := range class.Parameters {
			// The provisioner's older name for it, which drivers read too.
			if strings.EqualFold(key, "fstype") {
				fsType = value
			}
		}
		assertCapability(t, c, got, fsType, class.MountOptions, "CreateVolume")
	}
}

// classSecret is the secret that a class names for a use, or nil.
func classSecret(class *storagev1.StorageClass, use string) *corev1.SecretReference {
	name, ok := class.Parameters[ofKubernetes+use+"-secret-name"]
	if !ok {
		return nil
	}
	return &corev1.SecretReference{Name: name, Namespace: class.Parameters[ofKubernetes+use+"-secret-namespace"]}
}

// assertDocumented holds, without the chart's templates, that each key of the section became what the backend's
// folder says: an attribute or a parameter under the driver's own name for it.
func assertDocumented(t *testing.T, c csiCase, property string, got map[string]string) {
	t.Helper()
	section, _ := c.values[c.backend.Name].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(section)) {
		name, ok := c.backend.Schema.Properties[key][property].(string)
		if !ok {
			continue
		}
		want := section[key]
		if list, ok := want.([]any); ok {
			words := make([]string, len(list))
			for i, item := range list {
				words[i] = fmt.Sprint(item)
			}
			want = strings.Join(words, ",")
		}
		assert.Equal(t, fmt.Sprint(want), got[name], "%s.%s is %s %s of the driver", c.backend.Name, key, property, name)
	}
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
