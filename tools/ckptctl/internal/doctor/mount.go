package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
)

// troubles are the events of a pod whose volumes do not come.
var troubles = []string{"FailedAttachVolume", "FailedMount", "FailedMapVolume"}

// trouble is the newest of them that says something; "" when the pod is no longer at it.
func (g guest) trouble() (message string, events []corev1.Event) {
	for _, e := range g.events(g.pod.UID, troubles...) {
		// That time has run out is said beside the reason, not in its place.
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

// creating says that a container of the pod waits for a reason.
func (g guest) creating(reason string) bool {
	return slices.ContainsFunc(slices.Concat(g.pod.Status.InitContainerStatuses, g.pod.Status.ContainerStatuses), func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Reason == reason
	})
}

// says returns the groups of a pattern in what the kubelet says of the pod's volumes.
func (g guest) says(pattern *regexp.Regexp) ([]string, []corev1.Event) {
	message, events := g.trouble()
	return pattern.FindStringSubmatch(message), events
}

// csiDriver is the driver of the pod's volume, or of the class that makes it; "" where it has none.
func (g guest) csiDriver() string {
	if g.volume != nil && g.volume.Spec.CSI != nil {
		return g.volume.Spec.CSI.Driver
	}
	return ""
}

// heldElsewhere is how the attach controller says so; which of the words it takes depends on its version, and on whether
// it knows the pods.
var heldElsewhere = regexp.MustCompile(`Multi-Attach|already used by pod|already exclusively attached`)

// multiAttach is the volume that is still attached elsewhere.
func multiAttach(g guest) *Diagnosis {
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
	d := g.found("volume %s is %s, attached to one node at a time: node %s has it%s, and this pod is to run on %s.",
		g.volumeName(), modes(g.claim.Spec.AccessModes), node, holding(holders), g.pod.Spec.NodeName).saw(seen)
	if n := g.node(node); n != nil && !ready(*n) {
		return d.repair(paste.Comment("that node is not ready, and Kubernetes does not know whether its pods still write. Only when the machine is off for certain:"),
			paste.Command("kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute", node),
			paste.Comment("nothing takes that taint away: when this pod runs, and before the node comes back,"),
			paste.Command("kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute-", node))
	}
	d.repair(paste.Comment("let one of the two go; the volume follows by itself"))
	for _, p := range holders {
		d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
	}
	return d.repair(paste.Comment("for pods of several nodes the store needs storage that serves ReadWriteMany, or shards: one volume for each rank"))
}

func holding(pods []corev1.Pod) string {
	if len(pods) == 0 {
		return ""
	}
	return " for pod " + names(pods)
}

// started says that the pod got its volumes.
func (g guest) started() bool { return g.pod.Status.Phase != corev1.PodPending }

// driverNowhere is the volume of a driver that no node has.
func driverNowhere(g guest) *Diagnosis {
	driver := g.csiDriver()
	if driver == "" || g.started() || !g.knows("csinodes") || len(g.driverNodes(driver)) > 0 {
		return nil
	}
	d := g.found("volume %s is of the CSI driver %s, and no node of the cluster has that driver.", g.volumeName(), driver).saw(g.events(g.pod.UID, troubles...))
	return d.repair(paste.Comment("install the driver; what is there:"), paste.Command("kubectl get csidriver"),
		paste.Command("kubectl get csinode -o custom-columns=NODE:.metadata.name,DRIVERS:.spec.drivers[*].name"))
}

// driverNotOnNode is the pod on a node whose kubelet does not know the driver.
func driverNotOnNode(g guest) *Diagnosis {
	driver, node := g.csiDriver(), g.pod.Spec.NodeName
	if driver == "" || g.started() || node == "" || !g.knows("csinodes") || slices.Contains(g.driverNodes(driver), node) {
		return nil
	}
	nodes := g.driverNodes(driver)
	d := g.found("the pod is on node %s, and the CSI driver %s of volume %s is not: it runs on %s.", node, driver, g.volumeName(), few(nodes)).saw(g.events(g.pod.UID, troubles...))
	return d.repair(paste.Comment("have the driver's DaemonSet run there too (its nodeSelector and tolerations say where it runs), or the pod elsewhere; what runs on the node:"),
		paste.Command("kubectl get pods -A --field-selector spec.nodeName=%s", node))
}

var secretAbsent = regexp.MustCompile(`(?:ecret(?:s)?(?:Ref)? (?:([a-z0-9.-]+)/([a-z0-9.-]+) .*)?)?secrets? "([^"]+)" not found`)

// secretMissing is the volume that names a secret which is not there.
func secretMissing(g guest) *Diagnosis {
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
	d := g.found("volume %s needs secret %s of namespace %s to be mounted, and it is not there.", g.volumeName(), groups[3], namespace).saw(events)
	return d.repair(paste.Comment("make it, with the keys that the driver asks for; the pod then goes on by itself:"),
		paste.Command("kubectl -n %s create secret generic %s --from-literal=KEY=VALUE", namespace, groups[3]))
}

var (
	wrongType = regexp.MustCompile(`hostPath type check failed: (\S+) is not (?:a|an) (.+)`)
	absent    = regexp.MustCompile(`(?:stat |path "?|lstat )(/[^":\s]+)"?:? (?:does not exist|no such file or directory)`)
)

// directoryMissing is the directory that is not on the node, or is not one.
func directoryMissing(g guest) *Diagnosis {
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
	d := g.found("volume %s is the %s %s of node %s, and there is none.", g.volumeName(), what, groups[1], g.pod.Spec.NodeName).saw(events)
	if g.csiDriver() == "" {
		d.Cause += " Where a disk is to be mounted there, it is not; a directory made in its place would be empty, and fill the node's own disk."
	}
	return d.repair(paste.Comment("see on the node whether its disk is mounted (findmnt), and mount it; for a new store make the directory (a finished pod node-debugger-… is left behind):"),
		paste.Command("kubectl debug node/%s --profile=sysadmin --image=busybox:1.37.0 -- chroot /host mkdir -p %s", g.pod.Spec.NodeName, groups[1]))
}

var refusedOption = regexp.MustCompile(`(?i)mount options are not supported|bad option|(?:unknown|unrecognized|invalid|incorrect|wrong|unsupported) (?:mount )?(?:option|parameter|argument)s?`)

// mountOption is the option that the file system, or Kubernetes, does not take. The kubelet goes on with what it read of
// the volume when the pod came to the node: a repaired volume is for the next pod.
func mountOption(g guest) *Diagnosis {
	groups, events := g.says(refusedOption)
	if groups == nil || g.volume == nil {
		return nil
	}
	again := []paste.Line{paste.Comment("the kubelet keeps what it read of the volume, so that the pod has to be recreated:"),
		paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name)}
	if len(g.volume.Spec.MountOptions) == 0 {
		d := g.found("volume %s had mount options when the pod came to its node, and they were refused; it has none any more.", g.volume.Name).saw(events)
		return d.repair(again...)
	}
	options := g.volume.Spec.MountOptions
	if strings.Contains(groups[0], "not supported") {
		d := g.found("volume %s has mount options (%s), and is of a kind of which nothing is mounted that could have them, such as a directory of a node: no pod starts.", g.volume.Name, strings.Join(options, ",")).saw(events)
		d.repair(paste.Comment("leave them out, here and in the values (mountOptions):"),
			patched(g.volume, operation{Op: "remove", Path: "/spec/mountOptions"}))
		return d.repair(again...)
	}
	message, _ := g.trouble()
	i := refusedOf(options, message)
	if i < 0 {
		d := g.found("one of the mount options of volume %s is refused, and the message does not say which: %s.", g.volume.Name, strings.Join(options, ",")).saw(events)
		return d.repair(paste.Comment("the file system's manual page, or the driver's, says which of them it knows; take that one out of the values (mountOptions), and upgrade; the volume:"), g.look()).repair(again...)
	}
	d := g.found("mount option %s of volume %s is refused.", options[i], g.volume.Name).saw(events)
	path := fmt.Sprintf("/spec/mountOptions/%d", i)
	d.repair(paste.Comment("take it out, here and in the values (mountOptions):"),
		patched(g.volume, operation{Op: "test", Path: path, Value: options[i]}, operation{Op: "remove", Path: path}))
	return d.repair(again...)
}

