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

// Change is one repair that cannot lose data and gives nobody rights: it changes which claim a volume is for, or makes a
// claim anew in its own namespace. It takes nothing away, and makes nothing of the cluster's out of what a namespace says.
type Change struct {
	// Command does the same by hand, and no more.
	Command paste.Line
	apply   func(context.Context, kubernetes.Interface) error
}

// change adds changes to a diagnosis, as its repair and for --fix.
func (d *Diagnosis) change(changes ...Change) *Diagnosis {
	d.fix = append(d.fix, changes...)
	return d.repair(commands(changes)...)
}

// Fix applies what is safe of the diagnoses, in their order, and tells of each change before it is made. A change is
// refused when its object is no longer what was looked at.
func Fix(ctx context.Context, client kubernetes.Interface, diagnoses []Diagnosis, tell func(Diagnosis, Change)) error {
	for _, d := range diagnoses {
		for _, c := range d.fix {
			tell(d, c)
			switch err := c.apply(ctx, client); {
			case apierrors.IsInvalid(err) || apierrors.IsConflict(err):
				return fmt.Errorf("%s: %s: what it changes is no longer what was looked at; ask the doctor again: %w", d.Object, c.Command, err)
			case err != nil:
				return fmt.Errorf("%s: %s: %w; nothing that was there has been taken away", d.Object, c.Command, err)
			}
		}
	}
	return nil
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// retained has a volume keep its storage when its claim goes.
var retained = operation{Op: "replace", Path: "/spec/persistentVolumeReclaimPolicy", Value: corev1.PersistentVolumeReclaimRetain}

// same tests that a volume is the one that was looked at, and not another of its name.
func same(v *corev1.PersistentVolume) operation {
	return operation{Op: "test", Path: "/metadata/uid", Value: string(v.UID)}
}

// patched is the command that changes the volume that was looked at, where that was possible. It may be one of several, so
// that the volume need not be as it was then.
func patched(v *corev1.PersistentVolume, changes ...operation) paste.Line {
	if v.UID != "" {
		changes = append([]operation{same(v)}, changes...)
	}
	return paste.Command("kubectl patch pv %s --type=json -p %s", v.Name, paste.JSON(changes))
}

// patchVolume changes the volume, if it still is as it was looked at.
func (p *patient) patchVolume(changes ...operation) Change {
	name := p.volume.Name
	all := append([]operation{same(p.volume), {Op: "test", Path: "/metadata/resourceVersion", Value: p.volume.ResourceVersion}}, changes...)
	patch := paste.JSON(all)
	return Change{
		Command: paste.Command("kubectl patch pv %s --type=json -p %s", name, patch),
		apply: func(ctx context.Context, client kubernetes.Interface) error {
			// The same manager as by hand.
			_, err := client.CoreV1().PersistentVolumes().Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-patch"})
			return err
		},
	}
}

// unclaim has the volume forget the uid of a claim that is gone: it then waits for a claim of that name.
func (p *patient) unclaim() Change {
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

// claimAs has the volume be for the claim that is there.
func (p *patient) claimAs(uid types.UID) Change {
	return p.patchVolume(operation{Op: "add", Path: "/spec/claimRef/uid", Value: string(uid)})
}

func (p *patient) retain() Change { return p.patchVolume(retained) }

// claimRef is what a volume says that is for the claim; without a uid, for the next of its name.
func (p *patient) claimRef(uid types.UID) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: p.Home, Name: p.name, UID: uid}
}

// deleteClaim is the command that deletes the claim.
func (p *patient) deleteClaim() paste.Line { return deleted(p.Home, p.name, p.claim.UID) }

// deleted is the command that deletes a claim, if it still is the one that was looked at, and waits until it is gone. Of
// kubectl's own ways to delete none takes a precondition.
func deleted(namespace, name string, uid types.UID) paste.Line {
	options := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}, Preconditions: &metav1.Preconditions{UID: &uid}}
	return paste.Command("kubectl delete --raw /api/v1/namespaces/%s/persistentvolumeclaims/%s -f - <<<%s >/dev/null && kubectl -n %s wait --for=delete pvc/%s --timeout=2m",
		namespace, name, paste.JSON(options), namespace, name)
}

// stop is the command that ends the claim's pods.
func (p *patient) stop() paste.Line {
	var pods paste.Words
	for _, pod := range p.pods {
		pods = append(pods, pod.Name)
	}
	return paste.Command("kubectl -n %s delete pod %s", p.Home, pods)
}

// makeClaim makes the claim as the release has it, without what only the cluster says of a claim.
func (p *patient) makeClaim() Change {
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

// volumeAnew are the lines that make the volume as the release has it: it says where data is, and the data itself is not
// touched. With a uid, it is for the claim that has lost it. It is no Change: a volume may lead to any storage of the
// cluster and to any directory of a node, and what the release has is kept in a Secret of the namespace.
func (p *patient) volumeAnew(uid types.UID) []paste.Line {
	volume := &corev1.PersistentVolume{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"}, Spec: *p.wantVolume.Spec.DeepCopy()}
	volume.ObjectMeta = p.fresh(p.wantVolume.ObjectMeta)
	lines := []paste.Line{
		paste.Comment("what follows is in a Secret of namespace %s, and so is whatever those write there who may edit it, while a volume leads", p.Namespace),
		paste.Comment("to storage of the whole cluster: see that its source and its reclaim policy are the store's, and make it:"),
		made(volume),
	}
	if uid != "" {
		// Not with the rest: what Helm has made, and then no longer makes, is taken away by a Helm that applies on the server.
		lines = append(lines, patched(volume, operation{Op: "add", Path: "/spec/claimRef/uid", Value: string(uid)}))
	}
	return lines
}

// helm is the field manager of Helm, whatever the program is called. What another manager made, a Helm that applies on the
// server would not change any more.
const helm = "helm"

// made is the command that makes an object as Helm would have.
func made(object runtime.Object) paste.Line {
	return paste.Command("kubectl apply --server-side --field-manager="+helm+" -f - <<<%s", object)
}

// fresh is what an object is made with: its name, its labels, and its annotations but for those by which controllers
// keep what they have done, which nobody has done yet. Helm would not take it back without its marks.
func (p *patient) fresh(of metav1.ObjectMeta) metav1.ObjectMeta {
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
