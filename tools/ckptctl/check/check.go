// Package check judges the values of a checkpoint store: how Helm reads them, what the schema allows, and what the
// backend can do.
package check

import (
	"io"
	"slices"

	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Inputs are the command line's, in Helm's own terms.
type Inputs = values.Inputs

// Finding is one mistake, with where it was made and what to do.
type Finding = report.Finding

// Release is whose values are judged.
type Release struct {
	Name, Namespace string
	// Alias is the path of names by which parent charts know the store, "" for the chart itself.
	Alias string
	// Kubernetes is the cluster's minor version of Kubernetes 1, 0 when it is not known.
	Kubernetes int
	// Quota is the storage, in bytes, that the claims of a cluster may ask for together; 0 when it is not known.
	Quota int64
	// Stdin is what the values file - stands for.
	Stdin io.Reader
}

func (r Release) String() string {
	if r.Alias == "" {
		return r.Name
	}
	return r.Name + "/" + r.Alias
}

// is says that two are one release, whatever is known of its cluster.
func (r Release) is(other Release) bool {
	return r.Name == other.Name && r.Namespace == other.Namespace
}

// Result is what a check found.
type Result struct {
	// Findings are those of all stores, sorted by where they are, each once.
	Findings []Finding
	// Stores are those that the release makes: one of the chart itself, any number of a parent chart.
	Stores []*Store
}

// Check reads the inputs as Helm would for a release and judges every store in it. The error is a *values.InputError when
// an input cannot be read.
func (c *Chart) Check(in Inputs, release Release) (*Result, error) {
	base, err := c.read(in.Files, in.Reader(release.Stdin))
	if err != nil {
		return nil, err
	}
	stores, err := c.stores(base, nil, in, release)
	if err != nil {
		return nil, err
	}
	r := &Result{Stores: stores}
	between, used := between(stores, release.Quota)
	for _, s := range stores {
		r.Findings = slices.Concat(r.Findings, s.findings, unused(s.pending, used))
	}
	r.Findings = report.Join(append(r.Findings, between...))
	return r, nil
}
