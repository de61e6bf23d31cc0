package doctor

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/upgrade"
)

const (
	// logLines, logBytes and logPods bound what is read of the logs of pods that failed.
	logLines, logBytes, logPods = 40, 64 << 10, 5
	// Instance is the label with the name of an object's release.
	Instance = "app.kubernetes.io/instance"
)

// Read reads the objects of a release, and changes nothing. Resources that the user may not read are listed in the
// snapshot and skipped; any other failure is an error.
func Read(ctx context.Context, client kubernetes.Interface, release, namespace string) (*Snapshot, error) {
	s := &Snapshot{Release: release, Namespace: namespace, Home: namespace, Now: time.Now(), Logs: map[string]string{}}
	all := metav1.ListOptions{}
	core, storage := client.CoreV1(), client.StorageV1()
	readers := []struct {
		resource string
		read     func() error
	}{
		{"secrets", func() error { return s.readRelease(ctx, client) }},
		{"persistentvolumes", func() error {
			list, err := core.PersistentVolumes().List(ctx, all)
			return keep(err, func() { s.Volumes = list.Items })
		}},
		{"persistentvolumeclaims", func() error {
			s.findHome()
			list, err := core.PersistentVolumeClaims(s.Home).List(ctx, all)
			return keep(err, func() { s.Claims = list.Items })
		}},
		{"pods", func() error {
			list, err := core.Pods(s.Home).List(ctx, all)
			return keep(err, func() { s.Pods = list.Items })
		}},
		{"events", func() error {
			list, err := core.Events(s.Home).List(ctx, all)
			return keep(err, func() { s.Events = list.Items })
		}},
		{"resourcequotas", func() error {
			list, err := core.ResourceQuotas(s.Home).List(ctx, all)
			return keep(err, func() { s.Quotas = list.Items })
		}},
		{"configmaps", func() error {
			list, err := core.ConfigMaps(s.Home).List(ctx, metav1.ListOptions{LabelSelector: Instance + "=" + release})
			return keep(err, func() { s.ConfigMaps = list.Items })
		}},
		{"jobs", func() error {
			list, err := client.BatchV1().Jobs(s.Home).List(ctx, all)
			return keep(err, func() { s.Jobs = list.Items })
		}},
		{"statefulsets", func() error {
			list, err := client.AppsV1().StatefulSets(s.Home).List(ctx, all)
			return keep(err, func() { s.StatefulSets = list.Items })
		}},
		{"replicasets", func() error {
			list, err := client.AppsV1().ReplicaSets(s.Home).List(ctx, all)
			return keep(err, func() { s.ReplicaSets = list.Items })
		}},
		{"storageclasses", func() error {
			list, err := storage.StorageClasses().List(ctx, all)
			return keep(err, func() { s.Classes = list.Items })
		}},
		{"csidrivers", func() error {
			list, err := storage.CSIDrivers().List(ctx, all)
			return keep(err, func() { s.Drivers = list.Items })
		}},
		{"csinodes", func() error {
			list, err := storage.CSINodes().List(ctx, all)
			return keep(err, func() { s.CSINodes = list.Items })
		}},
		{"volumeattachments", func() error {
			list, err := storage.VolumeAttachments().List(ctx, all)
			return keep(err, func() { s.Attachments = list.Items })
		}},
		{"nodes", func() error {
			list, err := core.Nodes().List(ctx, all)
			return keep(err, func() { s.Nodes = list.Items })
		}},
		{"pods/log", func() error { return s.readLogs(ctx, client) }},
	}
	for _, r := range readers {
		switch err := r.read(); {
		case apierrors.IsForbidden(err):
			s.Unread = append(s.Unread, Unread{r.resource, err.Error()})
		case err != nil:
			return nil, fmt.Errorf("%s cannot be read: %w", r.resource, err)
		}
	}
	return s, nil
}

func keep(err error, take func()) error {
	if err == nil {
		take()
	}
	return err
}

