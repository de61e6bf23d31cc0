package stores

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"
)

// releaseName and releaseNamespace are the annotations that Helm writes.
const releaseName, releaseNamespace = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"

// reader collects what a report is made of.
type reader struct {
	client    kubernetes.Interface
	namespace string
	report    Report

	claims  map[key]*corev1.PersistentVolumeClaim
	volumes []corev1.PersistentVolume
	classes map[string]bool
	pods    map[key][]corev1.Pod
	// published are the releases whose ConfigMaps name a claim.
	published map[key][]key
	// releases are those that were looked up.
	releases map[key]found
}

// found is what Helm has stored of a release.
type found struct {
	status  string
	claims  map[key]bool
	unknown bool
}

// Read lists the stores of a namespace, or of all if it is "", and changes nothing. Resources that the user may not read are
// listed in the report; any other failure is an error. Usage reads what a node's kubelet reports of its volumes.
func Read(ctx context.Context, client kubernetes.Interface, namespace string, usage Usage) (Report, error) {
	r := &reader{
		client: client, namespace: namespace, report: Report{Namespace: namespace, Stores: []Store{}, Released: []Volume{}},
		claims: map[key]*corev1.PersistentVolumeClaim{}, classes: map[string]bool{}, pods: map[key][]corev1.Pod{},
		published: map[key][]key{}, releases: map[key]found{},
	}
	core := client.CoreV1()
	marked := metav1.ListOptions{LabelSelector: doctor.OfChart}
	readers := []struct {
		resource string
		read     func() error
	}{
		{"configmaps", func() error {
			return each(ctx, marked, core.ConfigMaps(namespace).List, r.publishes)
		}},
		{"persistentvolumeclaims", func() error {
			return each(ctx, metav1.ListOptions{}, core.PersistentVolumeClaims(namespace).List, func(c *corev1.PersistentVolumeClaim) {
				if at := (key{c.Namespace, c.Name}); isOurs(c.Labels) || len(r.published[at]) > 0 {
					r.claims[at] = c
				}
			})
		}},
		{"pods", func() error { return each(ctx, metav1.ListOptions{}, core.Pods(namespace).List, r.mounts) }},
		{"storageclasses", func() error {
			return each(ctx, marked, client.StorageV1().StorageClasses().List, func(c *storagev1.StorageClass) { r.classes[c.Name] = true })
		}},
		{"persistentvolumes", func() error {
			return each(ctx, metav1.ListOptions{}, core.PersistentVolumes().List, r.keep)
		}},
	}
	for _, one := range readers {
		switch err := one.read(); {
		case apierrors.IsForbidden(err):
			r.unread(one.resource, err)
		case err != nil:
			return Report{}, fmt.Errorf("%s cannot be read: %w", one.resource, err)
		}
	}
	for at, claim := range r.claims {
		store, err := r.store(ctx, at, claim)
		if err != nil {
			return Report{}, err
		}
		r.report.Stores = append(r.report.Stores, store)
	}
	for _, v := range r.volumes {
		volume, err := r.released(ctx, v)
		if err != nil {
			return Report{}, err
		}
		r.report.Released = append(r.report.Released, volume)
	}
	r.report.sort()
	r.use(ctx, usage)
	r.takeBack()
	return r.report, nil
}

// unread lists a resource that may not be read, once.
func (r *reader) unread(resource string, why error) {
	if !slices.ContainsFunc(r.report.Unread, func(u doctor.Unread) bool { return u.Resource == resource }) {
		r.report.Unread = append(r.report.Unread, doctor.Unread{Resource: resource, Why: why.Error()})
	}
}

// each lists page by page, and calls a function with each object.
func each[L runtime.Object, T any](ctx context.Context, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (L, error), do func(*T)) error {
	pages := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return list(ctx, o) })
	return pages.EachListItem(ctx, options, func(o runtime.Object) error {
		if object, is := any(o).(*T); is {
			do(object)
		}
		return nil
	})
}

func isOurs(labels map[string]string) bool {
	name, value, _ := strings.Cut(doctor.OfChart, "=")
	return labels[name] == value
}

// publishes notes which release a ConfigMap names the claims of.
func (r *reader) publishes(m *corev1.ConfigMap) {
	for _, claim := range strings.Fields(m.Data[doctor.Publishes]) {
		at := key{m.Namespace, claim}
		by := key{m.Annotations[releaseNamespace], m.Annotations[releaseName]}
		if by.name == "" {
			by = key{m.Namespace, m.Labels[doctor.Instance]}
		}
		r.published[at] = append(r.published[at], by)
	}
}

// mounts notes the claims of a pod that has not ended. Only what is needed of the pod is kept: a cluster has many.
func (r *reader) mounts(p *corev1.Pod) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	for _, v := range p.Spec.Volumes {
		if c := v.PersistentVolumeClaim; c != nil {
			slim := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Spec: corev1.PodSpec{NodeName: p.Spec.NodeName}, Status: corev1.PodStatus{Phase: p.Status.Phase}}
			r.pods[key{p.Namespace, c.ClaimName}] = append(r.pods[key{p.Namespace, c.ClaimName}], slim)
		}
	}
}

