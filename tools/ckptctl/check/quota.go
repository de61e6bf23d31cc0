package check

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// asked is the storage, in bytes, that the claims of a store ask for together, as a ResourceQuota counts it.
func (s *Store) asked() int64 {
	text, _ := s.Merged["size"].(string)
	size, err := resource.ParseQuantity(text)
	claim, _ := s.Merged["claim"].(map[string]any)
	if err != nil || s.Off || s.Merged["provisioning"] == "existing" || claim["create"] == false {
		return 0
	}
	return size.Value() * int64(max(1, s.shards()))
}

// shards is how many shards the store has; 0 where it has none.
func (s *Store) shards() int {
	switch shards := s.Merged["shards"].(type) {
	case float64:
		return int(shards)
	case int64:
		return int(shards)
	}
	return 0
}

// exceeded are the words of a quota that is too small for what stores ask for.
func exceeded(stores string, asked, quota int64) map[string]any {
	words := func(bytes int64) string { return resource.NewQuantity(bytes, resource.BinarySI).String() }
	return map[string]any{"stores": stores, "asked": words(asked), "quota": words(quota)}
}

// quota finds that the stores of one cluster ask for too much together, though none of them does alone; it tells of the
// largest. most is in bytes, 0 where there is no quota.
func quota(stores []footprint, most int64) []conflict {
	var sum int64
	var names []string
	largest := 0
	for i, p := range stores {
		sum += p.asked
		names = append(names, p.release)
		if p.asked > stores[largest].asked {
			largest = i
		}
	}
	if most == 0 || sum <= most || stores[largest].asked > most {
		return nil
	}
	return []conflict{{largest, "W07", "exceeded", "size", exceeded(strings.Join(names, ", "), sum, most)}}
}
