package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// The severities of a diagnosis.
const (
	// Broken: a claim is not bound, or a pod on it has not started.
	Broken = "error"
	// Note: it works, or will work, but somebody should know.
	Note = "warning"
)

// Diagnosis is one cause and its repair.
type Diagnosis struct {
	// ID is the rule's.
	ID string `json:"id"`
	// Severity is Broken or Note.
	Severity string `json:"severity"`
	// Object is what the diagnosis is about, such as "claim training/checkpoints".
	Object string `json:"object"`
	// Cause says in plain words what is wrong.
	Cause string `json:"cause"`
	// Seen is what the cluster itself says of it, where it says something.
	Seen string `json:"seen,omitempty"`
	// Waits are the pods that cannot start because of it.
	Waits []string `json:"waits,omitempty"`
	// Repair says what to do: comments begin with #, other lines are commands. In capitals stands what the cluster does not
	// know: CHART for what the release was installed from, VALUES for the values files of one that Helm has not stored, NAME
	// and NODE for what the comment says.
	Repair []paste.Line `json:"repair"`
	// Safe says that --fix applies the repair: it cannot lose data.
	Safe bool `json:"safe"`

	// fix are the changes of a safe repair.
	fix []Change
}

// rule is one cause: how it is found, and what its id means.
type rule[T any] struct {
	id, looksAt string
	find        func(T) *Diagnosis
}

// patient is one claim of a release, with what belongs to it.
type patient struct {
	*Snapshot
	name string
	// want and wantVolume are what the release made; nil where that is not known, or where others made them.
	want       *corev1.PersistentVolumeClaim
	wantVolume *corev1.PersistentVolume
	// claim is the claim as it is, volume the one that it names, or that the release or the volume itself meant for it.
	claim  *corev1.PersistentVolumeClaim
	volume *corev1.PersistentVolume
	// class is the claim's class; nil where it has none or there is none of the name.
	class *storagev1.StorageClass
	pods  []corev1.Pod
}

// guest is a pod on a claim.
type guest struct {
	*patient
	pod *corev1.Pod
}

// job is a workload whose pods would be on a claim.
type job struct {
	*patient
	workload
}

func (s *Snapshot) patient(name string) *patient {
	p := &patient{Snapshot: s, name: name, claim: s.claim(name), pods: s.podsOf(name)}
	p.want = find(s.WantClaims, func(o *corev1.PersistentVolumeClaim) string {
		if o.Namespace != s.Home {
			// A namespace has a say in itself alone.
			return ""
		}
		return o.Name
	}, name)
	reserved := func(v corev1.PersistentVolume) bool {
		return v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Namespace == s.Home && v.Spec.ClaimRef.Name == name
	}
	if i := slices.IndexFunc(s.WantVolumes, reserved); i >= 0 {
		p.wantVolume = &s.WantVolumes[i]
	}
	if p.claim != nil && p.claim.Spec.VolumeName != "" {
		p.volume = s.volume(p.claim.Spec.VolumeName)
	} else if p.wantVolume != nil {
		p.volume = s.volume(p.wantVolume.Name)
	} else if i := slices.IndexFunc(s.Volumes, reserved); i >= 0 {
		p.volume = &s.Volumes[i]
	}
	if p.claim != nil {
		p.class = s.class(className(p.claim.Spec.StorageClassName))
	}
	return p
}

func className(name *string) string {
	if name == nil {
		return ""
	}
	return *name
}

// volumeName is the volume that the claim asks for, or that the release made for it; "" when a provisioner is to make one.
func (p *patient) volumeName() string {
	switch {
	case p.claim != nil && p.claim.Spec.VolumeName != "":
		return p.claim.Spec.VolumeName
	case p.wantVolume != nil:
		return p.wantVolume.Name
	case p.volume != nil:
		return p.volume.Name
	}
	return ""
}

func (p *patient) bound() bool { return p.claim != nil && p.claim.Status.Phase == corev1.ClaimBound }

// pending says that the claim is there and waits for a volume.
func (p *patient) pending() bool {
	return p.claim != nil && p.claim.DeletionTimestamp == nil && p.claim.Status.Phase != corev1.ClaimBound && p.claim.Status.Phase != corev1.ClaimLost
}

