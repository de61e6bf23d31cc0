package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// log returns the first line of the pod's log, or the termination message, that matches a pattern.
func (g podState) log(pattern *regexp.Regexp) string {
	for _, line := range strings.Split(g.Logs[g.pod.Name], "\n") {
		if pattern.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	for _, c := range slices.Concat(g.pod.Status.InitContainerStatuses, g.pod.Status.ContainerStatuses) {
		for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil && pattern.MatchString(t.Message) {
				return strings.TrimSpace(t.Message)
			}
		}
	}
	return ""
}

var noPermission = regexp.MustCompile(`(?i)permission denied|EACCES|\[Errno 13\]`)

// permissionDenied diagnoses a program whose user may not write to the volume.
func permissionDenied(g podState) *Diagnosis {
	line := g.log(noPermission)
	if line == "" {
		return nil
	}
	who, group := runsAs(g.pod)
	tooLate := g.events(g.pod.UID, "AlreadyMountedVolume")
	d := g.found("the volume is mounted, but the program in the pod may not write to it: it runs as %s, and the directory belongs to another user.", who)
	d.Seen = line
	switch {
	case group == nil && g.ownable():
		return d.repair(paste.Comment("have the kubelet change the volume's group: set, in the values and in the pod's securityContext,"),
			paste.Comment("podSecurityContext: {fsGroup: 1000, fsGroupChangePolicy: OnRootMismatch}"),
			g.again("podSecurityContext.fsGroup=1000"))
	case group != nil && len(tooLate) > 0:
		d.Cause += fmt.Sprintf(" Its fsGroup %d has no effect: the kubelet applies the fsGroup of the first pod that mounts a local volume on a node, and another pod had it mounted.", *group)
		d.repair(paste.Comment("give all pods of the claim the same fsGroup (checkpoint-storage.podSecurityContext sets it); recreate this pod after the others have ended:"))
		for _, p := range g.pods {
			if p.Name != g.pod.Name && p.Spec.NodeName == g.pod.Spec.NodeName {
				d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
			}
		}
		return d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name))
	case group != nil && !g.ownable():
		d.Cause += fmt.Sprintf(" Its fsGroup %d has no effect: the kubelet does not change file ownership on such a volume.", *group)
	}
	uid := "1000"
	if number, ok := strings.CutPrefix(who, "user "); ok {
		uid = number
	}
	return d.repair(paste.Comment("have the chart create a directory with that owner; CHECKPOINT_DIR then is that directory:"),
		g.again("prepare.enabled=true", "prepare.directory=checkpoints", "prepare.owner="+uid, "prepare.group="+uid))
}

// runsAs returns the user of the pod's first container and the pod's fsGroup.
func runsAs(p *corev1.Pod) (who string, group *int64) {
	who = "the user of its image"
	if c := p.Spec.SecurityContext; c != nil {
		group = c.FSGroup
		if c.RunAsUser != nil {
			who = fmt.Sprintf("user %d", *c.RunAsUser)
		}
	}
	for _, c := range p.Spec.Containers[:min(1, len(p.Spec.Containers))] {
		if c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil {
			who = fmt.Sprintf("user %d", *c.SecurityContext.RunAsUser)
		}
	}
	return who, group
}

// ownable reports whether the kubelet applies a pod's fsGroup to the volume.
func (p *claimState) ownable() bool {
	if p.volume == nil || p.claim == nil || p.volume.Spec.VolumeMode != nil && *p.volume.Spec.VolumeMode == corev1.PersistentVolumeBlock {
		return false
	}
	spec := p.volume.Spec
	if spec.CSI == nil {
		return spec.HostPath == nil && spec.NFS == nil
	}
	policy := storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy
	for _, d := range p.Drivers {
		if d.Name == spec.CSI.Driver && d.Spec.FSGroupPolicy != nil {
			policy = *d.Spec.FSGroupPolicy
		}
	}
	switch policy {
	case storagev1.FileFSGroupPolicy:
		return true
	case storagev1.NoneFSGroupPolicy:
		return false
	}
	return spec.CSI.FSType != "" && len(spec.AccessModes) > 0 && (spec.AccessModes[0] == corev1.ReadWriteOnce || spec.AccessModes[0] == corev1.ReadWriteOncePod)
}

// walks reports whether the kubelet checks the group of every file on each start of the pod.
func (p *claimState) walks(pod corev1.Pod) bool {
	c := pod.Spec.SecurityContext
	return c != nil && c.FSGroup != nil && (c.FSGroupChangePolicy == nil || *c.FSGroupChangePolicy == corev1.FSGroupChangeAlways) && p.ownable()
}

