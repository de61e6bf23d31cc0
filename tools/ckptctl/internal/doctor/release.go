package doctor

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"

	naming "checkpoint-storage/tools/ckptctl/internal/names"
)

// volumeNameTaken diagnoses a volume of another release under this release's volume name. Helm refuses such an install
// before it stores anything, so without a stored release the chart's default name is checked.
func volumeNameTaken(s *Snapshot) *Diagnosis {
	var wanted []string
	for _, v := range s.WantVolumes {
		wanted = append(wanted, v.Name)
	}
	if s.Stored == nil {
		own := naming.Of(map[string]any{"provisioning": "static"}, s.Release, s.Namespace, "")
		wanted = append(wanted, own.Volume(naming.Whole))
	}
	for _, name := range wanted {
		v := s.volume(name)
		if v == nil || s.owns(v.Labels, v.Annotations) || s.serves(v) {
			continue
		}
		owner, namespace := v.Annotations["meta.helm.sh/release-name"], v.Annotations["meta.helm.sh/release-namespace"]
		if owner == "" || owner == s.Release && namespace == s.Namespace {
			continue
		}
		d := &Diagnosis{Object: s.object(), Cause: fmt.Sprintf("PersistentVolume %s belongs to release %s of namespace %s. PersistentVolumes are cluster-scoped, so two releases cannot share a name, and Helm does not take over another release's object.", name, owner, namespace)}
		return d.repair(
			paste.Comment("give this release's volume another name; do not delete the existing one, it holds the other release's checkpoints"),
			s.again("volume.name="+name+"-2"),
		)
	}
	return nil
}

// serves reports whether the volume is reserved for a claim of this namespace, as one that an administrator's release created.
func (s *Snapshot) serves(v *corev1.PersistentVolume) bool {
	ref := v.Spec.ClaimRef
	return ref != nil && ref.Namespace == s.Home && s.claim(ref.Name) != nil
}

// interrupted diagnoses a release that is stuck in a pending status, in which Helm refuses every other operation.
func interrupted(s *Snapshot) *Diagnosis {
	if s.Stored == nil || !strings.HasPrefix(s.Stored.Status, "pending-") {
		return nil
	}
	d := &Diagnosis{Object: s.object(), Seen: s.Stored.Description, Cause: fmt.Sprintf("the release is %s (revision %d): Helm is still running, or was killed before it finished. Until this is resolved, Helm refuses to install and to upgrade (\"another operation is in progress\").", s.Stored.Status, s.Stored.Revision)}
	if !s.incomplete() {
		d.Severity = Note
		d.Cause += " All of its claims and volumes exist."
	}
	file := s.Release + "-values.yaml"
	return d.repair(
		paste.Comment("check that no Helm is still running for this release. Then save the values, delete the record of the revision, and run it again: objects that exist already are adopted"),
		paste.Command("helm -n %s get values %s --revision %s -o yaml >%s", s.Namespace, s.Release, s.Stored.Revision, file),
		paste.Command("kubectl -n %s delete secret %s", s.Namespace, s.Stored.Secret),
		paste.Command("helm -n %s upgrade --install %s CHART --reset-values -f %s", s.Namespace, s.Release, file),
	)
}

// failedRelease diagnoses a failed install or upgrade with missing objects whose cause no other rule knows.
func failedRelease(s *Snapshot) *Diagnosis {
	if !s.incomplete() {
		return nil
	}
	d := &Diagnosis{Object: s.object(), Seen: s.Stored.Description, Cause: fmt.Sprintf("the last install or upgrade (revision %d) ended as %s, and some of its objects do not exist.", s.Stored.Revision, s.Stored.Status)}
	return d.repair(paste.Command("helm -n %s history %s", s.Namespace, s.Release), paste.Comment("once the cause is removed, install the missing objects with the values of that revision:"), s.again())
}

// again returns the command that upgrades the release with the values of its newest revision and further settings. It does
// not use --reuse-values, which takes the values of the last revision that did not fail. CHART and VALUES have to be filled
// in: the cluster does not know the chart's location, nor the values of a release that is not stored.
func (s *Snapshot) again(settings ...string) paste.Line {
	line := paste.Command("helm -n %s upgrade --install %s CHART -f VALUES", s.Namespace, s.Release)
	if s.Stored != nil {
		line = paste.Command("helm -n %s get values %s --revision %s -o yaml | helm -n %s upgrade %s CHART --reset-values -f -", s.Namespace, s.Release, s.Stored.Revision, s.Namespace, s.Release)
	}
	for _, setting := range settings {
		line = paste.Command("%s --set %s", line, s.Place+setting)
	}
	return line
}