// outputOf begins what the mount program itself said; before it stands how it was called, with all options.
const outputOf = "Output:"

// refusedOf is which of the options a message names, the one that there is, or -1 where that is not to be told.
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

// staleHandle is the mount that outlived what it was of.
func staleHandle(g guest) *Diagnosis {
	groups, events := g.says(stale)
	if groups == nil {
		if groups = stale.FindStringSubmatch(g.Logs[g.pod.Name]); groups == nil {
			return nil
		}
	}
	d := g.found("the mount of volume %s on node %s is of a file system that is no longer there (%s): it was exported anew, moved or made again, or its client died.", g.volumeName(), g.pod.Spec.NodeName, strings.ToLower(groups[0])).saw(events)
	d.repair(paste.Comment("a new mount sees what is there now. First see that the server has the checkpoints; then recreate all pods of the volume on that node:"))
	for _, p := range g.pods {
		if p.Spec.NodeName == g.pod.Spec.NodeName {
			d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
		}
	}
	return d
}

var denied = regexp.MustCompile(`(?i)access denied|permission ?denied|unauthenticated|unauthorized|not authorized|operation not permitted`)

// mountDenied is the storage that does not let the node in.
func mountDenied(g guest) *Diagnosis {
	groups, events := g.says(denied)
	if groups == nil {
		return nil
	}
	message, _ := g.trouble()
	d := g.found("the storage behind volume %s does not let node %s mount it: %s", g.volumeName(), g.pod.Spec.NodeName, sayings(message)).saw(events)
	return d.repair(paste.Comment("let the node in where the storage is administered: its address among the export's clients, the driver's credentials, the security group; the addresses:"),
		paste.Command("kubectl get nodes -o custom-columns=NODE:.metadata.name,ADDRESS:.status.addresses[0].address"))
}

var silent = regexp.MustCompile(`(?i)timed? ?out|DeadlineExceeded|no route to host|connection refused|network is unreachable|could not resolve|name or service not known`)

// unreachable is the storage that gives no answer.
func unreachable(g guest) *Diagnosis {
	groups, events := g.says(silent)
	if groups == nil {
		return nil
	}
	what := "the storage"
	if g.volume != nil && g.volume.Spec.NFS != nil {
		what = fmt.Sprintf("the server %s", g.volume.Spec.NFS.Server)
	}
	d := g.found("%s behind volume %s does not answer node %s.", what, g.volumeName(), g.pod.Spec.NodeName).saw(events)
	return d.repair(paste.Comment("see that it runs, and that node and storage reach each other (firewall, DNS, zone); the pod then goes on by itself"),
		g.look())
}

// mountFailed is what is left.
func mountFailed(g guest) *Diagnosis {
	message, events := g.trouble()
	if message == "" || g.started() {
		return nil
	}
	d := g.found("volume %s cannot be mounted on node %s: %s", g.volumeName(), g.pod.Spec.NodeName, sayings(message)).saw(events)
	return d.repair(paste.Command("kubectl -n %s describe pod %s", g.Home, g.pod.Name), g.look())
}
