package doctor

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"

	naming "checkpoint-storage/tools/ckptctl/internal/names"
)

// volumeNameTaken finds the volume of another release under the name that this one's would have. Helm refuses such an
// install before it stores anything, so there is no release to read the name from: the chart's own name for it is looked at.
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
		d := &Diagnosis{Object: s.object(), Cause: fmt.Sprintf("PersistentVolume %s belongs to release %s of namespace %s. Volumes have no namespace, so that two releases cannot both have one of this name, and Helm does not install over what is another's.", name, owner, namespace)}
		return d.repair(
			paste.Comment("give this release's volume a name of its own; leave the other alone, there are somebody's checkpoints on it"),
			s.again("volume.name="+name+"-2"),
		)
	}
	return nil
}

// serves says that a claim of the release's namespace has the volume: an administrator made it for a tenant's release.
func (s *Snapshot) serves(v *corev1.PersistentVolume) bool {
	ref := v.Spec.ClaimRef
	return ref != nil && ref.Namespace == s.Home && s.claim(ref.Name) != nil
}

// brokenOff is an install, an upgrade or a rollback whose Helm ended before it did: Helm refuses every other meanwhile.
func brokenOff(s *Snapshot) *Diagnosis {
	if s.Stored == nil || !strings.HasPrefix(s.Stored.Status, "pending-") {
		return nil
	}
	d := &Diagnosis{Object: s.object(), Seen: s.Stored.Description, Cause: fmt.Sprintf("the release is %s (revision %d): Helm is still running, or was killed before it had finished. Helm refuses to install and to upgrade meanwhile (\"another operation is in progress\").", s.Stored.Status, s.Stored.Revision)}
	if !s.incomplete() {
		d.Severity = Note
		d.Cause += " All that it was to make is there."
	}
	file := s.Release + "-values.yaml"
	return d.repair(
		paste.Comment("see that no Helm is still running for this release. Then save the values, delete the record of the revision, and run it again: what it has made already is taken over"),
		paste.Command("helm -n %s get values %s --revision %s -o yaml >%s", s.Namespace, s.Release, s.Stored.Revision, file),
		paste.Command("kubectl -n %s delete secret %s", s.Namespace, s.Stored.Secret),
		paste.Command("helm -n %s upgrade --install %s CHART --reset-values -f %s", s.Namespace, s.Release, file),
	)
}

// failedRelease is an install that made less than it was to, for a reason that no other rule knows.
func failedRelease(s *Snapshot) *Diagnosis {
	if !s.incomplete() {
		return nil
	}
	d := &Diagnosis{Object: s.object(), Seen: s.Stored.Description, Cause: fmt.Sprintf("the last install or upgrade (revision %d) ended as %s, and not everything that it was to make is there.", s.Stored.Revision, s.Stored.Status)}
	return d.repair(paste.Command("helm -n %s history %s", s.Namespace, s.Release), paste.Comment("once the reason is gone, what was to be made is made with the values of that revision:"), s.again())
}

// again is the command that makes what a release lacks, with settings of the chart on top of the values of its newest
// revision. That may have failed: Helm's own --reuse-values would take those of the last that did not. CHART and VALUES
// stand for what the cluster does not know: what the release was installed from, and, where nothing of it is stored, with.
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

// deletePolicy finds a static volume whose data goes with the claim.
func deletePolicy(p *patient) *Diagnosis {
	if p.volume == nil || p.volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || p.wantVolume == nil || !p.own() {
		return nil
	}
	d := p.found("volume %s has the reclaim policy Delete, though this release made it for storage that was there before: when the claim goes, newer provisioners delete the storage itself.", p.volume.Name)
	return d.change(p.retain())
}

