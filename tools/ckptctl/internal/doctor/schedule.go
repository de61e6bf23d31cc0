package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	storagehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
)

// homeless is what the scheduler says of a pod that it has no node for; "" when it has one, or has not looked yet.
func (g guest) homeless() string {
	if g.pod.Spec.NodeName != "" {
		return ""
	}
	for _, c := range g.pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason != "SchedulingGated" {
			return c.Message
		}
	}
	return ""
}

// homes are the nodes that can reach the volume, and known says whether that can be told.
func (g guest) homes() (nodes []corev1.Node, known bool) {
	if g.volume == nil || g.volume.Spec.NodeAffinity == nil || !g.knows("nodes") {
		return nil, false
	}
	for _, n := range g.Nodes {
		if storagehelpers.CheckNodeAffinity(g.volume, n.Labels) == nil {
			nodes = append(nodes, n)
		}
	}
	return nodes, true
}

// place says where a volume is, as its node affinity has it.
func place(v *corev1.PersistentVolume) string {
	var out []string
	for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, e := range append(term.MatchExpressions, term.MatchFields...) {
			out = append(out, fmt.Sprintf("%s %s %s", e.Key, e.Operator, strings.Join(e.Values, ", ")))
		}
	}
	return strings.Join(out, "; ")
}

// nodeNameSet is the pod that went past the scheduler, which alone tells a provisioner where to make the volume.
func nodeNameSet(g guest) *Diagnosis {
	if !g.delayed() || g.pod.Spec.NodeName == "" {
		return nil
	}
	d := g.found("the pod names its node (spec.nodeName: %s), so that the scheduler never sees it; class %s makes a volume only where the scheduler has put a pod.", g.pod.Spec.NodeName, g.class.Name)
	if metav1.GetControllerOf(g.pod) != nil {
		return d.repair(paste.Comment("have the scheduler put it there: in the template of the pod, nodeSelector {%s: %s} instead of nodeName; this pod is then recreated:", corev1.LabelHostname, g.pod.Spec.NodeName),
			paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name))
	}
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: g.pod.Name, Namespace: g.Home, Labels: g.pod.Labels, Annotations: g.pod.Annotations},
		Spec:       *g.pod.Spec.DeepCopy(),
	}
	pod.Spec.NodeName, pod.Spec.NodeSelector = "", maps.Clone(pod.Spec.NodeSelector)
	if pod.Spec.NodeSelector == nil {
		pod.Spec.NodeSelector = map[string]string{}
	}
	pod.Spec.NodeSelector[corev1.LabelHostname] = g.pod.Spec.NodeName
	return d.repair(paste.Comment("have the scheduler put it there: nodeSelector instead of nodeName"),
		paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name), paste.Command("kubectl create -f - <<<%s", pod))
}

// onceInUse is the second pod of a claim for one.
func onceInUse(g guest) *Diagnosis {
	if !strings.Contains(g.homeless(), "ReadWriteOncePod") && !g.refusedAt("ReadWriteOncePod") {
		return nil
	}
	var others []corev1.Pod
	for _, p := range g.pods {
		if p.Name != g.pod.Name && p.Spec.NodeName != "" {
			others = append(others, p)
		}
	}
	d := g.found("the claim is ReadWriteOncePod, for one pod of the whole cluster at a time, and pod %s has it.", names(others))
	d.Seen = g.homeless()
	d.repair(paste.Comment("it starts when the other ends; to end that one now:"))
	for _, p := range others {
		d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
	}
	return d.repair(paste.Comment("for several pods at once the store needs accessModes: [ReadWriteOnce] (one node) or [ReadWriteMany], and a new claim"))
}

// refusedAt says that the kubelet would not take the pod for a reason.
func (g guest) refusedAt(reason string) bool {
	return g.pod.Status.Phase == corev1.PodFailed && strings.Contains(g.pod.Status.Reason+g.pod.Status.Message, reason)
}