// delayed says that the claim is bound together with its first pod.
func (p *patient) delayed() bool {
	return p.pending() && p.claim.Spec.VolumeName == "" && p.class != nil && p.class.VolumeBindingMode != nil &&
		*p.class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// own says that the volume is this release's, and reserved for this claim.
func (p *patient) own() bool {
	ref := p.volume.Spec.ClaimRef
	return p.owns(p.volume.Labels, p.volume.Annotations) && ref != nil && ref.Namespace == p.Home && ref.Name == p.name
}

// reserved says that the volume itself is for this claim: what a claim says of a volume is no more than a wish.
func (p *patient) reserved() bool {
	ref := p.volume.Spec.ClaimRef
	return ref != nil && ref.Namespace == p.Home && ref.Name == p.name && (p.claim == nil || ref.UID == "" || ref.UID == p.claim.UID)
}

// ours says that the volume is for this claim, and that this is for the release to say: in another namespace than its own
// only what is marked as the release's is.
func (p *patient) ours() bool { return p.reserved() && (p.Home == p.Namespace || p.own()) }

func (p *patient) found(cause string, args ...any) *Diagnosis {
	return &Diagnosis{Object: fmt.Sprintf("claim %s/%s", p.Home, p.name), Cause: fmt.Sprintf(cause, args...)}
}

func (g guest) found(cause string, args ...any) *Diagnosis {
	return &Diagnosis{Object: fmt.Sprintf("pod %s/%s", g.Home, g.pod.Name), Cause: fmt.Sprintf(cause, args...)}
}

func (d *Diagnosis) repair(lines ...paste.Line) *Diagnosis {
	d.Repair = append(d.Repair, lines...)
	return d
}

func (d *Diagnosis) saw(events []corev1.Event) *Diagnosis {
	if len(events) > 0 {
		d.Seen = strings.TrimSpace(events[0].Reason + ": " + events[0].Message)
	}
	return d
}

// Examine goes through the rules. A claim that is not as it should be is the cause of what its pods wait for: they are
// named with it, and only where the claim is in order, or waits for them, are they looked at themselves.
func Examine(s *Snapshot) []Diagnosis {
	out := run(releaseRules, s, Broken)
	explained := len(out) > 0
	for _, name := range s.claimNames() {
		p := s.patient(name)
		if p.claim == nil && explained {
			// The claim never came to be, and the reason has been given.
			continue
		}
		causes := run(claimRules, p, Broken)
		if len(causes) > 0 {
			for _, pod := range p.pods {
				if unwell(pod) {
					causes[0].Waits = append(causes[0].Waits, pod.Name)
				}
			}
			out = append(out, causes[0])
			continue
		}
		out = append(out, p.guests()...)
		for _, r := range noteRules {
			out = append(out, run([]rule[*patient]{r}, p, Note)...)
		}
	}
	// What goes before comes first, and what is said twice is said once.
	slices.SortStableFunc(out, func(a, b Diagnosis) int { return strings.Compare(a.Severity, b.Severity) })
	return join(out)
}

// guests are the diagnoses of the pods and workloads on a claim; with none of them, what a claim itself waits for.
func (p *patient) guests() []Diagnosis {
	var out []Diagnosis
	for _, w := range p.workloadsOf(p.name) {
		out = append(out, run(workloadRules, job{p, w}, Broken)...)
	}
	for i := range p.pods {
		if unwell(p.pods[i]) {
			out = append(out, run(podRules, guest{p, &p.pods[i]}, Broken)...)
		}
	}
	if len(out) == 0 && p.pending() {
		out = run(pendingRules, p, Broken)
	}
	return out
}

// run returns what the first rule that finds something has found.
func run[T any](rules []rule[T], in T, severity string) []Diagnosis {
	for _, r := range rules {
		if d := r.find(in); d != nil {
			d.ID = r.id
			if d.Severity == "" {
				d.Severity = severity
			}
			d.Safe = len(d.fix) > 0
			return []Diagnosis{*d}
		}
	}
	return nil
}

// join makes one diagnosis of those that differ in nothing but the pod.
func join(all []Diagnosis) []Diagnosis {
	var out []Diagnosis
	for _, d := range all {
		i := slices.IndexFunc(out, func(o Diagnosis) bool {
			return o.ID == d.ID && o.Cause == d.Cause && slices.Equal(o.Repair, d.Repair)
		})
		if i < 0 {
			out = append(out, d)
			continue
		}
		if d.Object != out[i].Object && !slices.Contains(out[i].Waits, d.Object) {
			out[i].Waits = append(out[i].Waits, d.Object)
		}
	}
	return out
}

// Healthy says that nothing is broken.
func Healthy(diagnoses []Diagnosis) bool {
	return !slices.ContainsFunc(diagnoses, func(d Diagnosis) bool { return d.Severity == Broken })
}

// unwell says that a pod has not started, or does not stay up.
func unwell(p corev1.Pod) bool {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded {
		return false
	}
	if p.Status.Phase != corev1.PodRunning {
		return true
	}
	container, _ := failed(p)
	return container != "" || slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Waiting != nil })
}

// patience is how long a pod may take to start before it is said to wait for something unknown.
const patience = 30 * time.Second