// claimDeleted is the volume that remembers a claim that is gone.
func claimDeleted(p *patient) *Diagnosis {
	if p.claim != nil || !p.knows("persistentvolumeclaims") || p.volume == nil || p.volume.DeletionTimestamp != nil ||
		p.volume.Status.Phase != corev1.VolumeReleased {
		return nil
	}
	d := p.found("the claim was deleted. Its volume %s is Released: the data is still there, and the volume waits for a claim with the deleted one's uid, which no new claim can have.", p.volume.Name)
	if !p.own() {
		return d.repair(p.unclaim().Command, p.claimAnew())
	}
	return d.change(p.unclaim()).makeClaim(p)
}

// claimMissing is the claim that the release made, or that it was told to use, and that is not there.
func claimMissing(p *patient) *Diagnosis {
	if p.claim != nil || !p.knows("persistentvolumeclaims") {
		return nil
	}
	switch {
	case p.want == nil && p.wantVolume == nil:
		d := p.found("the release publishes a claim that is not there: nobody has made it, or it was deleted.")
		return d.repair(paste.Command("kubectl -n %s get pvc", p.Home), paste.Comment("make the claim, or name another:"), p.again("claim.existing=NAME"))
	case p.want == nil && p.volume != nil:
		d := p.found("the release made volume %s for a claim that does not exist yet; the volume is %s, and waits for it.", p.volume.Name, p.volume.Status.Phase)
		d.Severity = Note
		return d.repair(paste.Comment("another release is to make the claim (with volume.create: false); those of its namespace:"), paste.Command("helm -n %s list --all", p.Home))
	case p.volume == nil && p.wantVolume != nil && p.want == nil:
		return p.found("the release made volume %s, and it is gone; so is the claim that it was for.", p.wantVolume.Name).repair(p.volumeAnew("")...)
	case p.volume == nil && p.wantVolume != nil:
		return p.found("the release made this claim, and it is gone.").repair(p.volumeAnew("")...).repair(p.claimAnew())
	}
	return p.found("the release made this claim, and it is gone.").makeClaim(p)
}

// claimAnew are the words for a claim that is to be recreated: the command, where the release makes it.
func (p *patient) claimAnew() paste.Line {
	if p.want == nil {
		return paste.Comment("then have the claim made again by whoever made it")
	}
	return p.makeClaim().Command
}

// makeClaim makes the claim anew, by --fix in the release's own namespace alone: in another one it would do what somebody
// says who may have no say there.
func (d *Diagnosis) makeClaim(p *patient) *Diagnosis {
	if p.want == nil || p.Home != p.Namespace {
		return d.repair(p.claimAnew())
	}
	return d.change(p.makeClaim())
}

// claimTerminating is the claim that goes when its last pod does.
func claimTerminating(p *patient) *Diagnosis {
	if p.claim == nil || p.claim.DeletionTimestamp == nil {
		return nil
	}
	what := "finalizers " + strings.Join(p.claim.Finalizers, ", ") + " hold it"
	if len(p.pods) > 0 {
		what = "pods still use it (" + names(p.pods) + "), and it goes when the last of them does"
	}
	d := p.found("somebody has deleted the claim. %s. A deletion cannot be taken back, and no new pod gets the claim.", upper(what))
	if p.volume != nil && p.ours() && p.volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		d.Cause += fmt.Sprintf(" Volume %s has the reclaim policy %s: its data goes with the claim.", p.volume.Name, p.volume.Spec.PersistentVolumeReclaimPolicy)
		d.change(p.retain())
	}
	if len(p.pods) > 0 {
		d.repair(paste.Comment("save, and stop the pods:"), p.stop())
	}
	return d.repair(paste.Comment("when the claim is gone, this says how to bind its volume again:"), paste.Command("ckptctl doctor %s -n %s", p.Release, p.Namespace))
}

// upper begins a sentence.
func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// commands are those of a list of changes.
func commands(changes []Change) []paste.Line {
	var out []paste.Line
	for _, c := range changes {
		out = append(out, c.Command)
	}
	return slices.Compact(out)
}
