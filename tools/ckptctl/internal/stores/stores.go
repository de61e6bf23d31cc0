// Package stores lists the stores of a cluster: the claims of the chart with their releases, pods and used bytes, and the
// volumes whose claims are gone.
package stores

import (
	"slices"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/paste"
)

// Report is what a cluster, or a namespace of it, has.
type Report struct {
	// Namespace is "" for all.
	Namespace string   `json:"namespace"`
	Stores    []Store  `json:"stores"`
	Released  []Volume `json:"releasedVolumes"`
	// Unread are the resources that may not be read; what depends on them is unknown.
	Unread []doctor.Unread `json:"unread,omitempty"`
}

// Via has the commands of a report name a cluster.
func (r Report) Via(to paste.Cluster) Report {
	for i := range r.Stores {
		r.Stores[i].TakeBack = paste.Via(r.Stores[i].TakeBack, to)
	}
	for i := range r.Released {
		r.Released[i].TakeBack = paste.Via(r.Released[i].TakeBack, to)
	}
	return r
}

// Store is a claim of the chart, or one that a release of the chart publishes.
type Store struct {
	Namespace string `json:"namespace"`
	Claim     string `json:"claim"`
	// Release is what Helm says of the release that made the claim.
	Release Release `json:"release"`
	// Publishers are the releases that publish the claim and did not make it, each as namespace/name.
	Publishers []string `json:"publishers,omitempty"`
	// Phase is the claim's.
	Phase string `json:"phase"`
	// Size is the claim's capacity, or what it requests as long as it is not bound.
	Size   string `json:"size"`
	Volume string `json:"volume,omitempty"`
	Used   Used   `json:"used"`
	// Pods are those that mount the claim and have not ended.
	Pods   []string `json:"pods"`
	Unused Unused   `json:"unused"`
	// TakeBack are the commands by which a release takes an orphan back; comments begin with #.
	TakeBack []paste.Line `json:"takeBack,omitempty"`
}

// Volume is a Released volume: its claim is gone, its data is not.
type Volume struct {
	Name string `json:"name"`
	// Namespace and Claim are those of the claim that is gone.
	Namespace string       `json:"namespace"`
	Claim     string       `json:"claim"`
	Release   Release      `json:"release"`
	Size      string       `json:"size"`
	Policy    string       `json:"reclaimPolicy"`
	TakeBack  []paste.Line `json:"takeBack,omitempty"`
}

// The states of a release.
const (
	// Present: Helm has stored it, and the claim is in its manifest.
	Present = "present"
	// Gone: Helm has uninstalled it, and the objects were kept.
	Gone = "gone"
	// Left: it is there, and no longer has the claim: shards were removed, or the store was renamed.
	Left = "left"
	// None: the object has no release of Helm: it was applied without Helm, or is not the chart's.
	None = "none"
	// Unknown: the Secrets of its namespace may not be read.
	Unknown = "unknown"
)

// Release is the release of a claim or volume.
type Release struct {
	// Name is "" if no label or annotation names one.
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	State     string `json:"state"`
	// Status is Helm's of the newest revision, such as deployed or failed.
	Status string `json:"status,omitempty"`
}

// orphan reports whether no release has the object any more.
func (r Release) orphan() bool { return r.State == Gone || r.State == Left }

// Used is what the kubelet says of a mounted volume.
type Used struct {
	// Bytes and Capacity are those of the file system, which may hold more than the volume; nil if unknown.
	Bytes    *int64 `json:"bytes,omitempty"`
	Capacity *int64 `json:"capacityBytes,omitempty"`
	// Unknown is why they are; "" if they are known.
	Unknown string `json:"unknown,omitempty"`
}

// Unused is what the claim's condition says.
type Unused struct {
	// Since is when its last pod ended; nil while pods use it.
	Since *time.Time `json:"since,omitempty"`
	// Unknown is why that is; "" if it is known.
	Unknown string `json:"unknown,omitempty"`
}

// key identifies a claim.
type key struct{ namespace, name string }

// compare orders stores by namespace and claim.
func (r *Report) sort() {
	slices.SortFunc(r.Stores, func(a, b Store) int { return compare(a.Namespace, b.Namespace, a.Claim, b.Claim) })
	slices.SortFunc(r.Released, func(a, b Volume) int { return compare(a.Namespace, b.Namespace, a.Name, b.Name) })
}
