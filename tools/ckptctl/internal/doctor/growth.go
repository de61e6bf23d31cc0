package doctor

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// growthRules are about a bound claim that is to be larger, or of another volume attributes class. Its pods go on with what it
// has.
var growthRules = []rule[*claimState]{
	{"resize-infeasible", "a larger size that the storage refuses for good", resizeInfeasible},
	{"resize-failed", "a larger size that the storage or the node fails to give", resizeFailed},
	{"resize-pending", "a file system that has not grown with its storage", resizePending},
	{"no-resizer", "a larger size that no controller works on", noResizer},
	{"modify-failed", "a volume attributes class that the storage refuses, or that does not exist", modifyFailed},
}

// condition returns the claim's condition of a type that is True, or nil.
func (p *claimState) condition(types ...corev1.PersistentVolumeClaimConditionType) *corev1.PersistentVolumeClaimCondition {
	if p.claim == nil {
		return nil
	}
	for i, c := range p.claim.Status.Conditions {
		if c.Status == corev1.ConditionTrue && slices.Contains(types, c.Type) {
			return &p.claim.Status.Conditions[i]
		}
	}
	return nil
}

// sizes returns what the claim requests and has, and whether it is to grow.
func (p *claimState) sizes() (asked, has string, grows bool) {
	if !p.bound() {
		return "", "", false
	}
	want, got := p.claim.Spec.Resources.Requests[corev1.ResourceStorage], p.claim.Status.Capacity[corev1.ResourceStorage]
	return want.String(), got.String(), want.Cmp(got) > 0
}

// resized returns the command that has the claim request another size.
func (p *claimState) resized(size string) paste.Line {
	if p.want != nil {
		return p.again("size=" + size)
	}
	return paste.Command("kubectl -n %s patch pvc %s --type=json -p %s", p.Home, p.name, paste.JSON([]operation{
		{Op: "test", Path: "/metadata/uid", Value: string(p.claim.UID)}, {Op: "replace", Path: "/spec/resources/requests/storage", Value: size},
	}))
}

// said adds what a condition says, or the newest event of the reasons.
func (d *Diagnosis) said(p *claimState, c *corev1.PersistentVolumeClaimCondition, reasons ...string) *Diagnosis {
	if c != nil && c.Message != "" {
		d.Seen = string(c.Type) + ": " + c.Message
		return d
	}
	return d.saw(p.events(p.claim.UID, reasons...))
}

// resizeErrors are the conditions of a resize that fails.
var resizeErrors = []corev1.PersistentVolumeClaimConditionType{corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError}

// resizeInfeasible warns of a size that the driver refuses with a code that means that another attempt is useless.
func resizeInfeasible(p *claimState) *Diagnosis {
	asked, has, _ := p.sizes()
	who := "the storage"
	switch p.resizeState() {
	case corev1.PersistentVolumeClaimControllerResizeInfeasible:
	case corev1.PersistentVolumeClaimNodeResizeInfeasible:
		who = "the storage has grown, but the node"
	default:
		return nil
	}
	d := p.found("the claim requests %s and has %s: %s refuses that size as one that cannot be had. Its pods go on with what it has.", asked, has, who).
		said(p, p.condition(resizeErrors...), "VolumeResizeFailed")
	return d.repair(paste.Comment("request a size that can be had, more than %s (SIZE): less than before is allowed as long as the claim has not grown", has), p.resized("SIZE"))
}

func (p *claimState) resizeState() corev1.ClaimResourceStatus {
	if p.claim == nil {
		return ""
	}
	return p.claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage]
}

// resizeFailed warns of a resize that fails, and is tried again.
func resizeFailed(p *claimState) *Diagnosis {
	asked, has, grows := p.sizes()
	if !grows {
		return nil
	}
	// Not every resizer sets the condition for an error that it tries again.
	c := p.condition(resizeErrors...)
	if c == nil && len(p.events(p.claim.UID, "VolumeResizeFailed")) == 0 {
		return nil
	}
	d := p.found("the claim requests %s and has %s: growing it fails, and is tried again. Its pods go on with what it has.", asked, has).said(p, c, "VolumeResizeFailed")
	return d.repair(paste.Comment("it goes on by itself once the cause is removed; the claim:"), paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name))
}

