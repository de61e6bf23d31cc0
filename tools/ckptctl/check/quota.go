package check

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// asked is the storage, in bytes, that the claims of a store ask for together, as a ResourceQuota counts it.
func (r *Result) asked() int64 {
	text, _ := r.Merged["size"].(string)
	size, err := resource.ParseQuantity(text)
	if err != nil || r.Off || r.Merged["provisioning"] == "existing" {
		return 0
	}
	claims := int64(1)
	switch shards := r.Merged["shards"].(type) {
	case float64:
		claims = max(claims, int64(shards))
	case int64:
		claims = max(claims, shards)
	}
	return size.Value() * claims
}

// exceeded are the words of a quota that is too small for what stores ask for.
func exceeded(stores string, asked, quota int64) map[string]any {
	words := func(bytes int64) string { return resource.NewQuantity(bytes, resource.BinarySI).String() }
	return map[string]any{"stores": stores, "asked": words(asked), "quota": words(quota)}
}

// quota finds the clusters whose stores ask for too much together, though none of them does alone.
func (f *fleet) quota() ([]Finding, error) {
	if f.release.Quota == 0 {
		return nil, nil
	}
	groups := map[string][]at{}
	for i, stores := range f.stores {
		for s := range stores {
			groups[f.cluster(i)] = append(groups[f.cluster(i)], at{i, s})
		}
	}
	var out []Finding
	for _, cluster := range slices.Sorted(maps.Keys(groups)) {
		var sum, most int64
		var names []string
		largest := groups[cluster][0]
		for _, store := range groups[cluster] {
			asked := f.stores[store.overlay][store.store].asked
			sum += asked
			if asked > most {
				most, largest = asked, store
			}
			names = append(names, f.stores[store.overlay][store.store].release)
		}
		if sum <= f.release.Quota || most > f.release.Quota {
			continue
		}
		finding, err := f.finding(largest, "W07", "exceeded", "size", exceeded(strings.Join(names, ", "), sum, f.release.Quota))
		if err != nil {
			return nil, err
		}
		if finding.Rule != "" {
			out = append(out, finding)
		}
	}
	return out, nil
}
