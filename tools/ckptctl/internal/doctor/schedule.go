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

// unschedulableBecause returns the scheduler's reason for an unscheduled pod; "" if it is scheduled or not yet considered.
func (g podState) unschedulableBecause() string {
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

// reachableFrom returns the nodes that can reach the volume; known is false if the volume or the nodes say nothing about it.
func (g podState) reachableFrom() (nodes []corev1.Node, known bool) {
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

// place formats a volume's node affinity.
func place(v *corev1.PersistentVolume) string {
	var out []string
	for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, e := range append(term.MatchExpressions, term.MatchFields...) {
			out = append(out, fmt.Sprintf("%s %s %s", e.Key, e.Operator, strings.Join(e.Values, ", ")))
		}
	}
	return strings.Join(out, "; ")
}

// nodeNameSet diagnoses a pod that bypasses the scheduler, on a claim that is provisioned only for a scheduled pod.
func nodeNameSet(g podState) *Diagnosis {
	if !g.delayed() || g.pod.Spec.NodeName == "" {
		return nil
	}
	d := g.found("the pod sets its node (spec.nodeName: %s) and bypasses the scheduler; class %s provisions a volume only for a pod that was scheduled.", g.pod.Spec.NodeName, g.class.Name)
	if metav1.GetControllerOf(g.pod) != nil {
		return d.repair(paste.Comment("in the template of the pod, use nodeSelector {%s: %s} instead of nodeName; this pod is then recreated:", corev1.LabelHostname, g.pod.Spec.NodeName),
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
	return d.repair(paste.Comment("use nodeSelector instead of nodeName"),
		paste.Command("kubectl -n %s delete pod %s", g.Home, g.pod.Name), paste.Command("kubectl create -f - <<<%s", pod))
}

// onceInUse diagnoses a second pod on a ReadWriteOncePod claim.
func onceInUse(g podState) *Diagnosis {
	if !strings.Contains(g.unschedulableBecause(), "ReadWriteOncePod") && !g.refusedAt("ReadWriteOncePod") {
		return nil
	}
	var others []corev1.Pod
	for _, p := range g.pods {
		if p.Name != g.pod.Name && p.Spec.NodeName != "" {
			others = append(others, p)
		}
	}
	d := g.found("the claim is ReadWriteOncePod, for one pod of the cluster at a time, and pod %s uses it.", names(others))
	d.Seen = g.unschedulableBecause()
	d.repair(paste.Comment("it starts when the other pod ends; to delete that one now:"))
	for _, p := range others {
		d.repair(paste.Command("kubectl -n %s delete pod %s", g.Home, p.Name))
	}
	return d.repair(paste.Comment("for several pods at once use accessModes: [ReadWriteOnce] (one node) or [ReadWriteMany], and a new claim"))
}

// refusedAt reports whether the kubelet rejected the pod for the reason.
func (g podState) refusedAt(reason string) bool {
	return g.pod.Status.Phase == corev1.PodFailed && strings.Contains(g.pod.Status.Reason+g.pod.Status.Message, reason)
}

// nodeLost diagnoses a volume whose node no longer exists.
func nodeLost(g podState) *Diagnosis {
	nodes, known := g.reachableFrom()
	if g.unschedulableBecause() == "" || !known || len(nodes) > 0 {
		return nil
	}
	d := g.found("volume %s has node affinity to %s, and the cluster has no such node. Data on that node's disk can be reached from that node only.", g.volume.Name, place(g.volume))
	d.Seen = g.unschedulableBecause()
	d.repair(paste.Comment("bring the node back under its old name; existing nodes:"), paste.Command("kubectl get nodes --show-labels"))
	if g.want == nil || g.wantVolume == nil || !g.own() || len(g.WantVolumes) > 1 || !strings.HasPrefix(place(g.volume), corev1.LabelHostname+" In ") {
		return d
	}
	affinity := corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"NODE"}}},
	}}}}
	return d.repair(paste.Comment("if its disk is in another node now, NODE: a volume's node affinity cannot be changed, so recreate claim and volume; the data is kept"),
		patched(g.volume, retained), g.deleteClaim(), paste.Command("kubectl delete pv %s", g.volume.Name),
		paste.Command("%s --set-json %s", g.again(), g.Place+"volume.nodeAffinity="+paste.JSON(affinity)))
}

// nodeNotReady diagnoses a volume all of whose nodes take no pods: not ready, cordoned or tainted.
func nodeNotReady(g podState) *Diagnosis {
	nodes, known := g.reachableFrom()
	if g.unschedulableBecause() == "" || !known || len(nodes) == 0 {
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
	d := g.found("volume %s can be reached from %s only, where no pod can run now: %s.", g.volume.Name, nodeNames(nodes), few(reasons))
	d.Seen = g.unschedulableBecause()
	return d.repair(commands...)
}

func (g podState) taint(n corev1.Node) (corev1.Taint, bool) {
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

// nodeConflict diagnoses a pod whose nodeSelector or affinity excludes the nodes of its volume.
func nodeConflict(g podState) *Diagnosis {
	nodes, known := g.reachableFrom()
	message := g.unschedulableBecause()
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
				// The pod's affinity allows this node, so something else prevents it.
				return nil
			}
		}
	}
	d := g.found("volume %s can be reached %s only, and the pod's nodeSelector or affinity does not allow that.", g.volumeName(), where)
	d.Seen = message
	d.repair(paste.Comment("let the pod run where its volume is: remove this from its template, and recreate it"),
		paste.Command("kubectl -n %s get pod %s -o jsonpath='{.spec.nodeSelector}{.spec.affinity}'", g.Home, g.pod.Name))
	return d
}

// unschedulable diagnoses a pod that fits no node for a reason other than its volume.
func unschedulable(g podState) *Diagnosis {
	message := g.unschedulableBecause()
	if message == "" || strings.Contains(message, "unbound immediate PersistentVolumeClaims") {
		return nil
	}
	what := "the claim is in order"
	if g.pending() {
		what = "the claim waits for this pod, and"
	} else {
		what += ", but"
	}
	d := g.found("%s the pod cannot be scheduled: %s", what, message)
	return d.repair(paste.Command("kubectl -n %s describe pod %s", g.Home, g.pod.Name))
}
