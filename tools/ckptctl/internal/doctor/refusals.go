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

// refusal is a reason for which the API server refuses an object of the release or a pod of a workload.
type refusal struct {
	pattern *regexp.Regexp
	// cause and repair get the pattern's groups; what is the refused object, such as "the pods of job train".
	cause  func(s *Snapshot, what string, groups []string) string
	repair func(s *Snapshot, groups []string) []paste.Line
}

var refusals = map[string]refusal{
	"quota": {
		regexp.MustCompile(`exceeded quota: ([^,]+), requested: (\S+), used: (\S+), limited: (\S+)`),
		func(s *Snapshot, what string, g []string) string {
			cause := fmt.Sprintf("the ResourceQuota %s of namespace %s refuses %s: requested %s, used %s, limit %s.", g[1], s.Home, what, g[2], g[3], g[4])
			if strings.Contains(g[2], "storage") {
				cause += " A claim counts with its full size, even on a static volume, where the size is nominal and may be small."
			}
			return cause
		},
		func(s *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("raise the quota, or request less"),
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
				paste.Comment("comply with the policy, or ask its owner to exempt this namespace"),
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
				paste.Comment("comply with the webhook, or ask its owner to exempt this namespace"),
				paste.Command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -B 30 -A 30 %s", g[1]),
			}
		},
	},
	"webhookDown": {
		regexp.MustCompile(`failed calling webhook "([^"]+)": (.*)`),
		func(_ *Snapshot, what string, g []string) string {
			return fmt.Sprintf("%s could not be created, because the admission webhook %s does not answer: %s", what, g[1], g[2])
		},
		func(_ *Snapshot, g []string) []paste.Line {
			return []paste.Line{
				paste.Comment("restore the webhook's service; its configuration:"),
				paste.Command("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml | grep -B 30 -A 30 %s", g[1]),
			}
		},
	},
	"podSecurity": {
		regexp.MustCompile(`violates PodSecurity "([^"]+)": (.*)`),
		func(s *Snapshot, what string, g []string) string {
			return fmt.Sprintf("the Pod Security profile %s of namespace %s refuses %s: %s. The claim itself is allowed under every profile; only the pod is refused.", g[1], s.Home, what, g[2])
		},
		func(s *Snapshot, _ []string) []paste.Line {
			return []paste.Line{
				paste.Comment("give the pod the security context of the chart's own pods, and recreate it:"),
				paste.Command("helm -n %s get hooks %s", s.Namespace, s.Release),
			}
		},
	},
}

// raise returns the patch that makes a quota large enough; the uid ties it to the quota that was read.
func (s *Snapshot) raise(quota, requested, used string) map[string]any {
	out := map[string]any{"spec": map[string]any{"hard": enough(requested, used)}}
	if q := find(s.Quotas, func(o *corev1.ResourceQuota) string { return o.Name }, quota); q != nil {
		out["metadata"] = map[string]any{"uid": q.UID}
	}
	return out
}

// enough returns the hard limits that a quota needs.
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

// releaseRefused returns a rule that diagnoses an object refused in the last install or upgrade.
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
		return d.repair(r.repair(s, g)...).repair(paste.Comment("then install the missing objects"), s.again())
	}
}

// podsRefused returns a rule that diagnoses the refused pods of a workload.
func podsRefused(by string) func(workloadState) *Diagnosis {
	return func(j workloadState) *Diagnosis {
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

// madeSince reports whether the workload has created a pod since the refusal: an event outlives its cause by an hour.
func (j workloadState) madeSince(refused time.Time) bool {
	return slices.ContainsFunc(j.Pods, func(p corev1.Pod) bool {
		owner := metav1.GetControllerOf(&p)
		return owner != nil && owner.UID == j.uid && !p.CreationTimestamp.Time.Before(refused)
	})
}

var forbidden = regexp.MustCompile(`([a-z]+) "([^"]+)" is forbidden`)

// refusedObject returns the object that a message refers to.
func refusedObject(message string) string {
	if g := forbidden.FindStringSubmatch(message); g != nil {
		return strings.TrimSuffix(g[1], "s") + " " + g[2]
	}
	return "objects"
}

func (s *Snapshot) object() string { return fmt.Sprintf("release %s/%s", s.Namespace, s.Release) }

// incomplete reports whether the last install or upgrade failed and some of its claims or volumes do not exist.
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