// resizePending warns of a file system that waits for a pod, or for the kubelet.
func resizePending(p *claimState) *Diagnosis {
	asked, has, _ := p.sizes()
	c := p.condition(corev1.PersistentVolumeClaimFileSystemResizePending)
	if c == nil {
		return nil
	}
	d := p.found("the storage has grown to %s, and its file system still has %s: it grows when a pod next mounts the claim.", asked, has).said(p, c)
	if len(p.pods) == 0 {
		return d.repair(paste.Comment("start the training, or let `helm test` be the pod:"), paste.Command("helm -n %s test %s", p.Namespace, p.Release))
	}
	return d.repair(paste.Comment("pods that are running do not make it grow, unless their kubelet is just about to: save a checkpoint, and recreate them"), p.stop())
}

// noResizer warns of a larger size that nothing has started to give.
func noResizer(p *claimState) *Diagnosis {
	asked, has, grows := p.sizes()
	if !grows {
		return nil
	}
	events := p.events(p.claim.UID, "ExternalExpanding")
	if len(events) == 0 || p.resizeState() != "" || p.condition(corev1.PersistentVolumeClaimResizing) != nil || p.Now.Sub(events[len(events)-1].FirstTimestamp.Time) < patience {
		return nil
	}
	d := p.found("the claim requests %s and has %s, and no controller has begun to grow it: the external-resizer of its driver is not running.", asked, has).saw(events)
	return d.repair(paste.Comment("install it with the driver's controller; it then begins by itself. Until then the claim stays as it is:"),
		paste.Command("kubectl -n %s describe pvc %s", p.Home, p.name))
}

// modifyFailed warns of a volume attributes class that does not reach the volume.
func modifyFailed(p *claimState) *Diagnosis {
	if p.claim == nil || p.claim.Status.ModifyVolumeStatus == nil {
		return nil
	}
	// Until a class has been found, the status names none.
	target := cmp.Or(p.claim.Status.ModifyVolumeStatus.TargetVolumeAttributesClassName, className(p.claim.Spec.VolumeAttributesClassName))
	status, c := p.claim.Status.ModifyVolumeStatus, p.condition(corev1.PersistentVolumeClaimVolumeModifyVolumeError)
	why := "the storage refuses its parameters"
	events := p.events(p.claim.UID, "VolumeModifyFailed")
	before := className(p.claim.Status.CurrentVolumeAttributesClassName)
	switch {
	case status.Status == corev1.PersistentVolumeClaimModifyVolumeInfeasible || c != nil:
	case status.Status == corev1.PersistentVolumeClaimModifyVolumePending && len(events) > 0 && target != before:
		// The status stays when the claim no longer asks for the class.
		why = "it does not exist, or cannot be read"
	default:
		return nil
	}
	kept := "the attributes that it was made with"
	if before != "" {
		kept = "those of class " + before
	}
	d := p.found("the claim asks for the volume attributes class %s, and %s: the volume keeps %s.", target, why, kept).said(p, c, "VolumeModifyFailed")
	d.repair(paste.Comment("give the claim the class that it had, or one whose parameters the storage takes:"))
	if p.want != nil {
		return d.repair(p.again("claim.volumeAttributesClassName=" + before))
	}
	back := operation{Op: "remove", Path: "/spec/volumeAttributesClassName"}
	if before != "" {
		back = operation{Op: "replace", Path: "/spec/volumeAttributesClassName", Value: before}
	}
	return d.repair(paste.Command("kubectl -n %s patch pvc %s --type=json -p %s", p.Home, p.name, paste.JSON([]operation{{Op: "test", Path: "/metadata/uid", Value: string(p.claim.UID)}, back})))
}
