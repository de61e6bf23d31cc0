package doctor

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// labelsConflict matches the kubelet's message for a pod whose label is not the one that the volume is mounted with.
var labelsConflict = regexp.MustCompile(`conflicting SELinux labels of volume \S+: "([^"]*)" and "([^"]*)"`)

// selinuxRefused diagnoses a pod that cannot start because a pod with another SELinux label has the volume on its node.
func selinuxRefused(g podState) *Diagnosis {
	var groups []string
	var events []corev1.Event
	// Not by says: it skips the message that this one is in, which otherwise only says that the time has run out.
	for _, e := range g.events(g.pod.UID, mountEvents...) {
		if groups = labelsConflict.FindStringSubmatch(e.Message); groups != nil {
			events = []corev1.Event{e}
			break
		}
	}
	if groups == nil || g.started() {
		return nil
	}
	d := g.found("volume %s is mounted on node %s with the SELinux label %q of another pod, and this pod has %q: from Kubernetes 1.37 on, a driver that says seLinuxMount mounts a volume with the label of its pods, so a node can have one.", g.volumeName(), g.pod.Spec.NodeName, groups[1], groups[2]).saw(events)
	return d.repair(relabelled...).repair(g.stop())
}

// relabelled are the comments of both repairs: a running pod's security context cannot be changed, its template's can.
var relabelled = []paste.Line{
	paste.Comment("in the template of every pod of the claim set securityContext.seLinuxChangePolicy: Recursive, which labels the files one by one as"),
	paste.Comment("before (checkpoint-storage.podSecurityContext sets it), or give all of them the same seLinuxOptions; save a checkpoint, and recreate them:"),
}

// selinuxConflict warns of pods that cannot run on one node that has SELinux. Kubernetes has a controller for it, which is off
// by default (selinux-warning-controller).
func selinuxConflict(p *claimState) *Diagnosis {
	if !p.mountsWithLabel() {
		return nil
	}
	for i, one := range p.pods {
		for _, other := range p.pods[i+1:] {
			a, b := selinuxOf(one), selinuxOf(other)
			if !conflict(a, b) {
				continue
			}
			d := p.found("pods %s (%s) and %s (%s) mount volume %s, and its driver mounts it with the SELinux label of its pods (seLinuxMount): on a node with SELinux, from Kubernetes 1.37 on, only one of them can start. On nodes without SELinux both do.",
				one.Name, a, other.Name, b, p.volume.Name)
			return d.repair(relabelled...).repair(p.stop())
		}
	}
	return nil
}

// mountsWithLabel reports whether the kubelet mounts the volume with a label: if its CSI driver says so, and in-tree iSCSI and
// FC.
func (p *claimState) mountsWithLabel() bool {
	if p.volume == nil {
		return false
	}
	spec := p.volume.Spec
	if spec.CSI == nil {
		return spec.ISCSI != nil || spec.FC != nil
	}
	for _, d := range p.Drivers {
		if d.Name == spec.CSI.Driver {
			return d.Spec.SELinuxMount != nil && *d.Spec.SELinuxMount
		}
	}
	return false
}

// selinux is what decides how a volume is labelled for a pod: "" where files are labelled one by one.
type selinux struct{ label [4]string }

func (s selinux) recursive() bool { return s.label == [4]string{} }

// String returns the label as Kubernetes writes it, or the policy.
func (s selinux) String() string {
	if s.recursive() {
		return "files labelled one by one"
	}
	return strings.Join(s.label[:], ":")
}

// selinuxOf returns the label of a pod, from its security context or that of its first container with one.
func selinuxOf(p corev1.Pod) selinux {
	var options *corev1.SELinuxOptions
	if c := p.Spec.SecurityContext; c != nil {
		if c.SELinuxChangePolicy != nil && *c.SELinuxChangePolicy == corev1.SELinuxChangePolicyRecursive {
			return selinux{}
		}
		options = c.SELinuxOptions
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if c.SecurityContext != nil && c.SecurityContext.SELinuxOptions != nil {
			options = c.SecurityContext.SELinuxOptions
			break
		}
	}
	if options == nil {
		return selinux{}
	}
	return selinux{[4]string{options.User, options.Role, options.Type, options.Level}}
}

// conflict compares as Kubernetes does (pkg/controller/volume/selinuxwarning): a part that one leaves out fits any.
func conflict(a, b selinux) bool {
	if a.recursive() || b.recursive() {
		return a.recursive() != b.recursive()
	}
	for i := range a.label {
		if a.label[i] != "" && b.label[i] != "" && a.label[i] != b.label[i] {
			return true
		}
	}
	return false
}
