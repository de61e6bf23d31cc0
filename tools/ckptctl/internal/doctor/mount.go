package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
)

// mountEvents are the reasons of events about volumes that cannot be attached or mounted.
var mountEvents = []string{"FailedAttachVolume", "FailedMount", "FailedMapVolume"}

// mountFailure returns the newest of them that names a reason; "" if there is none.
func (g podState) mountFailure() (message string, events []corev1.Event) {
	for _, e := range g.events(g.pod.UID, mountEvents...) {
		// This event only says that the time has run out.
		if strings.HasPrefix(e.Message, "Unable to attach or mount volumes") {
			continue
		}
		return e.Message, []corev1.Event{e}
	}
	if events := g.events(g.pod.UID, "Failed"); len(events) > 0 && g.creating("CreateContainerConfigError") {
		return events[0].Message, events
	}
	return "", nil
}

// creating reports whether a container of the pod waits for the reason.
func (g podState) creating(reason string) bool {
	return slices.ContainsFunc(slices.Concat(g.pod.Status.InitContainerStatuses, g.pod.Status.ContainerStatuses), func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Reason == reason
	})
}

// says matches a pattern against the newest mount failure.
func (g podState) says(pattern *regexp.Regexp) ([]string, []corev1.Event) {
	message, events := g.mountFailure()
	return pattern.FindStringSubmatch(message), events
}

// csiDriver returns the CSI driver of the pod's volume; "" if it has none.
func (g podState) csiDriver() string {
	if g.volume != nil && g.volume.Spec.CSI != nil {
		return g.volume.Spec.CSI.Driver
	}
	return ""
}

// heldElsewhere matches the attach controller's message, which depends on its version and on whether it knows the pods.
var heldElsewhere = regexp.MustCompile(`Multi-Attach|already used by pod|already exclusively attached`)

// multiAttach diagnoses a volume that is still attached to another node.
func multiAttach(g podState) *Diagnosis {
	var seen []corev1.Event
	for _, e := range g.events(g.pod.UID, "FailedAttachVolume") {
		if heldElsewhere.MatchString(e.Message) {
			seen = append(seen, e)
		}
	}
	if len(seen) == 0 || g.started() {
		return nil
	}
	node := ""
	for _, a := range g.Attachments {
		if name := a.Spec.Source.PersistentVolumeName; name != nil && *name == g.volumeName() && a.Spec.NodeName != g.pod.Spec.NodeName {
			node = a.Spec.NodeName
		}
	}
	var holders []corev1.Pod
	for _, p := range g.pods {
		if p.Name != g.pod.Name && p.Spec.NodeName != "" && p.Spec.NodeName != g.pod.Spec.NodeName {
			holders, node = append(holders, p), p.Spec.NodeName
		}
	}
	d := g.found("volume %s is %s, so it is attached to one node at a time: it is in use on node %s%s, and this pod is scheduled to %s.",
		g.volumeName(), modes(g.claim.Spec.AccessModes), node, holding(holders), g.pod.Spec.NodeName).saw(seen)
	if n := g.node(node); n != nil && !ready(*n) {
		return d.repair(paste.Comment("that node is not ready, and Kubernetes cannot know whether its pods still write. Only if the machine is certainly off:"),
			paste.Command("kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute", node),
			paste.Comment("nothing removes that taint automatically: remove it when this pod runs, before the node comes back:"),
			paste.Command("kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute-", node))
	}
	d.repair(paste.Comment("delete one of the pods; the volume is then detached and attached automatically"))
	for _, p := range holders {
		d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
	}
	return d.repair(paste.Comment("for pods on several nodes use storage that supports ReadWriteMany, or shards (one volume for each rank)"))
}

func holding(pods []corev1.Pod) string {
	if len(pods) == 0 {
		return ""
	}
	return " by pod " + names(pods)
}

// attachLimitExceeded is the reason with which the kubelet rejects a pod whose volume the storage cannot attach to the node for
// want of room (by default from Kubernetes 1.35 on).
const attachLimitExceeded = "VolumeAttachmentLimitExceeded"

// attachLimit diagnoses a pod that was rejected because its node has as many volumes of the driver as it can have.
func attachLimit(g podState) *Diagnosis {
	if g.pod.Status.Phase != corev1.PodFailed || g.pod.Status.Reason != attachLimitExceeded {
		return nil
	}
	d := g.found("the kubelet rejected the pod: volume %s cannot be attached to node %s, which has as many volumes of its driver as it can have. A rejected pod does not start again.", g.volumeName(), g.pod.Spec.NodeName)
	d.Seen = g.pod.Status.Message
	return d.repair(paste.Comment("recreate the pod, as its controller may have done: the scheduler then knows the node's new limit, and takes another"),
		paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name))
}

// started reports whether the pod has its volumes.
func (g podState) started() bool { return g.pod.Status.Phase != corev1.PodPending }