// readRelease reads the newest revision, also a failed one: it holds the error of a failed install.
func (s *Snapshot) readRelease(ctx context.Context, client kubernetes.Interface) error {
	stored, err := live.Newest(ctx, client, s.Release, s.Namespace, "status!=uninstalled")
	if err != nil || stored == nil {
		return err
	}
	s.Stored = stored
	objects, err := upgrade.Parse(stored.Manifest, s.Namespace)
	if err != nil {
		return err
	}
	s.Place = placeOf(stored.Manifest)
	for key, o := range objects["ConfigMap"] {
		if claims, _, _ := unstructured.NestedString(o.Object, "data", Publishes); claims != "" {
			s.published = append(s.published, key.Namespace)
		}
	}
	for _, o := range objects["PersistentVolumeClaim"] {
		var claim corev1.PersistentVolumeClaim
		if err := convert(o, &claim); err != nil {
			return err
		}
		if claim.Namespace == "" {
			claim.Namespace = s.Namespace
		}
		s.WantClaims = append(s.WantClaims, claim)
	}
	for _, o := range objects["PersistentVolume"] {
		var volume corev1.PersistentVolume
		if err := convert(o, &volume); err != nil {
			return err
		}
		s.WantVolumes = append(s.WantVolumes, volume)
	}
	slices.SortFunc(s.WantClaims, func(a, b corev1.PersistentVolumeClaim) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.WantVolumes, func(a, b corev1.PersistentVolume) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Publishes is the key of the ConfigMap that names the claims of a store.
const Publishes = "CHECKPOINT_CLAIMS"

// source matches the comment that Helm writes before each object of this chart. Its path names subcharts by their keys in
// the values.
var source = regexp.MustCompile(`(?m)^# Source: (\S+)/templates/(?:persistent-volume|persistent-volume-claim|storage-class|config-map)\.yaml$`)

// placeOf returns the path of the chart's values within those of the release.
func placeOf(manifest string) string {
	found := source.FindStringSubmatch(manifest)
	if found == nil {
		return ""
	}
	charts := strings.Split(found[1], "/charts/")
	return strings.Join(append(charts[1:], ""), ".")
}

// findHome sets the namespace of the claims: the release's own if any claim is in it, else that of the manifest's claims, or,
// if the manifest may not be read, of the claims that the release's volumes are reserved for.
func (s *Snapshot) findHome() {
	var homes []string
	for _, c := range s.WantClaims {
		homes = append(homes, c.Namespace)
	}
	homes = append(homes, s.published...)
	volumes := s.WantVolumes
	if s.Stored == nil {
		volumes = slices.DeleteFunc(slices.Clone(s.Volumes), func(v corev1.PersistentVolume) bool {
			return v.Annotations["meta.helm.sh/release-namespace"] != s.Namespace || !s.owns(v.Labels, v.Annotations)
		})
	}
	for _, v := range volumes {
		if v.Spec.ClaimRef != nil && v.Spec.ClaimRef.Namespace != "" {
			homes = append(homes, v.Spec.ClaimRef.Namespace)
		}
	}
	if len(homes) > 0 && !slices.Contains(homes, s.Namespace) {
		s.Home = slices.Min(homes)
	}
}

func convert(o unstructured.Unstructured, into any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
		return fmt.Errorf("%s %s of the release: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

// readLogs reads the last log lines of failed containers: a program that may not write leaves no event.
func (s *Snapshot) readLogs(ctx context.Context, client kubernetes.Interface) error {
	lines, size := int64(logLines), int64(logBytes)
	read := 0
	for _, name := range s.claimNames() {
		for _, pod := range s.podsOf(name) {
			container, previous := failed(pod)
			if _, done := s.Logs[pod.Name]; done || container == "" || read == logPods {
				continue
			}
			read++
			text, err := client.CoreV1().Pods(s.Home).GetLogs(pod.Name, &corev1.PodLogOptions{
				Container: container, Previous: previous, TailLines: &lines, LimitBytes: &size,
			}).DoRaw(ctx)
			if apierrors.IsForbidden(err) {
				return err
			}
			// Other errors are ignored: a node that is down has no logs.
			if err == nil {
				s.Logs[pod.Name] = string(text)
			}
		}
	}
	return nil
}

// failed returns the container of a pod that failed, "" if none has, and whether it has been restarted since.
func failed(pod corev1.Pod) (container string, previous bool) {
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
			return c.Name, false
		}
		if t := c.LastTerminationState.Terminated; t != nil && t.ExitCode != 0 && !c.Ready {
			return c.Name, true
		}
	}
	return "", false
}

// claimNames returns the claims of the release: those of its manifest, of its ConfigMap, which also names existing claims,
// and those with its label.
func (s *Snapshot) claimNames() []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, c := range s.WantClaims {
		if c.Namespace == s.Home {
			add(c.Name)
		}
	}
	for _, m := range s.ConfigMaps {
		if s.owns(m.Labels, m.Annotations) {
			for _, name := range strings.Fields(m.Data[Publishes]) {
				add(name)
			}
		}
	}
	for _, c := range s.Claims {
		if s.owns(c.Labels, c.Annotations) {
			add(c.Name)
		}
	}
	// A release may create only volumes, for the claims of another.
	for _, v := range s.WantVolumes {
		if ref := v.Spec.ClaimRef; ref != nil && ref.Namespace == s.Home {
			add(ref.Name)
		}
	}
	// If nothing else names the claims, the claimRefs of the release's volumes do.
	unknown := s.Stored == nil && len(out) == 0
	for _, v := range s.Volumes {
		if ref := v.Spec.ClaimRef; unknown && s.owns(v.Labels, v.Annotations) && ref != nil && ref.Namespace == s.Home {
			add(ref.Name)
		}
	}
	slices.Sort(out)
	return out
}

// owns reports whether an object belongs to this release, by Helm's annotations. An object that was applied without Helm has
// only the label, which counts only if the claims are in the release's namespace: who may edit the release's Secret can
// choose any other.
func (s *Snapshot) owns(labels, annotations map[string]string) bool {
	if labels[Instance] != s.Release {
		return false
	}
	namespace, stated := annotations["meta.helm.sh/release-namespace"]
	if !stated {
		return s.Home == s.Namespace
	}
	return namespace == s.Namespace && annotations["meta.helm.sh/release-name"] == s.Release
}
