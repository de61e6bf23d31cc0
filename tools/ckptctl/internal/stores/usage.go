package stores

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
)

// Usage returns a kubelet's /stats/summary.
type Usage func(ctx context.Context, node string) ([]byte, error)

// Kubelets reads through the API server's proxy, which takes the right to get nodes/proxy.
func Kubelets(client kubernetes.Interface) Usage {
	return func(ctx context.Context, node string) ([]byte, error) {
		return client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("stats", "summary").DoRaw(ctx)
	}
}

// atOnce is how many kubelets are asked at one time.
const atOnce = 8

// summary is what is read of a kubelet's summary (k8s.io/kubelet/pkg/apis/stats/v1alpha1).
type summary struct {
	Pods []struct {
		Volumes []struct {
			Used     *int64 `json:"usedBytes"`
			Capacity *int64 `json:"capacityBytes"`
			Claim    *struct {
				Namespace string `json:"namespace"`
				Name      string `json:"name"`
			} `json:"pvcRef"`
		} `json:"volume"`
	} `json:"pods"`
}

// use fills in what the kubelets say. One node is asked for each claim, and each node once.
func (r *reader) use(ctx context.Context, usage Usage) {
	asked := map[string]map[key]Used{}
	where := map[key]string{}
	for _, s := range r.report.Stores {
		at := key{s.Namespace, s.Claim}
		nodes := r.nodesOf(at)
		if len(nodes) == 0 {
			continue
		}
		where[at] = nodes[0]
		if i := slices.IndexFunc(nodes, func(n string) bool { _, is := asked[n]; return is }); i >= 0 {
			where[at] = nodes[i]
		}
		asked[where[at]] = nil
	}
	names := make([]string, 0, len(asked))
	for name := range asked {
		names = append(names, name)
	}
	slices.Sort(names)
	answers, errs := make([]map[key]Used, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error {
			answers[i], errs[i] = ask(ctx, usage, name)
			return nil
		})
	}
	_ = group.Wait()
	failed := map[string]error{}
	for i, name := range names {
		asked[name], failed[name] = answers[i], errs[i]
		if apierrors.IsForbidden(errs[i]) {
			r.unread("nodes/proxy", errs[i])
		}
	}
	for i := range r.report.Stores {
		s := &r.report.Stores[i]
		at := key{s.Namespace, s.Claim}
		node := where[at]
		used, is := asked[node][at]
		switch {
		case r.hidden("pods"):
			used.Unknown = "pods may not be read"
		case node == "":
			used.Unknown = "no running pod mounts the claim"
		case apierrors.IsForbidden(failed[node]):
			used.Unknown = "nodes/proxy may not be read"
		case failed[node] != nil:
			used.Unknown = fmt.Sprintf("the kubelet of node %s does not say: %v", node, failed[node])
		case !is:
			used.Unknown = fmt.Sprintf("the kubelet of node %s has no statistics of the volume: it measures a new one within two minutes, and a directory of the node (hostPath) never", node)
		}
		s.Used = used
	}
}

// hidden reports whether a resource may not be read.
func (r *reader) hidden(resource string) bool {
	return slices.ContainsFunc(r.report.Unread, func(u doctor.Unread) bool { return u.Resource == resource })
}

// nodesOf returns the nodes of the claim's running pods.
func (r *reader) nodesOf(at key) []string {
	var out []string
	for _, p := range r.pods[at] {
		if p.Status.Phase == corev1.PodRunning && p.Spec.NodeName != "" {
			out = append(out, p.Spec.NodeName)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ask returns what a node's kubelet says of each claim.
func ask(ctx context.Context, usage Usage, node string) (map[key]Used, error) {
	text, err := usage(ctx, node)
	if err != nil {
		return nil, err
	}
	var said summary
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, err
	}
	out := map[key]Used{}
	for _, p := range said.Pods {
		for _, v := range p.Volumes {
			if v.Claim != nil && v.Used != nil {
				out[key{v.Claim.Namespace, v.Claim.Name}] = Used{Bytes: v.Used, Capacity: v.Capacity}
			}
		}
	}
	return out, nil
}
