package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pairOf is a volume with a claim, both made by hand; %s is a further field of the volume.
const pairOf = `apiVersion: v1
kind: PersistentVolume
metadata: {name: models}
spec:
  accessModes: [ReadWriteMany]
  capacity: {storage: 1Ti}
  nfs: {server: 10.0.0.5, path: /export/models}
  %s
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models, namespace: vision}
spec:
  accessModes: [ReadWriteMany]
  storageClassName: ""
  volumeName: models
  resources: {requests: {storage: 1Ti}}
`

// TestAdopt checks the exit codes of adopt, and what it writes where; what becomes of which manifest is tested beside the code.
func TestAdopt(t *testing.T) {
	pair := func(field string) string { return file(t, "pair.yaml", strings.Replace(pairOf, "%s", field, 1)) }

	code, out, errs := ckptctl("adopt", "-f", pair(""))
	require.Equal(t, OK, code, errs)
	assert.Equal(t, `backend: nfs
nfs:
  path: /export/models
  server: 10.0.0.5
provisioning: static
size: 1Ti
accessModes:
  - ReadWriteMany
storageClassName: ""
mountOptions: []
claim:
  name: models
volume:
  name: models
`, out)
	assert.Contains(t, errs, "  helm install checkpoints ./charts/checkpoint-storage --namespace vision --values values.yaml --take-ownership\n")
	values := file(t, "values.yaml", out)
	code, _, errs = ckptctl("check", "-f", values)
	assert.Equal(t, OK, code, errs)

	code, out, errs = ckptctl("adopt", "-f", pair("readOnly: true"))
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "backend: nfs")
	assert.Contains(t, errs, "lost: PersistentVolume models: spec.readOnly: true is not rendered\n")
	assert.NotContains(t, errs, "helm install")

	code, out, errs = ckptctl("adopt", "-f", pair("persistentVolumeReclaimPolicy: Delete"))
	assert.Equal(t, Found, code)
	assert.NotContains(t, out, "Delete")
	assert.Contains(t, errs, "lost: PersistentVolume models: spec.persistentVolumeReclaimPolicy: \"Delete\" becomes \"Retain\"\n")

	code, out, errs = ckptctl("adopt", "-f", pair("mountOptions: [dir_mode=0777]"))
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "backend: nfs")
	assert.Contains(t, errs, "refused: ")

	code, out, errs = ckptctl("adopt", "-f", pair("storageClassName: fast"))
	assert.Equal(t, Found, code)
	assert.Empty(t, out)
	assert.Contains(t, errs, "never binds the two")

	for name, c := range map[string]struct{ text, says string }{
		"no YAML":     {"kind: [", "document from line 1"},
		"another":     {"kind: Pod\napiVersion: v1\n", "there is no PersistentVolume, PersistentVolumeClaim or StorageClass in it"},
		"two stores":  {strings.Replace(pairOf, "%s", "", 1) + "---\nkind: PersistentVolumeClaim\nmetadata: {name: other}\n", "name one with --claim"},
		"two sources": {strings.Replace(pairOf, "%s", "hostPath: {path: /mnt}", 1), "has to have one source"},
	} {
		code, out, errs := ckptctl("adopt", "-f", file(t, "manifest.yaml", c.text))
		assert.Equal(t, map[bool]int{true: Found, false: Unusable}[name == "two sources"], code, name)
		assert.Empty(t, out, name)
		assert.Contains(t, errs, c.says, name)
	}
	code, _, errs = ckptctl("adopt")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "-f")
}

// TestClassAlone checks that a class that the chart makes no claim of is held to no size, and one with a claim is.
func TestClassAlone(t *testing.T) {
	const class = "backend: awsEbs\nprovisioning: dynamic\nsize: 500Mi\nstorageClass: {create: true}\n"
	code, out, errs := ckptctl("check", "--quota", "1Mi", "-f", file(t, "values.yaml", class+"claim: {create: false}\n"))
	assert.Equal(t, OK, code, "%s%s", out, errs)
	assert.NotContains(t, out, "W07", "it asks for nothing")
	code, out, _ = ckptctl("check", "--quota", "1Mi", "-f", file(t, "values.yaml", class))
	assert.Contains(t, out, "W07")
	assert.Equal(t, Found, code)
	assert.Contains(t, out, "E20")
}