// rootMismatch is the repair of both: a running pod's security context cannot be changed, its template's can.
var rootMismatch = paste.Comment("in the pod's template set securityContext.fsGroupChangePolicy: OnRootMismatch; checkpoint-storage.podSecurityContext does")

// walking diagnoses a pod that waits while the kubelet changes the group of every file.
func walking(g podState) *Diagnosis {
	if g.started() {
		return nil
	}
	events := g.events(g.pod.UID, "VolumePermissionChangeInProgress")
	if len(events) == 0 {
		return nil
	}
	d := g.found("the kubelet is changing the group of every file of volume %s to the pod's fsGroup, as on every start. It ends by itself; with many files it takes hours.", g.volumeName()).saw(events)
	return d.repair(rootMismatch, paste.Command("kubectl -n %s get pod %s -o jsonpath='{.spec.securityContext}'", g.Home, g.pod.Name))
}

// willWalk warns of a pod for which the kubelet checks every file on each start.
func willWalk(p *claimState) *Diagnosis {
	for _, pod := range p.pods {
		if p.walks(pod) {
			d := p.found("pod %s has an fsGroup and no fsGroupChangePolicy: OnRootMismatch: on every start, the kubelet checks every file of volume %s first, which takes longer with every checkpoint.", pod.Name, p.volumeName())
			return d.repair(rootMismatch, paste.Command("kubectl -n %s get pod %s -o jsonpath='{.spec.securityContext}'", p.Home, pod.Name))
		}
	}
	return nil
}

var (
	noWriting = regexp.MustCompile(`(?i)read-only file system|EROFS`)
	full      = regexp.MustCompile(`(?i)no space left on device|ENOSPC|disk quota exceeded`)
)

func readOnly(g podState) *Diagnosis {
	line := g.log(noWriting)
	if line == "" {
		return nil
	}
	d := g.found("the volume is mounted read-only in the pod: its access mode, a mount option (ro), readOnly in the pod, or a file system that stopped after errors.")
	d.Seen = line
	return d.repair(g.look(), paste.Command("kubectl -n %s get pod %s -o yaml", g.Home, g.pod.Name))
}

func noSpace(g podState) *Diagnosis {
	line := g.log(full)
	if line == "" {
		return nil
	}
	d := g.found("there is no space left on the volume.")
	d.Seen = line
	d.repair(paste.Comment("delete old checkpoints, or expand the storage (ckptctl size says how large it has to be)"))
	if g.class != nil && g.class.AllowVolumeExpansion != nil && *g.class.AllowVolumeExpansion {
		return d.repair(g.again("size=NEW"))
	}
	return d.repair(paste.Comment("Kubernetes does not expand this volume: expand it at the storage itself"))
}

// lastEnd returns the last termination of a container that is not running, or nil.
func lastEnd(c corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if c.State.Running != nil || c.State.Terminated != nil {
		return c.State.Terminated
	}
	return c.LastTerminationState.Terminated
}

// notStorage diagnoses a pod that does not run for a reason other than its volumes.
func notStorage(g podState) *Diagnosis {
	show := paste.Command("kubectl -n %s describe pod %s", g.Home, g.pod.Name)
	for _, c := range slices.Concat(g.pod.Status.InitContainerStatuses, g.pod.Status.ContainerStatuses) {
		if t := lastEnd(c); t != nil && t.ExitCode != 0 && c.RestartCount > 0 {
			d := g.found("storage is not the cause: the claim is mounted, and container %s keeps exiting with code %d (%s).", c.Name, t.ExitCode, t.Reason)
			return d.repair(show, paste.Command("kubectl -n %s logs %s -c %s --previous", g.Home, g.pod.Name, c.Name))
		}
		if w := c.State.Waiting; w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			d := g.found("storage is not the cause: the claim is mounted, and container %s is waiting: %s.", c.Name, w.Reason)
			d.Seen = w.Message
			return d.repair(show)
		}
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
			d := g.found("storage is not the cause: the claim was mounted, and container %s exited with code %d (%s).", c.Name, t.ExitCode, t.Reason)
			return d.repair(show, paste.Command("kubectl -n %s logs %s -c %s", g.Home, g.pod.Name, c.Name))
		}
	}
	if g.Now.Sub(g.pod.CreationTimestamp.Time) < patience || g.pending() {
		return nil
	}
	d := g.found("the pod has not started, and no event says why.").saw(g.events(g.pod.UID))
	return d.repair(show)
}
