package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/plain"
)

// OfChart selects what the chart has made; an alias of the chart does not change this label.
const OfChart = "app.kubernetes.io/component=checkpoint-storage"

// Namespace is the reports of all releases of a namespace.
type Namespace struct {
	Namespace string `json:"namespace"`
	// Healthy is whether all releases are.
	Healthy bool `json:"healthy"`
	// Releases are sorted by name.
	Releases []Report `json:"releases"`
}

// Releases returns the names of the releases that have, or had, a store in the namespace: those whose newest manifest has one,
// also if nothing of it was created, and those that the labels of ConfigMaps and claims name. Resources that may not be read
// are skipped: the report of each release lists them.
func Releases(ctx context.Context, client kubernetes.Interface, namespace string) ([]string, error) {
	names := map[string]bool{}
	marked := metav1.ListOptions{LabelSelector: OfChart}
	add := func(labels map[string]string) {
		if name := labels[Instance]; name != "" {
			names[name] = true
		}
	}
	readers := map[string]func() error{
		"secrets": func() error {
			stored, err := live.All(ctx, client, namespace)
			for name, release := range stored {
				if release != nil && source.MatchString(release.Manifest) {
					names[name] = true
				}
			}
			return err
		},
		"configmaps": func() error {
			list, err := client.CoreV1().ConfigMaps(namespace).List(ctx, marked)
			return keep(err, func() {
				for _, m := range list.Items {
					add(ownedIn(m.ObjectMeta, namespace))
				}
			})
		},
		"persistentvolumeclaims": func() error {
			list, err := client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, marked)
			return keep(err, func() {
				for _, c := range list.Items {
					add(ownedIn(c.ObjectMeta, namespace))
				}
			})
		},
	}
	for _, resource := range slices.Sorted(maps.Keys(readers)) {
		if err := readers[resource](); err != nil && !apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("%s cannot be read: %w", resource, err)
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// ownedIn returns the labels of an object whose release is in the namespace: one of another is examined there.
func ownedIn(meta metav1.ObjectMeta, namespace string) map[string]string {
	if of, stated := meta.Annotations["meta.helm.sh/release-namespace"]; stated && of != namespace {
		return nil
	}
	return meta.Labels
}

// WriteJSON prints the reports for programs.
func (n Namespace) WriteJSON(out io.Writer) error {
	shown := Namespace{Namespace: plain.Line(n.Namespace), Healthy: n.Healthy, Releases: []Report{}}
	for _, r := range n.Releases {
		shown.Releases = append(shown.Releases, r.shown())
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(shown)
}

// WriteText prints the reports one after the other. What may not be read is the same for all, and is said once.
func (n Namespace) WriteText(out io.Writer) error {
	said := map[string]bool{}
	for i, r := range n.Releases {
		if i > 0 {
			if _, err := io.WriteString(out, "\n"); err != nil {
				return err
			}
		}
		r.Unread = slices.DeleteFunc(slices.Clone(r.Unread), func(u Unread) bool { return said[u.Resource] })
		for _, u := range r.Unread {
			said[u.Resource] = true
		}
		if err := r.WriteText(out); err != nil {
			return err
		}
	}
	return nil
}
