package doctor

import (
	"fmt"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	storagehelpers "k8s.io/component-helpers/storage/volume"
)

// volumeDeleted diagnoses a Lost claim whose PersistentVolume was deleted.
func volumeDeleted(p *claimState) *Diagnosis {
	if p.claim == nil || p.claim.Status.Phase != corev1.ClaimLost || p.volume != nil || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("PersistentVolume %s was deleted while the claim was bound to it: the claim is Lost.", p.claim.Spec.VolumeName)
	if p.wantVolume == nil || p.wantVolume.Name != p.claim.Spec.VolumeName {
		d.Cause += " The release did not create that volume, so it does not know where its storage is."
		return d.repair(paste.Comment("find the storage at its provider, and create a PersistentVolume for it with"),
			paste.Comment("name %s and claimRef {namespace: %s, name: %s, uid: %s}", p.claim.Spec.VolumeName, p.Home, p.name, p.claim.UID))
	}
	d.Cause += " The data is still there: the volume only referred to it. Recreated with the uid of this claim, it is bound again."
	return d.repair(p.recreateVolume(p.claim.UID)...)
}

// volumeMisbound diagnoses a Lost claim whose volume exists but does not refer to it by uid.
func volumeMisbound(p *claimState) *Diagnosis {
	if p.claim == nil || p.claim.Status.Phase != corev1.ClaimLost || p.volume == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref != nil && (ref.Namespace != p.Home || ref.Name != p.name) {
		d := p.found("the claim is Lost: volume %s, to which it was bound, is now reserved for claim %s/%s.", p.volume.Name, ref.Namespace, ref.Name)
		return d.repair(p.look(), paste.Command("kubectl -n %s describe pvc %s", ref.Namespace, ref.Name))
	}
	d := p.found("the claim is Lost: volume %s was recreated, or replaced by force, and its claimRef no longer has the uid of this claim.", p.volume.Name)
	if ref != nil && p.own() {
		return d.change(p.claimAs(p.claim.UID))
	}
	return d.repair(patched(p.volume, operation{Op: "add", Path: "/spec/claimRef", Value: p.claimRef(p.claim.UID)}))
}

// volumeTerminating diagnoses a volume that is being deleted.
func volumeTerminating(p *claimState) *Diagnosis {
	if p.volume == nil || p.volume.DeletionTimestamp == nil {
		return nil
	}
	v := p.volume
	d := p.found("volume %s is being deleted. Finalizers hold it (%s), and a deletion cannot be undone: it is removed when the claim is.", v.Name, few(v.Finalizers))
	if !p.bound() {
		d.Cause = fmt.Sprintf("volume %s is being deleted, and can no longer be bound to a claim. Finalizers hold it: %s.", v.Name, few(v.Finalizers))
	}
	for _, a := range p.Attachments {
		if name := a.Spec.Source.PersistentVolumeName; name != nil && *name == v.Name {
			d.Cause += fmt.Sprintf(" It is attached to node %s.", a.Spec.NodeName)
		}
	}
	if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		d.Cause += fmt.Sprintf(" Its reclaim policy is %s: the data is deleted with it.", v.Spec.PersistentVolumeReclaimPolicy)
		if p.ours() {
			d.change(p.retain())
		}
	}
	if len(p.pods) > 0 {
		d.repair(paste.Comment("save a checkpoint, and stop the pods:"), p.stop())
	}
	if p.claim != nil && p.claim.DeletionTimestamp == nil {
		d.repair(paste.Comment("the data is kept (Retain) when claim and volume are deleted; then both are recreated:"),
			paste.Command("%s && kubectl wait --for=delete pv/%s --timeout=2m", p.deleteClaim(), v.Name))
	}
	if p.wantVolume != nil && p.wantVolume.Name == v.Name {
		d.repair(p.recreateVolume("")...)
	}
	return d.repair(p.recreateClaim())
}