// deletePolicy warns of a static volume with the reclaim policy Delete.
func deletePolicy(p *claimState) *Diagnosis {
	if p.volume == nil || p.volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || p.wantVolume == nil || !p.own() {
		return nil
	}
	d := p.found("volume %s has the reclaim policy Delete, although it refers to existing storage: when the claim is deleted, newer provisioners delete the storage itself.", p.volume.Name)
	return d.change(p.retain())
}

// claimDeleted diagnoses a Released volume whose claim was deleted.
func claimDeleted(p *claimState) *Diagnosis {
	if p.claim != nil || !p.knows("persistentvolumeclaims") || p.volume == nil || p.volume.DeletionTimestamp != nil ||
		p.volume.Status.Phase != corev1.VolumeReleased {
		return nil
	}
	d := p.found("the claim was deleted. Its volume %s is Released: the data is still there, but its claimRef holds the uid of the deleted claim, which no new claim can have.", p.volume.Name)
	if !p.own() {
		return d.repair(p.unclaim().Command, p.recreateClaim())
	}
	return d.change(p.unclaim()).makeClaim(p)
}

// claimMissing diagnoses a claim that the release creates or uses, and that does not exist.
func claimMissing(p *claimState) *Diagnosis {
	if p.claim != nil || !p.knows("persistentvolumeclaims") {
		return nil
	}
	switch {
	case p.want == nil && p.wantVolume == nil:
		d := p.found("the release publishes a claim that does not exist: it was never created, or it was deleted.")
		return d.repair(paste.Command("kubectl -n %s get pvc", p.Home), paste.Comment("create the claim, or name another:"), p.again("claim.existing=NAME"))
	case p.want == nil && p.volume != nil:
		d := p.found("the release created volume %s for a claim that does not exist yet; the volume is %s.", p.volume.Name, p.volume.Status.Phase)
		d.Severity = Note
		return d.repair(paste.Comment("another release has to create the claim (with volume.create: false); the releases of its namespace:"), paste.Command("helm -n %s list --all", p.Home))
	case p.volume == nil && p.wantVolume != nil && p.want == nil:
		return p.found("volume %s of the release does not exist, and neither does its claim.", p.wantVolume.Name).repair(p.recreateVolume("")...)
	case p.volume == nil && p.wantVolume != nil:
		return p.found("the claim belongs to the release, and does not exist.").repair(p.recreateVolume("")...).repair(p.recreateClaim())
	}
	return p.found("the claim belongs to the release, and does not exist.").makeClaim(p)
}

// recreateClaim returns the command that recreates the claim, or a comment if the release does not create it.
func (p *claimState) recreateClaim() paste.Line {
	if p.want == nil {
		return paste.Comment("then have the owner of the claim recreate it")
	}
	return p.makeClaim().Command
}

// makeClaim adds the command that recreates the claim. --fix applies it only in the release's own namespace: the user who
// can edit the release's Secret may have no rights in another.
func (d *Diagnosis) makeClaim(p *claimState) *Diagnosis {
	if p.want == nil || p.Home != p.Namespace {
		return d.repair(p.recreateClaim())
	}
	return d.change(p.makeClaim())
}

// claimTerminating diagnoses a claim that is being deleted while pods use it.
func claimTerminating(p *claimState) *Diagnosis {
	if p.claim == nil || p.claim.DeletionTimestamp == nil {
		return nil
	}
	what := "finalizers " + strings.Join(p.claim.Finalizers, ", ") + " hold it"
	if len(p.pods) > 0 {
		what = "pods still use it (" + names(p.pods) + "), and it is removed when the last of them ends"
	}
	d := p.found("the claim is being deleted. %s. A deletion cannot be undone, and no new pod can use the claim.", upper(what))
	if p.volume != nil && p.ours() && p.volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		d.Cause += fmt.Sprintf(" Volume %s has the reclaim policy %s: its data is deleted with the claim.", p.volume.Name, p.volume.Spec.PersistentVolumeReclaimPolicy)
		d.change(p.retain())
	}
	if len(p.pods) > 0 {
		d.repair(paste.Comment("save a checkpoint, and stop the pods:"), p.stop())
	}
	return d.repair(paste.Comment("once the claim is gone, run this to see how to bind its volume again:"), paste.Command("ckptctl doctor %s -n %s", p.Release, p.Namespace))
}

// upper capitalizes the first letter.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// commands returns the commands of changes.
func commands(changes []Change) []paste.Line {
	var out []paste.Line
	for _, c := range changes {
		out = append(out, c.Command)
	}
	return slices.Compact(out)
}
