package doctor

import (
	"fmt"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	storagehelpers "k8s.io/component-helpers/storage/volume"
)

// volumeDeleted is the claim whose volume somebody deleted.
func volumeDeleted(p *patient) *Diagnosis {
	if p.claim == nil || p.claim.Status.Phase != corev1.ClaimLost || p.volume != nil || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("PersistentVolume %s was deleted while the claim was bound to it: the claim is Lost.", p.claim.Spec.VolumeName)
	if p.wantVolume == nil || p.wantVolume.Name != p.claim.Spec.VolumeName {
		d.Cause += " The release did not make that volume, so that it does not know where its storage is."
		return d.repair(paste.Comment("find the storage at its provider, make a PersistentVolume for it with"),
			paste.Comment("name %s and claimRef {namespace: %s, name: %s, uid: %s}", p.claim.Spec.VolumeName, p.Home, p.name, p.claim.UID))
	}
	d.Cause += " The data is where it was: the volume only said where. Recreated with the uid of this claim, it is bound again."
	return d.repair(p.volumeAnew(p.claim.UID)...)
}

// volumeMisbound is the volume that was recreated and does not know the claim that had it.
func volumeMisbound(p *patient) *Diagnosis {
	if p.claim == nil || p.claim.Status.Phase != corev1.ClaimLost || p.volume == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref != nil && (ref.Namespace != p.Home || ref.Name != p.name) {
		d := p.found("the claim is Lost: volume %s, to which it was bound, is for claim %s/%s now.", p.volume.Name, ref.Namespace, ref.Name)
		return d.repair(p.look(), paste.Command("kubectl -n %s describe pvc %s", ref.Namespace, ref.Name))
	}
	d := p.found("the claim is Lost: volume %s was recreated, or replaced by force, and no longer carries the uid of this claim.", p.volume.Name)
	if ref != nil && p.own() {
		return d.change(p.claimAs(p.claim.UID))
	}
	return d.repair(patched(p.volume, operation{Op: "add", Path: "/spec/claimRef", Value: p.claimRef(p.claim.UID)}))
}

// volumeTerminating is the volume that goes as soon as nothing holds it.
func volumeTerminating(p *patient) *Diagnosis {
	if p.volume == nil || p.volume.DeletionTimestamp == nil {
		return nil
	}
	v := p.volume
	d := p.found("somebody has deleted volume %s. Finalizers hold it (%s), and a deletion cannot be taken back: it goes when the claim does.", v.Name, few(v.Finalizers))
	if !p.bound() {
		d.Cause = fmt.Sprintf("volume %s is being deleted, and a volume that is being deleted is bound to no claim. Finalizers hold it: %s.", v.Name, few(v.Finalizers))
	}
	for _, a := range p.Attachments {
		if name := a.Spec.Source.PersistentVolumeName; name != nil && *name == v.Name {
			d.Cause += fmt.Sprintf(" It is attached to node %s.", a.Spec.NodeName)
		}
	}
	if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		d.Cause += fmt.Sprintf(" Its reclaim policy is %s: the data goes with it.", v.Spec.PersistentVolumeReclaimPolicy)
		if p.ours() {
			d.change(p.retain())
		}
	}
	if len(p.pods) > 0 {
		d.repair(paste.Comment("save, and stop the pods:"), p.stop())
	}
	if p.claim != nil && p.claim.DeletionTimestamp == nil {
		d.repair(paste.Comment("the data stays (Retain) when claim and volume go; then both are recreated:"),
			paste.Command("%s && kubectl wait --for=delete pv/%s --timeout=2m", p.deleteClaim(), v.Name))
	}
	if p.wantVolume != nil && p.wantVolume.Name == v.Name {
		d.repair(p.volumeAnew("")...)
	}
	return d.repair(p.claimAnew())
}

// boundElsewhere is the claim that is bound, but not to where the release's checkpoints are.
func boundElsewhere(p *patient) *Diagnosis {
	if !p.bound() || p.wantVolume == nil || p.claim.Spec.VolumeName == p.wantVolume.Name {
		return nil
	}
	wrong := p.volume
	if wrong == nil {
		// Volumes may not be read, or this one is on its way out: its name is known.
		wrong = &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: p.claim.Spec.VolumeName}}
	}
	d := p.found("the claim is bound to volume %s, and the release made volume %s for it: pods see other files than the release's checkpoints.", p.claim.Spec.VolumeName, p.wantVolume.Name)
	return d.repair(
		paste.Comment("what is saved on the wrong volume stays there: see whether it is wanted before the claim goes"),
		paste.Command("kubectl get pv %s %s", p.claim.Spec.VolumeName, p.wantVolume.Name),
		patched(wrong, retained),
		p.deleteClaim(),
		p.claimAnew(),
		paste.Comment("should the release's volume then be Released:"),
		paste.Command("ckptctl doctor %s -n %s --fix", p.Release, p.Namespace),
	)
}

// volumeMissing is the static claim without its volume.
func volumeMissing(p *patient) *Diagnosis {
	if !p.pending() || p.volume != nil || p.volumeName() == "" || !p.knows("persistentvolumes") {
		return nil
	}
	d := p.found("the claim asks for volume %s, and there is none.", p.volumeName())
	if p.wantVolume != nil && p.wantVolume.Name == p.volumeName() {
		return d.repair(p.volumeAnew("")...)
	}
	return d.repair(paste.Comment("somebody else is to make it; the volumes that are there:"), paste.Command("kubectl get pv"))
}

