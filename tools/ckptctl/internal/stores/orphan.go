package stores

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// takeBack adds to each orphan the commands by which a release has it again. CHART and VALUES have to be filled in, as in
// doctor's: the cluster does not know them.
func (r *reader) takeBack() {
	together := map[key]int{}
	for _, s := range r.report.Stores {
		if s.Release.State == Gone {
			together[key{s.Release.Namespace, s.Release.Name}]++
		}
	}
	for i := range r.report.Stores {
		s := &r.report.Stores[i]
		switch {
		case !s.Release.orphan():
		case s.Phase != string(corev1.ClaimBound):
			s.TakeBack = []paste.Line{
				paste.Comment("the claim is %s: find the cause first", s.Phase),
				paste.Command("ckptctl doctor %s -n %s", s.Release.Name, s.Release.Namespace),
			}
		case together[key{s.Release.Namespace, s.Release.Name}] > 1:
			s.TakeBack = []paste.Line{
				paste.Comment("release %s had several claims; with the chart and the values that it was installed with, it has all of them again:", s.Release.Name),
				paste.Command("helm -n %s upgrade --install %s CHART -f VALUES", s.Release.Namespace, s.Release.Name),
			}
		default:
			name := newRelease(s.Release, s.Namespace, s.Claim)
			file := s.Claim + "-values.yaml"
			s.TakeBack = []paste.Line{
				paste.Comment("the values are read from the claim and its volume; the install changes nothing else of them"),
				paste.Command("ckptctl adopt --claim %s -n %s --release %s >%s", s.Claim, s.Namespace, name, file),
				paste.Command("helm -n %s install %s CHART -f %s --take-ownership", s.Namespace, name, file),
			}
		}
	}
	for i := range r.report.Released {
		r.report.Released[i].TakeBack = r.reclaim(r.report.Released[i])
	}
}

// newRelease returns the name of the release that is to have an orphan: its own where that is gone, else one called like the
// claim.
func newRelease(of Release, namespace, claim string) string {
	if of.State == Gone && of.Namespace == namespace {
		return of.Name
	}
	return claim
}

// reclaim returns the commands by which a Released volume has a claim again.
func (r *reader) reclaim(v Volume) []paste.Line {
	volume := r.volume(v.Name)
	taken := r.claims[key{v.Namespace, v.Claim}] != nil
	switch {
	case volume.DeletionTimestamp != nil || v.Policy != string(corev1.PersistentVolumeReclaimRetain):
		return []paste.Line{paste.Comment("its reclaim policy is %s, or it is being deleted: do not count on its data", v.Policy)}
	case r.hidden("persistentvolumeclaims") || v.Release.State == Unknown:
		return []paste.Line{paste.Comment("whether a release has a claim for it is unknown: the resources below may not be read")}
	case v.Release.State == Present && r.named(volume):
		// The release's own volume, for the release's own claim.
		return []paste.Line{paste.Command("ckptctl doctor %s -n %s --fix", v.Release.Name, v.Release.Namespace)}
	}
	claim, note := v.Claim, paste.Comment("the volume is reserved for a new claim of the same name, which the release makes")
	if taken {
		claim = earlier(v.Claim)
		note = paste.Comment("claim %s has another volume now: this one is reserved for a new claim, %s", v.Claim, claim)
	}
	name := newRelease(v.Release, v.Namespace, claim)
	if taken {
		name = claim
	}
	file := claim + "-values.yaml"
	return []paste.Line{
		note,
		doctor.Reserve(volume, corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: v.Namespace, Name: claim}),
		paste.Command("kubectl get pv %s -o yaml | ckptctl adopt -f - -n %s --release %s >%s", v.Name, v.Namespace, name, file),
		paste.Command("helm -n %s install %s CHART -f %s --set claim.create=true --take-ownership", v.Namespace, name, file),
	}
}

// named reports whether the volume is the one that its release made, and not one of a provisioner.
func (r *reader) named(v *corev1.PersistentVolume) bool { return v.Annotations[releaseName] != "" }

// earlier returns a claim's name for the volume that it had before, short enough for a release.
func earlier(claim string) string {
	const suffix = "-earlier"
	return strings.TrimRight(claim[:min(len(claim), 53-len(suffix))], "-.") + suffix
}

func (r *reader) volume(name string) *corev1.PersistentVolume {
	i := slices.IndexFunc(r.volumes, func(v corev1.PersistentVolume) bool { return v.Name == name })
	if i < 0 {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	return &r.volumes[i]
}
