package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// annotations are the annotations and labels that the values give the storage, an item of the value each, where that is a
// list: at is the values' key.
func (j *judge) annotations() []any {
	var out []any
	for _, at := range []string{"claim.annotations", "claim.labels", "commonAnnotations", "commonLabels", "storageClass.annotations", "storageClass.labels", "volume.annotations", "volume.labels"} {
		var value any = j.values
		for _, step := range strings.Split(at, ".") {
			section, _ := value.(map[string]any)
			value = section[step]
		}
		given, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(given)) {
			list := []string{fmt.Sprint(given[key])}
			if slices.Contains(j.rules.source.Delivery.Lists, key) {
				list = strings.Split(list[0], ",")
			}
			for _, item := range list {
				out = append(out, map[string]any{
					"at": at, "key": key, "value": strings.TrimSpace(item), "label": strings.HasSuffix(strings.ToLower(at), "labels"),
				})
			}
		}
	}
	return out
}

// texts are the texts that the values give the backend's section, and a shard's own, an item of a list each.
func (j *judge) texts(shard int) []any {
	var out []any
	look := func(section any, at func(key string) string, prefix string) {
		given, _ := section.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(given)) {
			list := items(given[key])
			if list == nil {
				list = []any{given[key]}
			}
			for _, value := range list {
				if text, ok := value.(string); ok {
					out = append(out, map[string]any{"at": at(key), "key": prefix + key, "value": text})
				}
			}
		}
	}
	name := j.backend.Name
	look(j.values[name], func(key string) string { return name + "." + key }, name+".")
	look(override(j.values, shard)["source"], func(string) string { return "shardOverrides" }, fmt.Sprintf("shardOverrides[%d].source.", shard))
	return out
}
