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
	own := naming.Of(map[string]any{"provisioning": "static"}, naming.Release{Name: s.Release, Namespace: s.Namespace})
	wanted := []string{own.Volume(naming.Whole)}
	for _, v := range s.WantVolumes {
		wanted = append(wanted, v.Name)
	}
	for _, name := range wanted {
		v := s.volume(name)
		if v == nil || s.owns(v.Labels, v.Annotations) {
			continue
		}
		owner, namespace := v.Annotations["meta.helm.sh/release-name"], v.Annotations["meta.helm.sh/release-namespace"]
		if owner == "" || owner == s.Release && namespace == s.Namespace {
			continue
		}
		d := &Diagnosis{Object: s.object(), Cause: fmt.Sprintf("PersistentVolume %s belongs to release %s of namespace %s. Volumes have no namespace, so that two releases cannot both have one of this name, and Helm does not install over what is another's.", name, owner, namespace)}
		return d.repair(
			paste.Comment("give this release's volume a name of its own; leave the other alone, there are somebody's checkpoints on it"),
			paste.Command("helm -n %s upgrade --install %s CHART --set %s", s.Namespace, s.Release, "volume.name="+name+"-2"),
		)
	}
	return nil
}

// failedRelease is an install that made less than it was to, for a reason that no other rule knows.
func failedRelease(s *Snapshot) *Diagnosis {
	if !s.incomplete() {
		return nil
	}
	cause := fmt.Sprintf("the last install or upgrade (revision %d) ended as %s, and not everything that it was to make is there.", s.Stored.Revision, s.Stored.Status)
	if strings.HasPrefix(s.Stored.Status, "pending") {
		cause = fmt.Sprintf("an install or upgrade (revision %d) is under way, or was broken off: the release is %s, and not everything is there yet.", s.Stored.Revision, s.Stored.Status)
	}
	d := &Diagnosis{Object: s.object(), Cause: cause, Seen: s.Stored.Description}
	return d.repair(paste.Command("helm -n %s history %s", s.Namespace, s.Release), s.again())
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
	if p.want != nil && p.own() {
		return d.change(p.unclaim(), p.makeClaim())
	}
	return d.repair(p.unclaim().Command, paste.Comment("then make the claim again"), p.again())
}

// claimMissing is the claim that the release made, or that it was told to use, and that is not there.
func claimMissing(p *patient) *Diagnosis {
	if p.claim != nil || !p.knows("persistentvolumeclaims") {
		return nil
	}
	if p.want == nil {
		d := p.found("the release publishes a claim that is not there: nobody has made it, or it was deleted.")
		return d.repair(paste.Command("kubectl -n %s get pvc", p.Namespace), paste.Comment("make the claim, or name another:"), paste.Command("%s --set claim.existing=NAME", p.again()))
	}
	d := p.found("the release made this claim, and it is gone.")
	if p.volume != nil || p.wantVolume == nil {
		return d.change(p.makeClaim())
	}
	return d.repair(p.volumeAnew("")...).repair(p.makeClaim().Command)
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
	if p.volume != nil && p.reserved() && p.volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
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