// nodeLost is the volume of a node that is gone.
func nodeLost(g guest) *Diagnosis {
	nodes, known := g.homes()
	if g.homeless() == "" || !known || len(nodes) > 0 {
		return nil
	}
	d := g.found("volume %s is where %s, and the cluster has no such node. What is on that node's disk is reached from that node alone.", g.volume.Name, place(g.volume))
	d.Seen = g.homeless()
	d.repair(paste.Comment("bring the node back under its old name; these are there:"), paste.Command("kubectl get nodes --show-labels"))
	if g.want == nil || g.wantVolume == nil || !g.own() || len(g.WantVolumes) > 1 || !strings.HasPrefix(place(g.volume), corev1.LabelHostname+" In ") {
		return d
	}
	affinity := corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"NODE"}}},
	}}}}
	return d.repair(paste.Comment("should its disk be in another node now, NODE: a volume's affinity cannot be changed, so claim and volume are recreated; the data stays where it is"),
		patched(g.volume, retained), g.deleteClaim(), paste.Command("kubectl delete pv %s", g.volume.Name),
		paste.Command("%s --set-json %s", g.again(), g.Place+"volume.nodeAffinity="+paste.JSON(affinity)))
}

// nodeNotReady is the volume of nodes that take no pods now.
func nodeNotReady(g guest) *Diagnosis {
	nodes, known := g.homes()
	if g.homeless() == "" || !known || len(nodes) == 0 {
		return nil
	}
	var reasons []string
	var commands []paste.Line
	for _, n := range nodes {
		switch taint, untolerated := g.taint(n); {
		case !ready(n):
			reasons = append(reasons, n.Name+" is not ready")
			commands = append(commands, paste.Command("kubectl describe node %s", n.Name))
		case n.Spec.Unschedulable:
			reasons = append(reasons, n.Name+" is cordoned")
			commands = append(commands, paste.Command("kubectl uncordon %s", n.Name))
		case untolerated:
			reasons = append(reasons, fmt.Sprintf("%s has the taint %s, which the pod does not tolerate", n.Name, taint.ToString()))
			commands = append(commands, paste.Comment("give the pod the toleration {key: %s, operator: Exists, effect: %s}; the node's taints:", taint.Key, taint.Effect),
				paste.Command("kubectl describe node %s", n.Name))
		default:
			return nil
		}
	}
	d := g.found("volume %s can be reached from %s only, where no pod goes now: %s.", g.volume.Name, nodeNames(nodes), few(reasons))
	d.Seen = g.homeless()
	return d.repair(commands...)
}

func (g guest) taint(n corev1.Node) (corev1.Taint, bool) {
	return schedulinghelpers.FindMatchingUntoleratedTaint(klog.Logger{}, n.Spec.Taints, g.pod.Spec.Tolerations, func(t *corev1.Taint) bool {
		return t.Effect != corev1.TaintEffectPreferNoSchedule
	}, false)
}

func ready(n corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func nodeNames(nodes []corev1.Node) string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return few(out)
}

// nodeConflict is the pod that wants to be where its volume is not.
func nodeConflict(g guest) *Diagnosis {
	nodes, known := g.homes()
	message := g.homeless()
	if message == "" || !strings.Contains(message, "volume node affinity conflict") && !strings.Contains(message, "PersistentVolume's node affinity") && (!known || !strings.Contains(message, "didn't match")) {
		return nil
	}
	where := "on other nodes"
	if known {
		where = "on " + nodeNames(nodes)
	}
	if known {
		for _, n := range nodes {
			if fits, err := nodeaffinity.GetRequiredNodeAffinity(g.pod).Match(&n); err == nil && fits {
				// Its own wishes let it go there: something else is full, or in the way.
				return nil
			}
		}
	}
	d := g.found("volume %s can be reached %s only, and the pod's own nodeSelector or affinity keeps it away from there.", g.volumeName(), where)
	d.Seen = message
	d.repair(paste.Comment("let the pod go where its volume is: take this out of its template, and make it again"),
		paste.Command("kubectl -n %s get pod %s -o jsonpath='{.spec.nodeSelector}{.spec.affinity}'", g.Home, g.pod.Name))
	return d
}

// unschedulable is a pod that finds no node, through no fault of its volume.
func unschedulable(g guest) *Diagnosis {
	message := g.homeless()
	if message == "" || strings.Contains(message, "unbound immediate PersistentVolumeClaims") {
		return nil
	}
	what := "the claim is in order"
	if g.pending() {
		what = "the claim waits for this pod, and"
	} else {
		what += ", but"
	}
	d := g.found("%s no node takes the pod: %s", what, message)
	return d.repair(paste.Command("kubectl -n %s describe pod %s", g.Home, g.pod.Name))
}
