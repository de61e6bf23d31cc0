package upgrade

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

const (
	dynamicClaim = "kind: PersistentVolumeClaim\nmetadata: {name: c, annotations: {helm.sh/resource-policy: keep}}\nspec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: %SIZE}}}\n"
	staticVolume = "kind: PersistentVolume\nmetadata: {name: v, annotations: {helm.sh/resource-policy: keep}}\nspec: {claimRef: {namespace: train, name: c}, nfs: {server: a, path: /b}}\n"
)

// liveClaim is a claim as a cluster has it.
func liveClaim(size, has string, phase corev1.PersistentVolumeClaimPhase, annotations map[string]string) *corev1.PersistentVolumeClaim {
	class, mode := "fast", corev1.PersistentVolumeFilesystem
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "train", Name: "c", Annotations: annotations},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class, VolumeMode: &mode, VolumeName: "pvc-1",
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: phase, Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(has)}},
	}
}

// TestLive checks that what the cluster has is what an upgrade is judged by, and not what the release once said.
func TestLive(t *testing.T) {
	grows, kept := true, map[string]string{"helm.sh/resource-policy": "keep"}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, AllowVolumeExpansion: &grows}
	stiff := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}}
	bound := corev1.ClaimBound
	for title, c := range map[string]struct {
		from, to  string
		objects   []runtime.Object
		forbidden string
		want      []string
	}{
		"nothing changes":                     {sized("1Gi"), sized("1Gi"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", nil},
		"a claim that was grown by hand":      {sized("1Gi"), sized("1Gi"), []runtime.Object{liveClaim("2Gi", "2Gi", bound, kept)}, "", []string{"error E11: claim c cannot shrink from 2Gi to 1Gi"}},
		"a growth that failed is given up":    {sized("4Gi"), sized("2Gi"), []runtime.Object{liveClaim("4Gi", "1Gi", bound, kept)}, "", []string{"warning E11: claim c requests less from 4Gi to 2Gi, and has 1Gi"}},
		"all of it is given up":               {sized("4Gi"), sized("1Gi"), []runtime.Object{liveClaim("4Gi", "1Gi", bound, kept)}, "", []string{"error E11: claim c cannot shrink"}},
		"a claim grows in a class that lets":  {sized("1Gi"), sized("2Gi"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept), class}, "", nil},
		"a claim grows in one that does not":  {sized("1Gi"), sized("2Gi"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept), stiff}, "", []string{"error E11: claim c cannot be expanded from 1Gi to 2Gi"}},
		"a Pending claim grows":               {sized("1Gi"), sized("2Gi"), []runtime.Object{liveClaim("1Gi", "0", corev1.ClaimPending, kept), class}, "", []string{"error E11: claim c is Pending"}},
		"a claim of which keep was taken":     {sized("1Gi"), "", []runtime.Object{liveClaim("1Gi", "1Gi", bound, nil)}, "", []string{"error E10: claim c is no longer created and not kept"}},
		"a claim that is kept":                {sized("1Gi"), "", []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", []string{"warning E10: claim c is no longer created; it and its volume stay"}},
		"a claim that is gone":                {sized("1Gi"), sized("1Gi"), nil, "", []string{"warning E10: PersistentVolumeClaim train/c of the release is not on the cluster"}},
		"a claim that another made":           {"", sized("1Gi"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, nil)}, "", []string{"error E10: PersistentVolumeClaim train/c already exists"}},
		"a volume that may not be read":       {staticVolume, staticVolume, nil, "persistentvolumes", []string{"warning E10: PersistentVolume v may not be read"}},
		"attributes of a Bound claim":         {sized("1Gi"), modified("gold"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", nil},
		"attributes of a Pending claim":       {sized("1Gi"), modified("gold"), []runtime.Object{liveClaim("1Gi", "0", corev1.ClaimPending, kept)}, "", []string{"error E10: spec.volumeAttributesClassName of PersistentVolumeClaim c can become gold only if it is Bound"}},
		"the volume that it was given":        {sized("1Gi"), given("pvc-1"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", nil},
		"another volume than it was given":    {sized("1Gi"), given("pvc-2"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", []string{"error E10: spec.volumeName of PersistentVolumeClaim c cannot change from pvc-1 to pvc-2"}},
		"a class that the cluster has chosen": {classless("fast"), sized("1Gi"), []runtime.Object{liveClaim("1Gi", "1Gi", bound, kept)}, "", nil},
	} {
		t.Run(title, func(t *testing.T) {
			from, err := Parse(c.from, "train")
			require.NoError(t, err)
			to, err := Parse(c.to, "train")
			require.NoError(t, err)
			client := fake.NewClientset(c.objects...)
			client.PrependReactor("get", "*", func(action ktesting.Action) (bool, runtime.Object, error) {
				asked := action.GetResource().Resource
				return asked == c.forbidden, nil, apierrors.NewForbidden(schema.GroupResource{Resource: asked}, "v", nil)
			})
			found, err := Read(t.Context(), client, from, to, "r", "train")
			require.NoError(t, err)
			changes, err := Compare(from, to, Upgrade{Release: "r", Namespace: "train", Chart: "chart", Live: found})
			require.NoError(t, err)
			require.Len(t, changes, len(c.want), "%+v", changes)
			for i, change := range changes {
				assert.Contains(t, change.Severity+" "+change.Rule+": "+change.Message, c.want[i])
			}
		})
	}
}

// TestLiveRecipe checks that a dynamic claim, which names the volume that was made for it, is not taken for a static one: to
// recreate it would lose its data.
func TestLiveRecipe(t *testing.T) {
	from, err := Parse(sized("1Gi"), "train")
	require.NoError(t, err)
	to, err := Parse(strings.Replace(sized("1Gi"), "ReadWriteOnce", "ReadWriteMany", 1), "train")
	require.NoError(t, err)
	found, err := Read(t.Context(), fake.NewClientset(liveClaim("1Gi", "1Gi", corev1.ClaimBound, nil)), from, to, "r", "train")
	require.NoError(t, err)
	changes, err := Compare(from, to, Upgrade{Release: "r", Namespace: "train", Chart: "chart", Live: found})
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.NotContains(t, changes[0].Recipe, "delete")
	assert.Contains(t, changes[0].Recipe, "--reuse-values --set keep=true")

	to, err = Parse(strings.Replace(sized("1Gi"), "name: c,", "name: d,", 1), "train")
	require.NoError(t, err)
	changes, err = Compare(from, to, Upgrade{Release: "r", Namespace: "train", Chart: "chart", Live: found})
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Contains(t, changes[0].Recipe, "--set claim.name=c")
	assert.NotContains(t, changes[0].Recipe, "volume.name", "the volume's name is the provisioner's")
}

// modified asks for an attributes class, and given for a volume.
func modified(class string) string {
	return strings.Replace(sized("1Gi"), "spec: {", "spec: {volumeAttributesClassName: "+class+", ", 1)
}

func given(volume string) string {
	return strings.Replace(sized("1Gi"), "spec: {", "spec: {volumeName: "+volume+", ", 1)
}

func sized(size string) string { return strings.Replace(dynamicClaim, "%SIZE", size, 1) }

// classless names no class.
func classless(class string) string {
	return strings.Replace(sized("1Gi"), "storageClassName: "+class+", ", "", 1)
}
