package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// refusal is one way in which the API server says no, to the objects of a release as to the pods of a workload.
type refusal struct {
	pattern *regexp.Regexp
	// cause and repair get the pattern's groups; what is "the release" or "the pods of job train".
	cause  func(s *Snapshot, what string, groups []string) string
	repair func(s *Snapshot, groups []string) []paste.Line
}

var refusals = map[string]refusal{
	"quota": {
		regexp.MustCompile(`exceeded quota: ([^,]+), requested: (\S+), used: (\S+), limited: (\S+)`),
		func(s *Snapshot, what string, g []string) string {
			cause := fmt.Sprintf("the ResourceQuota %s of namespace %s refuses %s: %s asked for, %s in use, %s allowed.", g[1], s.Home, what, g[2], g[3], g[4])
			if strings.Contains(g[2], "storage") {
				cause += " A claim counts with its full size, on a static volume too, where the size is nominal and may be small."
			}
			return cause
		},
		func(s *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("raise the quota, or ask for less"),
				paste.Command("kubectl -n %s patch resourcequota %s --type=merge -p %s", s.Home, g[1], paste.JSON(s.raise(g[1], g[2], g[3]))),
			}
		},
	},
	"policy": {
		regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request: (.*)`),
		func(_ *Snapshot, what string, g []string) string {
			return fmt.Sprintf("the ValidatingAdmissionPolicy %s (binding %s) refuses %s: %s", g[1], g[2], what, g[3])
		},
		func(_ *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("the policy is somebody's decision: meet it, or have its owner except the namespace"),
				paste.Command("kubectl get validatingadmissionpolicy %s -o yaml", g[1]),
				paste.Command("kubectl get validatingadmissionpolicybinding %s -o yaml", g[2]),
			}
		},
	},
	"webhook": {
		regexp.MustCompile(`admission webhook "([^"]+)" denied the request: (.*)`),
		func(_ *Snapshot, what string, g []string) string {
			return fmt.Sprintf("the admission webhook %s refuses %s: %s", g[1], what, g[2])
		},
		func(_ *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("the webhook is somebody's decision: meet it, or have its owner except the namespace"),
				paste.Command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -B 30 -A 30 %s", g[1]),
			}
		},
	},
	"webhookDown": {
		regexp.MustCompile(`failed calling webhook "([^"]+)": (.*)`),
		func(_ *Snapshot, what string, g []string) string {
			return fmt.Sprintf("%s did not come to be, because the admission webhook %s, which has to be asked first, does not answer: %s", what, g[1], g[2])
		},
		func(_ *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("bring the webhook's service back; whose it is:"),
				paste.Command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -B 30 -A 30 %s", g[1]),
			}
		},
	},
	"podSecurity": {
		regexp.MustCompile(`violates PodSecurity "([^"]+)": (.*)`),
		func(s *Snapshot, what string, g []string) string {
			return fmt.Sprintf("the Pod Security profile %s of namespace %s refuses %s: %s. The claim itself is allowed under every profile; it is the pod that asks for too much.", g[1], s.Home, what, g[2])
		},
		func(s *Snapshot, _ []string) []paste.Line {
			return []paste.Line{
				paste.Comment("give the pod the security context that this store's own pods have, and make it again:"),
				paste.Command("helm -n %s get hooks %s", s.Namespace, s.Release),
			}
		},
	},
}

// raise is the patch that makes a quota large enough, for the quota that was looked at and none that came after it.
func (s *Snapshot) raise(quota, requested, used string) map[string]any {
	out := map[string]any{"spec": map[string]any{"hard": enough(requested, used)}}
	if q := find(s.Quotas, func(o *corev1.ResourceQuota) string { return o.Name }, quota); q != nil {
		out["metadata"] = map[string]any{"uid": q.UID}
	}
	return out
}

// enough is what a quota's hard limits have to be.
func enough(requested, used string) map[string]string {
	inUse := map[string]string{}
	for _, pair := range strings.Split(used, ",") {
		key, value, _ := strings.Cut(pair, "=")
		inUse[key] = value
	}
	out := map[string]string{}
	for _, pair := range strings.Split(requested, ",") {
		key, value, _ := strings.Cut(pair, "=")
		sum, err := resource.ParseQuantity(value)
		if err != nil {
			continue
		}
		if more, err := resource.ParseQuantity(inUse[key]); err == nil {
			sum.Add(more)
		}
		out[key] = sum.String()
	}
	return out
}

// releaseRefused is a rule for what the API server refused when the release was last installed or upgraded.
func releaseRefused(by string) func(*Snapshot) *Diagnosis {
	return func(s *Snapshot) *Diagnosis {
		if !s.incomplete() {
			return nil
		}
		r := refusals[by]
		g := r.pattern.FindStringSubmatch(s.Stored.Description)
		if g == nil {
			return nil
		}
		d := &Diagnosis{Object: s.object(), Cause: r.cause(s, fmt.Sprintf("the release's %s", refusedObject(s.Stored.Description)), g), Seen: s.Stored.Description}
		return d.repair(r.repair(s, g)...).repair(paste.Comment("then install what is missing"), s.again())
	}
}

// podsRefused is a rule for what the API server refused when a workload made its pods.
func podsRefused(by string) func(job) *Diagnosis {
	return func(j job) *Diagnosis {
		r := refusals[by]
		for _, e := range j.events(j.uid, "FailedCreate") {
			if j.madeSince(when(e)) {
				return nil
			}
			if g := r.pattern.FindStringSubmatch(e.Message); g != nil {
				d := &Diagnosis{Object: fmt.Sprintf("%s %s/%s", j.kind, j.Home, j.workload.name), Cause: r.cause(j.Snapshot, "the pods of "+j.kind+" "+j.workload.name, g), Seen: e.Reason + ": " + e.Message}
				return d.repair(r.repair(j.Snapshot, g)...)
			}
		}
		return nil
	}
}

// madeSince says that a pod of the workload came to be after it was refused one: an event outlives its cause by an hour.
func (j job) madeSince(refused time.Time) bool {
	return slices.ContainsFunc(j.Pods, func(p corev1.Pod) bool {
		owner := metav1.GetControllerOf(&p)
		return owner != nil && owner.UID == j.uid && !p.CreationTimestamp.Time.Before(refused)
	})
}

var forbidden = regexp.MustCompile(`([a-z]+) "([^"]+)" is forbidden`)

// refusedObject names the object that a message is about.
func refusedObject(message string) string {
	if g := forbidden.FindStringSubmatch(message); g != nil {
		return strings.TrimSuffix(g[1], "s") + " " + g[2]
	}
	return "objects"
}

func (s *Snapshot) object() string { return fmt.Sprintf("release %s/%s", s.Namespace, s.Release) }

// incomplete says that the last install or upgrade failed, and that not everything that it was to make is there.
func (s *Snapshot) incomplete() bool {
	if s.Stored == nil || s.Stored.Status == "deployed" {
		return false
	}
	for _, want := range s.WantClaims {
		if want.Namespace == s.Home && s.knows("persistentvolumeclaims") && s.claim(want.Name) == nil {
			return true
		}
	}
	for _, want := range s.WantVolumes {
		if s.knows("persistentvolumes") && s.volume(want.Name) == nil {
			return true
		}
	}
	return false
}