// keep notes a Released volume of a store: one that the chart made, one of a class that the chart made, or one whose claim has
// the name of a store.
func (r *reader) keep(v *corev1.PersistentVolume) {
	ref := v.Spec.ClaimRef
	if v.Status.Phase != corev1.VolumeReleased || ref == nil || r.namespace != "" && ref.Namespace != r.namespace {
		return
	}
	at := key{ref.Namespace, ref.Name}
	if isOurs(v.Labels) || r.classes[v.Spec.StorageClassName] || r.claims[at] != nil || len(r.published[at]) > 0 {
		r.volumes = append(r.volumes, *v)
	}
}

func (r *reader) store(ctx context.Context, at key, c *corev1.PersistentVolumeClaim) (Store, error) {
	size, bound := c.Status.Capacity[corev1.ResourceStorage]
	if !bound {
		size = c.Spec.Resources.Requests[corev1.ResourceStorage]
	}
	s := Store{
		Namespace: at.namespace, Claim: at.name, Phase: string(c.Status.Phase), Size: size.String(), Volume: c.Spec.VolumeName,
		Pods: []string{}, Unused: unused(c),
	}
	for _, p := range r.pods[at] {
		s.Pods = append(s.Pods, p.Name)
	}
	slices.Sort(s.Pods)
	var err error
	if s.Release, err = r.release(ctx, c.ObjectMeta, at); err != nil {
		return Store{}, err
	}
	for _, by := range r.published[at] {
		if by != (key{s.Release.Namespace, s.Release.Name}) {
			s.Publishers = append(s.Publishers, by.namespace+"/"+by.name)
		}
	}
	slices.Sort(s.Publishers)
	return s, nil
}

func (r *reader) released(ctx context.Context, v corev1.PersistentVolume) (Volume, error) {
	ref, size := v.Spec.ClaimRef, v.Spec.Capacity[corev1.ResourceStorage]
	out := Volume{Name: v.Name, Namespace: ref.Namespace, Claim: ref.Name, Size: size.String(), Policy: string(v.Spec.PersistentVolumeReclaimPolicy)}
	meta, at := v.ObjectMeta, key{ref.Namespace, ref.Name}
	if claim := r.claims[at]; claim != nil && meta.Annotations[releaseName] == "" {
		// A provisioner's volume names no release; the claim that took its name does.
		meta = claim.ObjectMeta
	}
	var err error
	out.Release, err = r.release(ctx, meta, at)
	return out, err
}

// unused returns what the claim's condition says.
func unused(c *corev1.PersistentVolumeClaim) Unused {
	for _, condition := range c.Status.Conditions {
		if condition.Type != corev1.PersistentVolumeClaimUnused {
			continue
		}
		switch condition.Status {
		case corev1.ConditionTrue:
			since := condition.LastTransitionTime.UTC()
			return Unused{Since: &since}
		case corev1.ConditionFalse:
			return Unused{}
		}
	}
	return Unused{Unknown: "the claim has no condition Unused, which Kubernetes writes from 1.37 on"}
}

// release finds the release of an object's annotations, and whether it still has the claim. What it says of other namespaces
// is no more than their Secrets say: the annotations are those of a tenant.
func (r *reader) release(ctx context.Context, meta metav1.ObjectMeta, at key) (Release, error) {
	out := Release{Name: meta.Annotations[releaseName], Namespace: meta.Annotations[releaseNamespace], State: None}
	if out.Name == "" || len(validation.IsDNS1123Subdomain(out.Name)) > 0 || len(validation.IsDNS1123Label(out.Namespace)) > 0 {
		return Release{Name: meta.Labels[doctor.Instance], Namespace: at.namespace, State: None}.named(), nil
	}
	stored, err := r.lookUp(ctx, key{out.Namespace, out.Name})
	if err != nil {
		return out, err
	}
	out.Status = stored.status
	switch {
	case stored.unknown && slices.Contains(r.published[at], key{out.Namespace, out.Name}):
		// Helm deletes the ConfigMap with the release.
		out.State = Present
	case stored.unknown:
		out.State = Unknown
	case stored.status == "":
		out.State = Gone
	case stored.claims[at]:
		out.State = Present
	default:
		out.State = Left
	}
	return out, nil
}

// named leaves out the namespace of a release that has no name.
func (r Release) named() Release {
	if r.Name == "" {
		r.Namespace = ""
	}
	return r
}

// lookUp reads the newest revision of a release, once.
func (r *reader) lookUp(ctx context.Context, name key) (found, error) {
	if known, is := r.releases[name]; is {
		return known, nil
	}
	out := found{claims: map[key]bool{}}
	stored, err := live.Newest(ctx, r.client, name.name, name.namespace, "status!=uninstalled")
	var corrupt live.CorruptError
	switch {
	case apierrors.IsForbidden(err), errors.As(err, &corrupt):
		// One release that cannot be read does not hide the others.
		r.unread("secrets", err)
		out.unknown = true
	case err != nil:
		return out, fmt.Errorf("secrets cannot be read: %w", err)
	case stored != nil:
		out.status = stored.Status
		objects, err := upgrade.Parse(stored.Manifest, name.namespace)
		if err != nil {
			r.unread("secrets", fmt.Errorf("release %s in namespace %s: %w", name.name, name.namespace, err))
			out.unknown = true
		}
		for claim := range objects["PersistentVolumeClaim"] {
			out.claims[key{claim.Namespace, claim.Name}] = true
		}
	}
	r.releases[name] = out
	return out, nil
}

// compare orders by the first pair that differs.
func compare(pairs ...string) int {
	for i := 0; i < len(pairs); i += 2 {
		if c := cmp.Compare(pairs[i], pairs[i+1]); c != 0 {
			return c
		}
	}
	return 0
}