// volumeReleased is the volume that still remembers an earlier claim of the same name.
func volumeReleased(p *patient) *Diagnosis {
	if !p.pending() || p.volume == nil || p.volume.Spec.ClaimRef == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref.Namespace != p.Home || ref.Name != p.name || ref.UID == "" || ref.UID == p.claim.UID {
		return nil
	}
	d := p.found("volume %s is %s: it remembers an earlier claim of the same name by its uid, and no new claim can have that. The data is still there.", p.volume.Name, p.volume.Status.Phase)
	if p.own() && p.volume.Status.Phase == corev1.VolumeReleased {
		return d.change(p.unclaim())
	}
	d.Cause += " The volume is not this release's own, so that whether it is to go on with this claim is for its owner to say."
	return d.repair(paste.Comment("where the data is this claim's:"), p.unclaim().Command)
}

// volumeTaken is the volume that somebody else has.
func volumeTaken(p *patient) *Diagnosis {
	if !p.pending() || p.volume == nil || p.volume.Spec.ClaimRef == nil {
		return nil
	}
	ref := p.volume.Spec.ClaimRef
	if ref.Namespace == p.Home && ref.Name == p.name {
		return nil
	}
	d := p.found("volume %s, which this claim asks for, is for claim %s/%s.", p.volume.Name, ref.Namespace, ref.Name)
	if !p.owns(p.volume.Labels, p.volume.Annotations) {
		d.Cause += " Only a claimRef on the volume keeps other claims away from it; volumeName on the claim does not."
	}
	if owner := p.volume.Annotations["meta.helm.sh/release-name"]; owner != "" && !p.owns(p.volume.Labels, p.volume.Annotations) {
		d.Cause += fmt.Sprintf(" It belongs to release %s of namespace %s.", owner, p.volume.Annotations["meta.helm.sh/release-namespace"])
	}
	return d.repair(
		paste.Comment("see whose claim that is, and whether pods save to it:"),
		paste.Command("kubectl -n %s describe pvc %s", ref.Namespace, ref.Name),
		paste.Comment("only when nothing on it is wanted by its owner: keep the data, take the claim away, hand the volume over"),
		patched(p.volume, retained),
		deleted(ref.Namespace, ref.Name, ref.UID),
		patched(p.volume, operation{Op: "replace", Path: "/spec/claimRef", Value: p.claimRef("")}),
	)
}

// free says that the claim waits for a volume that nobody has: then it is what both say of themselves that keeps them apart.
func (p *patient) free() bool {
	return p.pending() && p.volume != nil && p.volume.DeletionTimestamp == nil && p.volume.Spec.ClaimRef == nil
}

// offered is free, or a volume that is reserved for a claim which does not name it: size and mode are then compared too.
func (p *patient) offered() bool {
	return p.free() || p.pending() && p.claim.Spec.VolumeName == "" && p.volume != nil && p.volume.DeletionTimestamp == nil
}

func classMismatch(p *patient) *Diagnosis {
	if !p.free() {
		return nil
	}
	ours, theirs := className(p.claim.Spec.StorageClassName), storagehelpers.GetPersistentVolumeClass(p.volume)
	if ours == theirs {
		return nil
	}
	d := p.found("the claim is of storage class %q and volume %s of %q: they are bound only when both are the same.", ours, p.volume.Name, theirs)
	if p.claim.Spec.StorageClassName != nil && len(p.defaultClasses()) > 0 && ours == p.defaultClasses()[0].Name {
		d.Cause += fmt.Sprintf(" %s is the cluster's default class, which a claim gets that names none; \"\" says that there is to be none.", ours)
	}
	return d.repair(paste.Comment("a volume's class can be changed, a claim's cannot:"),
		patched(p.volume, operation{Op: "add", Path: "/spec/storageClassName", Value: ours}))
}

func tooSmall(p *patient) *Diagnosis {
	if !p.offered() {
		return nil
	}
	asked, has := p.claim.Spec.Resources.Requests[corev1.ResourceStorage], p.volume.Spec.Capacity[corev1.ResourceStorage]
	if asked.Cmp(has) <= 0 {
		return nil
	}
	d := p.found("the claim asks for %s, and volume %s says that it has %s.", asked.String(), p.volume.Name, has.String())
	return d.repair(paste.Comment("where the storage itself is as large as that (for a directory or a share the number is nominal):"),
		patched(p.volume, operation{Op: "replace", Path: "/spec/capacity/storage", Value: asked.String()}))
}

func volumeModeMismatch(p *patient) *Diagnosis {
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
	return d.repair(paste.Comment("nothing is on the claim, it was never bound: take it away and make it with the volume's mode"),
		p.deleteClaim())
}

func accessModeMismatch(p *patient) *Diagnosis {
	if !p.free() || storagehelpers.CheckAccessModes(p.claim, p.volume) {
		return nil
	}
	ours, theirs := modes(p.claim.Spec.AccessModes), modes(p.volume.Spec.AccessModes)
	d := p.found("the claim asks for %s, and volume %s offers %s.", ours, p.volume.Name, theirs)
	return d.repair(paste.Comment("where the storage can do it (ckptctl explain BACKEND says which can):"),
		patched(p.volume, operation{Op: "replace", Path: "/spec/accessModes", Value: p.modesOf()}),
		paste.Comment("where it cannot, the claim has to be recreated, and ask for less; nothing is on it, it was never bound"))
}

// modesOf are the modes of the volume with those that the claim asks for.
func (p *patient) modesOf() []string {
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

// look is the command that shows claim and volume.
func (p *patient) look() paste.Line {
	return paste.Command("kubectl -n %s get pvc/%s pv/%s -o yaml", p.Home, p.name, p.volumeName())
}
