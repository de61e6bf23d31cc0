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
	// Note: nothing is broken, but it should be known.
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
	// Cause says what is wrong.
	Cause string `json:"cause"`
	// Seen is the event, log line or status that shows it; may be empty.
	Seen string `json:"seen,omitempty"`
	// Waits are the pods that cannot start because of it, and other objects with the same cause.
	Waits []string `json:"waits,omitempty"`
	// Repair says what to do: comments begin with #, other lines are commands. Words in capitals have to be filled in: CHART is
	// what the release was installed from, VALUES are its values files if Helm has stored none, NAME, NODE and SIZE are explained
	// by the comment.
	Repair []paste.Line `json:"repair"`
	// Safe says that --fix applies the repair: it cannot lose data.
	Safe bool `json:"safe"`

	// fix are the changes of a safe repair.
	fix []Change
}

// rule finds one cause.
type rule[T any] struct {
	id, looksAt string
	find        func(T) *Diagnosis
}

// claimState is a claim of a release with the objects that belong to it.
type claimState struct {
	*Snapshot
	name string
	// want and wantVolume are the claim and volume of the release's manifest; nil if it has none or cannot be read.
	want       *corev1.PersistentVolumeClaim
	wantVolume *corev1.PersistentVolume
	// claim is the live claim; volume is the one that it names, else the release's, else one whose claimRef names the claim.
	claim  *corev1.PersistentVolumeClaim
	volume *corev1.PersistentVolume
	// class is the claim's class; nil if it has none or the class does not exist.
	class *storagev1.StorageClass
	pods  []corev1.Pod
}

// podState is a pod that mounts a claim.
type podState struct {
	*claimState
	pod *corev1.Pod
}

// workloadState is a workload whose pods mount a claim.
type workloadState struct {
	*claimState
	workload
}

func (s *Snapshot) claimState(name string) *claimState {
	p := &claimState{Snapshot: s, name: name, claim: s.claim(name), pods: s.podsOf(name)}
	p.want = find(s.WantClaims, func(o *corev1.PersistentVolumeClaim) string {
		if o.Namespace != s.Home {
			// A claim of another namespace is none of this release's.
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

// volumeName returns the volume that the claim names, or that is meant for it; "" if one is to be provisioned.
func (p *claimState) volumeName() string {
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

func (p *claimState) bound() bool { return p.claim != nil && p.claim.Status.Phase == corev1.ClaimBound }

// pending reports whether the claim exists and waits for a volume.
func (p *claimState) pending() bool {
	return p.claim != nil && p.claim.DeletionTimestamp == nil && p.claim.Status.Phase != corev1.ClaimBound && p.claim.Status.Phase != corev1.ClaimLost
}

// delayed reports whether the claim is bound together with its first pod.
func (p *claimState) delayed() bool {
	return p.pending() && p.claim.Spec.VolumeName == "" && p.class != nil && p.class.VolumeBindingMode != nil &&
		*p.class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// own reports whether the volume belongs to this release and is reserved for this claim.
func (p *claimState) own() bool {
	ref := p.volume.Spec.ClaimRef
	return p.owns(p.volume.Labels, p.volume.Annotations) && ref != nil && ref.Namespace == p.Home && ref.Name == p.name
}

// reserved reports whether the volume's claimRef names this claim. A claim's volumeName alone reserves nothing.
func (p *claimState) reserved() bool {
	ref := p.volume.Spec.ClaimRef
	return ref != nil && ref.Namespace == p.Home && ref.Name == p.name && (p.claim == nil || ref.UID == "" || ref.UID == p.claim.UID)
}

// ours reports whether --fix may change the volume: it is reserved for this claim, and if the claim is in another namespace
// than the release, the volume is marked as the release's.
func (p *claimState) ours() bool { return p.reserved() && (p.Home == p.Namespace || p.own()) }

func (p *claimState) found(cause string, args ...any) *Diagnosis {
	return &Diagnosis{Object: fmt.Sprintf("claim %s/%s", p.Home, p.name), Cause: fmt.Sprintf(cause, args...)}
}

func (g podState) found(cause string, args ...any) *Diagnosis {
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

// Examine applies the rules. A broken claim is the cause for its pods, which are listed with its diagnosis; the pods
// themselves are examined only if the claim is in order or waits for its first pod.
func Examine(s *Snapshot) []Diagnosis {
	out := run(releaseRules, s, Broken)
	explained := len(out) > 0
	for _, name := range s.claimNames() {
		p := s.claimState(name)
		if p.claim == nil && explained {
			// The claim was never created, for the reason that has been given.
			continue
		}
		causes := run(claimRules, p, Broken)
		if len(causes) > 0 {
			for _, pod := range p.pods {
				if notRunning(pod) {
					causes[0].Waits = append(causes[0].Waits, pod.Name)
				}
			}
			out = append(out, causes[0])
			continue
		}
		out = append(out, p.podDiagnoses()...)
		out = append(out, run(growthRules, p, Note)...)
		for _, r := range noteRules {
			out = append(out, run([]rule[*claimState]{r}, p, Note)...)
		}
	}
	// Errors come before warnings.
	slices.SortStableFunc(out, func(a, b Diagnosis) int { return strings.Compare(a.Severity, b.Severity) })
	return join(out)
}

// podDiagnoses returns the diagnoses of the pods and workloads that mount the claim, else that of a claim that stays pending.
func (p *claimState) podDiagnoses() []Diagnosis {
	var out []Diagnosis
	for _, w := range p.workloadsOf(p.name) {
		out = append(out, run(workloadRules, workloadState{p, w}, Broken)...)
	}
	for i := range p.pods {
		if notRunning(p.pods[i]) {
			out = append(out, run(podRules, podState{p, &p.pods[i]}, Broken)...)
		}
	}
	if len(out) == 0 && p.pending() {
		out = run(pendingRules, p, Broken)
	}
	return out
}

// run returns the diagnosis of the first rule that finds one.
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

// join merges diagnoses that differ only in their object.
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

// Healthy reports whether nothing is broken; warnings do not count.
func Healthy(diagnoses []Diagnosis) bool {
	return !slices.ContainsFunc(diagnoses, func(d Diagnosis) bool { return d.Severity == Broken })
}

// notRunning reports whether a pod has not started, or does not stay up.
func notRunning(p corev1.Pod) bool {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded {
		return false
	}
	if p.Status.Phase != corev1.PodRunning {
		return true
	}
	container, _ := failed(p)
	return container != "" || slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Waiting != nil })
}

// patience is how long a pod or claim may take before its cause is reported as unknown.
const patience = 30 * time.Second