// driverNowhere diagnoses a volume whose CSI driver runs on no node.
func driverNowhere(g podState) *Diagnosis {
	driver := g.csiDriver()
	if driver == "" || g.started() || !g.knows("csinodes") || len(g.driverNodes(driver)) > 0 {
		return nil
	}
	d := g.found("volume %s needs the CSI driver %s, which runs on no node of the cluster.", g.volumeName(), driver).saw(g.events(g.pod.UID, mountEvents...))
	return d.repair(paste.Comment("install the driver; installed drivers:"), paste.Command("kubectl get csidriver"),
		paste.Command("kubectl get csinode -o custom-columns=NODE:.metadata.name,DRIVERS:.spec.drivers[*].name"))
}

// driverNotOnNode diagnoses a pod on a node where the volume's CSI driver does not run.
func driverNotOnNode(g podState) *Diagnosis {
	driver, node := g.csiDriver(), g.pod.Spec.NodeName
	if driver == "" || g.started() || node == "" || !g.knows("csinodes") || slices.Contains(g.driverNodes(driver), node) {
		return nil
	}
	nodes := g.driverNodes(driver)
	d := g.found("the pod is on node %s, where the CSI driver %s of volume %s does not run: it runs on %s.", node, driver, g.volumeName(), few(nodes)).saw(g.events(g.pod.UID, mountEvents...))
	return d.repair(paste.Comment("make the driver's DaemonSet run there too (see its nodeSelector and tolerations), or run the pod elsewhere; the node's pods:"),
		paste.Command("kubectl get pods -A --field-selector spec.nodeName=%s", node))
}

var secretAbsent = regexp.MustCompile(`(?:ecret(?:s)?(?:Ref)? (?:([a-z0-9.-]+)/([a-z0-9.-]+) .*)?)?secrets? "([^"]+)" not found`)

// secretMissing diagnoses a volume that refers to a Secret that does not exist.
func secretMissing(g podState) *Diagnosis {
	groups, events := g.says(secretAbsent)
	if groups == nil {
		return nil
	}
	namespace := g.Home
	if g.volume != nil && g.volume.Spec.CSI != nil {
		csi := g.volume.Spec.CSI
		for _, ref := range []*corev1.SecretReference{csi.NodeStageSecretRef, csi.NodePublishSecretRef, csi.ControllerPublishSecretRef, csi.NodeExpandSecretRef} {
			if ref != nil && ref.Name == groups[3] {
				namespace = ref.Namespace
			}
		}
	}
	d := g.found("volume %s needs Secret %s of namespace %s to be mounted, and it does not exist.", g.volumeName(), groups[3], namespace).saw(events)
	return d.repair(paste.Comment("create it with the keys that the driver needs; the pod then starts by itself:"),
		paste.Command("kubectl -n %s create secret generic %s --from-literal=KEY=VALUE", namespace, groups[3]))
}

var (
	wrongType = regexp.MustCompile(`hostPath type check failed: (\S+) is not (?:a|an) (.+)`)
	absent    = regexp.MustCompile(`(?:stat |path "?|lstat )(/[^":\s]+)"?:? (?:does not exist|no such file or directory)`)
)

// directoryMissing diagnoses a path that does not exist on the node or has another type.
func directoryMissing(g podState) *Diagnosis {
	groups, events := g.says(wrongType)
	what := "directory"
	if groups == nil {
		groups, events = g.says(absent)
	} else {
		what = groups[2]
	}
	if groups == nil {
		return nil
	}
	d := g.found("volume %s is the %s %s of node %s, and it does not exist.", g.volumeName(), what, groups[1], g.pod.Spec.NodeName).saw(events)
	if g.csiDriver() == "" {
		d.Cause += " If a disk should be mounted there, it is not; a directory created in its place would be empty, and fill the node's own disk."
	}
	return d.repair(paste.Comment("check on the node whether its disk is mounted (findmnt), and mount it; for a new store create the directory (a completed pod node-debugger-… is left behind):"),
		paste.Command("kubectl debug node/%s --profile=sysadmin --image=busybox:1.37.0 -- chroot /host mkdir -p %s", g.pod.Spec.NodeName, groups[1]))
}

var refusedOption = regexp.MustCompile(`(?i)mount options are not supported|bad option|(?:unknown|unrecognized|invalid|incorrect|wrong|unsupported) (?:mount )?(?:option|parameter|argument)s?`)