// boundElsewhere diagnoses a claim that is bound to another volume than the release's.
func boundElsewhere(p *claimState) *Diagnosis {
	if !p.bound() || p.wantVolume == nil || p.claim.Spec.VolumeName == p.wantVolume.Name {
		return nil
	}
	wrong := p.volume
	if wrong == nil {
		// Volumes may not be read, or this one was deleted; its name is known.
		wrong = &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: p.claim.Spec.VolumeName}}
	}
	d := p.found("the claim is bound to volume %s instead of the release's volume %s: pods do not see the release's checkpoints.", p.claim.Spec.VolumeName, p.wantVolume.Name)
	return d.repair(
		paste.Comment("data on the wrong volume is kept there: check whether it is needed before you delete the claim"),
		paste.Command("kubectl get pv %s %s", p.claim.Spec.VolumeName, p.wantVolume.Name),
		patched(wrong, retained),
		p.deleteClaim(),
		p.recreateClaim(),
		paste.Comment("if the release's volume is then Released:"),
		paste.Command("ckptctl doctor %s -n %s --fix", p.Release, p.Namespace),
	)
}

// volumeMissing diagnoses a static claim whose volume does not exist.
func volumeMissing(p *claimState) *Diagnosis {
	if !p.pending() || p.volume != nil || p.volumeName() == "" || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("the claim requests volume %s, which does not exist.", p.volumeName())
	if p.wantVolume != nil && p.wantVolume.Name == p.volumeName() {
		return d.repair(p.recreateVolume("")...)
	}
	return d.repair(paste.Comment("the release does not create it: create it, or correct its name; existing volumes:"), paste.Command("kubectl get pv"))
}

// volumeReleased diagnoses a volume that is reserved for an earlier claim of the same name.
func volumeReleased(p *claimState) *Diagnosis {
	if !p.pending() || p.volume == nil || p.volume.Spec.ClaimRef == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref.Namespace != p.Home || ref.Name != p.name || ref.UID == "" || ref.UID == p.claim.UID {
		return nil
	}
	d := p.found("volume %s is %s: its claimRef holds the uid of an earlier claim of the same name, which no new claim can have. The data is still there.", p.volume.Name, p.volume.Status.Phase)
	if p.own() && p.volume.Status.Phase == corev1.VolumeReleased {
		return d.change(p.unclaim())
	}
	d.Cause += " The volume does not belong to this release, so its owner decides whether this claim may have it."
	return d.repair(paste.Comment("if the data belongs to this claim:"), p.unclaim().Command)
}

// volumeTaken diagnoses a volume that is reserved for another claim.
func volumeTaken(p *claimState) *Diagnosis {
	if !p.pending() || p.volume == nil || p.volume.Spec.ClaimRef == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref.Namespace == p.Home && ref.Name == p.name {
		return nil
	}
	d := p.found("volume %s, which this claim requests, is reserved for claim %s/%s.", p.volume.Name, ref.Namespace, ref.Name)
	if !p.owns(p.volume.Labels, p.volume.Annotations) {
		d.Cause += " Only a claimRef on the volume reserves it; volumeName on the claim does not."
	}
	if owner := p.volume.Annotations["meta.helm.sh/release-name"]; owner != "" && !p.owns(p.volume.Labels, p.volume.Annotations) {
		d.Cause += fmt.Sprintf(" It belongs to release %s of namespace %s.", owner, p.volume.Annotations["meta.helm.sh/release-namespace"])
	}
	return d.repair(
		paste.Comment("check whose claim that is, and whether pods write to it:"),
		paste.Command("kubectl -n %s describe pvc %s", ref.Namespace, ref.Name),
		paste.Comment("only if its owner no longer needs it: keep the data, delete that claim, and reserve the volume for this one"),
		patched(p.volume, retained),
		deleted(ref.Namespace, ref.Name, ref.UID),
		patched(p.volume, operation{Op: "replace", Path: "/spec/claimRef", Value: p.claimRef("")}),
	)
}

// free reports whether the claim waits for a volume without a claimRef: then their specs differ in what binding compares.
func (p *claimState) free() bool {
	return p.pending() && p.volume != nil && p.volume.DeletionTimestamp == nil && p.volume.Spec.ClaimRef == nil
}

