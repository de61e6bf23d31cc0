package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// Change is a repair that cannot lose data or grant rights: it changes a volume's claimRef or reclaim policy, or recreates a
// claim in the release's namespace. It deletes nothing, and creates no cluster-scoped object from a namespace's content.
type Change struct {
	// Command is the equivalent shell command.
	Command paste.Line
	apply   func(context.Context, kubernetes.Interface) error
}

// change adds changes to the repair of a diagnosis, and to what --fix applies.
func (d *Diagnosis) change(changes ...Change) *Diagnosis {
	d.fix = append(d.fix, changes...)
	return d.repair(commands(changes)...)
}

// Fix applies the safe repairs of the diagnoses in order, and calls before with each change. A change is refused if its
// object has changed since it was read.
func Fix(ctx context.Context, client kubernetes.Interface, diagnoses []Diagnosis, before func(Diagnosis, Change)) error {
	for _, d := range diagnoses {
		for _, c := range d.fix {
			before(d, c)
			switch err := c.apply(ctx, client); {
			case apierrors.IsInvalid(err) || apierrors.IsConflict(err):
				return fmt.Errorf("%s: %s: the object has changed since it was read; run doctor again: %w", d.Object, c.Command, err)
			case err != nil:
				return fmt.Errorf("%s: %s: %w; nothing was deleted", d.Object, c.Command, err)
			}
		}
	}
	return nil
}

// operation is an operation of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// retained sets the reclaim policy Retain.
var retained = operation{Op: "replace", Path: "/spec/persistentVolumeReclaimPolicy", Value: corev1.PersistentVolumeReclaimRetain}

// same tests that a volume is the one that was read, and not a recreated one of the same name.
func same(v *corev1.PersistentVolume) operation {
	return operation{Op: "test", Path: "/metadata/uid", Value: string(v.UID)}
}

// patched returns the command that changes a volume, tested by uid if the volume was read. It does not test the resource
// version, because an earlier command of the same repair may have changed it.
func patched(v *corev1.PersistentVolume, changes ...operation) paste.Line {
	if v.UID != "" {
		changes = append([]operation{same(v)}, changes...)
	}
	return paste.Command("kubectl patch pv %s --type=json -p %s", v.Name, paste.JSON(changes))
}

// Reserve returns the command that reserves a volume for a claim that does not exist yet, if the volume is the one that was
// read.
func Reserve(v *corev1.PersistentVolume, claim corev1.ObjectReference) paste.Line {
	return patched(v, operation{Op: "replace", Path: "/spec/claimRef", Value: claim})
}

// patchVolume changes the volume if it has not changed since it was read.
func (p *claimState) patchVolume(changes ...operation) Change {
	name := p.volume.Name
	all := append([]operation{same(p.volume), {Op: "test", Path: "/metadata/resourceVersion", Value: p.volume.ResourceVersion}}, changes...)
	patch := paste.JSON(all)
	return Change{
		Command: paste.Command("kubectl patch pv %s --type=json -p %s", name, patch),
		apply: func(ctx context.Context, client kubernetes.Interface) error {
			// The field manager that kubectl uses for the printed command.
			_, err := client.CoreV1().PersistentVolumes().Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-patch"})
			return err
		},
	}
}

// unclaim removes the uid of a deleted claim from the claimRef, so that a new claim of the same name can bind.
func (p *claimState) unclaim() Change {
	ref := p.volume.Spec.ClaimRef
	var changes []operation
	if ref.UID != "" {
		changes = append(changes, operation{Op: "remove", Path: "/spec/claimRef/uid"})
	}
	if ref.ResourceVersion != "" {
		changes = append(changes, operation{Op: "remove", Path: "/spec/claimRef/resourceVersion"})
	}
	return p.patchVolume(changes...)
}

// claimAs sets the claimRef's uid to that of the existing claim.
func (p *claimState) claimAs(uid types.UID) Change {
	return p.patchVolume(operation{Op: "add", Path: "/spec/claimRef/uid", Value: string(uid)})
}

func (p *claimState) retain() Change { return p.patchVolume(retained) }

