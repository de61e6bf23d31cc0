// Package doctor says why the claim of a release is not bound, or why a pod on it has not started, on a live cluster.
//
// Everything is read once, into a Snapshot. Rules look at the snapshot alone: each knows one cause and its repair.
package doctor

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"

	"checkpoint-storage/tools/ckptctl/internal/live"
)

// Snapshot is what was read from the cluster for a release.
type Snapshot struct {
	// Namespace is the release's; Home is that of its claims and pods, which differs with namespaceOverride.
	Release, Namespace, Home string
	// Now is the time of reading.
	Now time.Time
	// Stored is the newest revision of the release; nil if there is none or Secrets may not be read.
	Stored *live.StoredRelease
	// WantClaims and WantVolumes are those of the stored manifest.
	WantClaims  []corev1.PersistentVolumeClaim
	WantVolumes []corev1.PersistentVolume
	// Place is the path of the chart's values within those of the release, such as "training.store."; "" if the chart was
	// installed directly.
	Place string
	// published are the namespaces of the release's ConfigMaps that name claims.
	published []string

	// Objects of the namespace Home.
	Claims       []corev1.PersistentVolumeClaim
	Pods         []corev1.Pod
	Events       []corev1.Event
	Quotas       []corev1.ResourceQuota
	ConfigMaps   []corev1.ConfigMap
	Jobs         []batchv1.Job
	StatefulSets []appsv1.StatefulSet
	ReplicaSets  []appsv1.ReplicaSet
	// Cluster-scoped objects.
	Volumes     []corev1.PersistentVolume
	Classes     []storagev1.StorageClass
	Drivers     []storagev1.CSIDriver
	CSINodes    []storagev1.CSINode
	Attachments []storagev1.VolumeAttachment
	Nodes       []corev1.Node
	// Logs are the last lines of containers that failed, by pod.
	Logs map[string]string

	// Unread are the resources that may not be read.
	Unread []Unread
}

// Unread is a resource that the user may not read.
type Unread struct {
	// Resource is its plural name, such as persistentvolumes.
	Resource string `json:"resource"`
	// Why is the API server's message.
	Why string `json:"why"`
}

// knows reports whether a resource was read; if not, a missing object proves nothing.
func (s *Snapshot) knows(resource string) bool {
	return !slices.ContainsFunc(s.Unread, func(u Unread) bool { return u.Resource == resource })
}

// find returns the object of a name, or nil.
func find[T any](list []T, name func(*T) string, want string) *T {
	for i := range list {
		if want != "" && name(&list[i]) == want {
			return &list[i]
		}
	}
	return nil
}

func (s *Snapshot) claim(name string) *corev1.PersistentVolumeClaim {
	return find(s.Claims, func(o *corev1.PersistentVolumeClaim) string { return o.Name }, name)
}

func (s *Snapshot) volume(name string) *corev1.PersistentVolume {
	return find(s.Volumes, func(o *corev1.PersistentVolume) string { return o.Name }, name)
}

func (s *Snapshot) class(name string) *storagev1.StorageClass {
	return find(s.Classes, func(o *storagev1.StorageClass) string { return o.Name }, name)
}

func (s *Snapshot) node(name string) *corev1.Node {
	return find(s.Nodes, func(o *corev1.Node) string { return o.Name }, name)
}

// driverNodes returns the nodes on which a CSI driver is registered.
func (s *Snapshot) driverNodes(driver string) []string {
	var out []string
	for _, n := range s.CSINodes {
		if slices.ContainsFunc(n.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == driver }) {
			out = append(out, n.Name)
		}
	}
	return out
}

// driverKnown reports whether a CSI driver of the name is registered.
func (s *Snapshot) driverKnown(driver string) bool {
	return len(s.driverNodes(driver)) > 0 ||
		slices.ContainsFunc(s.Drivers, func(d storagev1.CSIDriver) bool { return d.Name == driver })
}

// defaultClasses returns the default classes; the first is the one that a claim without a class gets.
func (s *Snapshot) defaultClasses() []storagev1.StorageClass {
	var out []storagev1.StorageClass
	for _, c := range s.Classes {
		if isDefault(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b storagev1.StorageClass) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return out
}

// isDefault reports whether a class is a default class, by the annotation or its beta version, which Kubernetes still honours
// (pkg/volume/util/storageclass.go).
func isDefault(c storagev1.StorageClass) bool {
	return c.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" || c.Annotations["storageclass.beta.kubernetes.io/is-default-class"] == "true"
}

// events returns the events of an object with one of the reasons, or all of them, newest first. They are matched by uid: the
// events of an earlier object of the same name do not count.
func (s *Snapshot) events(uid types.UID, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, e := range s.Events {
		if e.InvolvedObject.UID == uid && (len(reasons) == 0 || slices.Contains(reasons, e.Reason)) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b corev1.Event) int { return when(b).Compare(when(a)) })
	return out
}

func when(e corev1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

// podsOf returns the pods that mount a claim and have not succeeded.
func (s *Snapshot) podsOf(claim string) []corev1.Pod {
	var out []corev1.Pod
	for _, p := range s.Pods {
		if p.Status.Phase != corev1.PodSucceeded && mounts(p.Spec, claim) {
			out = append(out, p)
		}
	}
	return out
}

func mounts(spec corev1.PodSpec, claim string) bool {
	return slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}

// workload is a controller whose pods mount a claim.
type workload struct {
	kind, name string
	uid        types.UID
	spec       corev1.PodSpec
}

func (s *Snapshot) workloadsOf(claim string) []workload {
	var all, out []workload
	for _, o := range s.Jobs {
		all = append(all, workload{"job", o.Name, o.UID, o.Spec.Template.Spec})
	}
	for _, o := range s.StatefulSets {
		all = append(all, workload{"statefulset", o.Name, o.UID, o.Spec.Template.Spec})
	}
	for _, o := range s.ReplicaSets {
		all = append(all, workload{"replicaset", o.Name, o.UID, o.Spec.Template.Spec})
	}
	for _, w := range all {
		if mounts(w.spec, claim) {
			out = append(out, w)
		}
	}
	return out
}

// names joins the names of the first few pods.
func names(pods []corev1.Pod) string {
	var out []string
	for _, p := range pods {
		out = append(out, p.Name)
	}
	return few(out)
}

func few(words []string) string {
	if len(words) > 4 {
		return strings.Join(words[:3], ", ") + " and others"
	}
	return strings.Join(words, ", ")
}