// mountOption diagnoses a mount option that the file system or Kubernetes refuses. The kubelet keeps the options that it
// read when the pod was scheduled, so a repaired volume needs a new pod.
func mountOption(g podState) *Diagnosis {
	groups, events := g.says(refusedOption)
	if groups == nil || g.volume == nil {
		return nil
	}
	again := []paste.Line{paste.Comment("the kubelet keeps the options that it read when the pod was scheduled, so recreate the pod:"),
		paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name)}
	if len(g.volume.Spec.MountOptions) == 0 {
		d := g.found("volume %s had mount options when the pod was scheduled, and they were refused; it has none now.", g.volume.Name).saw(events)
		return d.repair(again...)
	}
	options := g.volume.Spec.MountOptions
	if strings.Contains(groups[0], "not supported") {
		d := g.found("volume %s has mount options (%s), which a volume of its type, such as a directory of a node, does not support: no pod starts.", g.volume.Name, strings.Join(options, ",")).saw(events)
		d.repair(paste.Comment("remove them, here and in the values (mountOptions):"),
			patched(g.volume, operation{Op: "remove", Path: "/spec/mountOptions"}))
		return d.repair(again...)
	}
	message, _ := g.mountFailure()
	i := refusedOf(options, message)
	if i < 0 {
		d := g.found("one of the mount options of volume %s is refused, and the message does not say which: %s.", g.volume.Name, strings.Join(options, ",")).saw(events)
		return d.repair(paste.Comment("see the manual page of the file system, or of the driver; remove the unsupported option from the values (mountOptions), and upgrade; the volume:"), g.look()).repair(again...)
	}
	d := g.found("mount option %s of volume %s is refused.", options[i], g.volume.Name).saw(events)
	path := fmt.Sprintf("/spec/mountOptions/%d", i)
	d.repair(paste.Comment("remove it, here and in the values (mountOptions):"),
		patched(g.volume, operation{Op: "test", Path: path, Value: options[i]}, operation{Op: "remove", Path: path}))
	return d.repair(again...)
}

// outputOf precedes the output of the mount program; the text before it is the command line with all options.
const outputOf = "Output:"

// refusedOf returns the index of the option that a message names, or -1 if it names none or several.
func refusedOf(options []string, message string) int {
	if len(options) == 1 {
		return 0
	}
	if _, output, found := strings.Cut(message, outputOf); found {
		message = output
	}
	words := strings.FieldsFunc(message, func(r rune) bool { return strings.ContainsRune(" \t\n,;:'\"()[]", r) })
	named := -1
	for i, option := range options {
		key, _, _ := strings.Cut(option, "=")
		if !slices.Contains(words, option) && !slices.Contains(words, key) {
			continue
		}
		if named >= 0 {
			return -1
		}
		named = i
	}
	return named
}

var stale = regexp.MustCompile(`(?i)stale (?:NFS )?file handle|transport endpoint is not connected`)

// staleHandle diagnoses a mount whose file system no longer exists.
func staleHandle(g podState) *Diagnosis {
	groups, events := g.says(stale)
	if groups == nil {
		if groups = stale.FindStringSubmatch(g.Logs[g.pod.Name]); groups == nil {
			return nil
		}
	}
	d := g.found("the mount of volume %s on node %s refers to a file system that no longer exists (%s): it was re-exported, moved or recreated, or its client died.", g.volumeName(), g.pod.Spec.NodeName, strings.ToLower(groups[0])).saw(events)
	d.repair(paste.Comment("check first that the server still has the checkpoints; then recreate all pods of the volume on that node, which mounts it again:"))
	for _, p := range g.pods {
		if p.Spec.NodeName == g.pod.Spec.NodeName {
			d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
		}
	}
	return d
}

var denied = regexp.MustCompile(`(?i)access denied|permission ?denied|unauthenticated|unauthorized|not authorized|operation not permitted`)

// mountDenied diagnoses storage that denies access to the node.
func mountDenied(g podState) *Diagnosis {
	groups, events := g.says(denied)
	if groups == nil {
		return nil
	}
	message, _ := g.mountFailure()
	d := g.found("the storage of volume %s denies access to node %s: %s", g.volumeName(), g.pod.Spec.NodeName, driverMessage(message)).saw(events)
	return d.repair(paste.Comment("grant access at the storage: the node's address among the export's clients, the driver's credentials, the security group; node addresses:"),
		paste.Command("kubectl get nodes -o custom-columns=NODE:.metadata.name,ADDRESS:.status.addresses[0].address"))
}

var silent = regexp.MustCompile(`(?i)timed? ?out|DeadlineExceeded|no route to host|connection refused|network is unreachable|could not resolve|name or service not known`)

// unreachable diagnoses storage that does not answer.
func unreachable(g podState) *Diagnosis {
	groups, events := g.says(silent)
	if groups == nil {
		return nil
	}
	what := "the storage"
	if g.volume != nil && g.volume.Spec.NFS != nil {
		what = fmt.Sprintf("the server %s", g.volume.Spec.NFS.Server)
	}
	d := g.found("%s of volume %s does not answer node %s.", what, g.volumeName(), g.pod.Spec.NodeName).saw(events)
	return d.repair(paste.Comment("check that it is running, and that node and storage reach each other (firewall, DNS, zone); the pod then starts by itself"),
		g.look())
}

// mountFailed diagnoses any other attach or mount failure.
func mountFailed(g podState) *Diagnosis {
	message, events := g.mountFailure()
	if message == "" || g.started() {
		return nil
	}
	d := g.found("volume %s cannot be mounted on node %s: %s", g.volumeName(), g.pod.Spec.NodeName, driverMessage(message)).saw(events)
	return d.repair(paste.Command("kubectl -n %s describe pod %s", g.Home, g.pod.Name), g.look())
}