// claimRef returns a reference to the claim; without a uid it reserves the volume for the next claim of that name.
func (p *claimState) claimRef(uid types.UID) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: p.Home, Name: p.name, UID: uid}
}

// deleteClaim returns the command that deletes the claim.
func (p *claimState) deleteClaim() paste.Line { return deleted(p.Home, p.name, p.claim.UID) }

// deleted returns the command that deletes a claim if it is still the one that was read, and waits until it is gone. It uses
// --raw because `kubectl delete` has no option for a uid precondition.
func deleted(namespace, name string, uid types.UID) paste.Line {
	options := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}, Preconditions: &metav1.Preconditions{UID: &uid}}
	return paste.Command("kubectl delete --raw /api/v1/namespaces/%s/persistentvolumeclaims/%s -f - <<<%s >/dev/null && kubectl -n %s wait --for=delete pvc/%s --timeout=2m",
		namespace, name, paste.JSON(options), namespace, name)
}

// stop returns the command that deletes the claim's pods.
func (p *claimState) stop() paste.Line {
	var pods paste.Words
	for _, pod := range p.pods {
		pods = append(pods, pod.Name)
	}
	return paste.Command("kubectl -n %s delete pod %s", p.Home, pods)
}

// makeClaim creates the claim of the release's manifest, without annotations that controllers set.
func (p *claimState) makeClaim() Change {
	claim := &corev1.PersistentVolumeClaim{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}, Spec: *p.want.Spec.DeepCopy()}
	claim.ObjectMeta = p.fresh(p.want.ObjectMeta)
	claim.Namespace = p.Home
	return Change{
		Command: made(claim),
		apply: func(ctx context.Context, client kubernetes.Interface) error {
			text, err := json.Marshal(paste.Fields(claim))
			if err != nil {
				return err
			}
			_, err = client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: helm})
			return err
		},
	}
}

// recreateVolume returns the lines that create the volume of the release's manifest; the data itself is not touched. With a
// uid, the volume is bound to the Lost claim. It is no Change, because a volume can refer to any storage of the cluster and
// to any directory of a node, and the manifest comes from a Secret of the namespace.
func (p *claimState) recreateVolume(uid types.UID) []paste.Line {
	volume := &corev1.PersistentVolume{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"}, Spec: *p.wantVolume.Spec.DeepCopy()}
	volume.ObjectMeta = p.fresh(p.wantVolume.ObjectMeta)
	lines := []paste.Line{
		paste.Comment("this manifest comes from a Secret of namespace %s, which users of that namespace may be able to edit, and a PersistentVolume", p.Namespace),
		paste.Comment("can refer to any storage of the cluster: check its source and its reclaim policy before you create it:"),
		made(volume),
	}
	if uid != "" {
		// In a separate patch: Helm's server-side apply would remove a uid that the field manager helm owns.
		lines = append(lines, patched(volume, operation{Op: "add", Path: "/spec/claimRef/uid", Value: string(uid)}))
	}
	return lines
}

// helm is Helm's field manager. With another manager, later upgrades by server-side apply would end in conflicts.
const helm = "helm"

// made returns the command that creates an object as Helm does.
func made(object runtime.Object) paste.Line {
	return paste.Command("kubectl apply --server-side --field-manager="+helm+" -f - <<<%s", object)
}

// fresh returns the metadata for a new object: name, labels, and the annotations that are not the volume controllers' own.
// It adds Helm's ownership annotations, without which Helm refuses to adopt the object.
func (p *claimState) fresh(of metav1.ObjectMeta) metav1.ObjectMeta {
	out := metav1.ObjectMeta{Name: of.Name, Labels: of.Labels, Annotations: map[string]string{}}
	for key, value := range of.Annotations {
		if prefix, _, _ := strings.Cut(key, "/"); prefix != "pv.kubernetes.io" && prefix != "volume.kubernetes.io" && prefix != "volume.beta.kubernetes.io" {
			out.Annotations[key] = value
		}
	}
	out.Annotations["meta.helm.sh/release-name"] = p.Release
	out.Annotations["meta.helm.sh/release-namespace"] = p.Namespace
	return out
}