// offered reports whether free, or the volume is reserved for a claim that does not name it: binding then compares size and mode.
func (p *claimState) offered() bool {
	return p.free() || p.pending() && p.claim.Spec.VolumeName == "" && p.volume != nil && p.volume.DeletionTimestamp == nil
}

func classMismatch(p *claimState) *Diagnosis {
	if !p.free() {
		return nil
	}
	ours, theirs := className(p.claim.Spec.StorageClassName), storagehelpers.GetPersistentVolumeClass(p.volume)
	if ours == theirs {
		return nil
	}
	d := p.found("the claim has storage class %q and volume %s has %q: they are bound only if both are the same.", ours, p.volume.Name, theirs)
	if p.claim.Spec.StorageClassName != nil && len(p.defaultClasses()) > 0 && ours == p.defaultClasses()[0].Name {
		d.Cause += fmt.Sprintf(" %s is the cluster's default class, which a claim that names none gets; \"\" means no class.", ours)
	}
	return d.repair(paste.Comment("a volume's class can be changed, a claim's cannot:"),
		patched(p.volume, operation{Op: "add", Path: "/spec/storageClassName", Value: ours}))
}

func tooSmall(p *claimState) *Diagnosis {
	if !p.offered() {
		return nil
	}
	asked, has := p.claim.Spec.Resources.Requests[corev1.ResourceStorage], p.volume.Spec.Capacity[corev1.ResourceStorage]
	if asked.Cmp(has) <= 0 {
		return nil
	}
	d := p.found("the claim requests %s, and volume %s has a capacity of %s.", asked.String(), p.volume.Name, has.String())
	return d.repair(paste.Comment("if the storage itself is that large (for a directory or a share the capacity is nominal):"),
		patched(p.volume, operation{Op: "replace", Path: "/spec/capacity/storage", Value: asked.String()}))
}

func volumeModeMismatch(p *claimState) *Diagnosis {
	if !p.offered() || !storagehelpers.CheckVolumeModeMismatches(&p.claim.Spec, &p.volume.Spec) {
		return nil
	}
	mode := func(m *corev1.PersistentVolumeMode) corev1.PersistentVolumeMode {
		if m == nil {
			return corev1.PersistentVolumeFilesystem
		}
		return *m
	}
	d := p.found("the claim's volumeMode is %s, that of volume %s is %s. Neither can be changed.", mode(p.claim.Spec.VolumeMode), p.volume.Name, mode(p.volume.Spec.VolumeMode))
	return d.repair(paste.Comment("the claim was never bound and holds no data: delete it, and recreate it with the volume's mode"),
		p.deleteClaim())
}

func accessModeMismatch(p *claimState) *Diagnosis {
	if !p.free() || storagehelpers.CheckAccessModes(p.claim, p.volume) {
		return nil
	}
	ours, theirs := modes(p.claim.Spec.AccessModes), modes(p.volume.Spec.AccessModes)
	d := p.found("the claim requests %s, and volume %s offers %s.", ours, p.volume.Name, theirs)
	return d.repair(paste.Comment("if the storage supports it (see ckptctl explain BACKEND):"),
		patched(p.volume, operation{Op: "replace", Path: "/spec/accessModes", Value: p.modesOf()}),
		paste.Comment("if it does not, recreate the claim with the access modes of the volume; it was never bound and holds no data"))
}

// modesOf returns the access modes of claim and volume.
func (p *claimState) modesOf() []string {
	var out []string
	for _, m := range p.claim.Spec.AccessModes {
		out = append(out, string(m))
	}
	for _, m := range p.volume.Spec.AccessModes {
		if !strings.Contains(strings.Join(out, " ")+" ", string(m)+" ") {
			out = append(out, string(m))
		}
	}
	return out
}

func modes(list []corev1.PersistentVolumeAccessMode) string {
	var out []string
	for _, m := range list {
		out = append(out, string(m))
	}
	return strings.Join(out, ", ")
}

// look returns the command that shows claim and volume.
func (p *claimState) look() paste.Line {
	return paste.Command("kubectl -n %s get pvc/%s pv/%s -o yaml", p.Home, p.name, p.volumeName())
}
