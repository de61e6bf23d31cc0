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

// attributes are what the values give the driver beside the section's own keys: the attributes of a volume, and of a shard's
// own, and the parameters of a class.
func (j *judge) attributes(shard int) []any {
	var out []any
	look := func(section any, key, at string) {
		within, _ := section.(map[string]any)
		given, _ := within[key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(given)) {
			out = append(out, map[string]any{"at": at, "key": name, "value": fmt.Sprint(given[name])})
		}
	}
	look(j.values["volume"], "attributes", "volume.attributes")
	look(j.values["storageClass"], "parameters", "storageClass.parameters")
	look(j.values[j.backend.Name], "volumeAttributes", j.backend.Name+".volumeAttributes")
	look(override(j.values, shard)["source"], "volumeAttributes", "shardOverrides")
	return out
}

// onWindows are the keys by which pods of the chart's own are sent to nodes of Windows, where the scripts do not run.
func (j *judge) onWindows() []any {
	out := []any{}
	runs := map[string]bool{
		"prepare": j.section("prepare")["enabled"] == true, "freshness": !empty(j.section("freshness")["maxAge"]),
		"test": j.section("test")["enabled"] == true || j.section("benchmark")["enabled"] == true || !empty(j.section("freshness")["maxAge"]),
	}
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		if !runs[name] {
			continue
		}
		affinity, _ := j.section(name)["affinity"].(map[string]any)
		node, _ := affinity["nodeAffinity"].(map[string]any)
		required, _ := node["requiredDuringSchedulingIgnoredDuringExecution"].(map[string]any)
		terms := items(required["nodeSelectorTerms"])
		if len(terms) > 0 && !slices.ContainsFunc(terms, linux) {
			out = append(out, name+".affinity")
		}
		selector, _ := j.section(name)["nodeSelector"].(map[string]any)
		for _, label := range systems {
			if system, is := selector[label]; is && system == windows {
				out = append(out, name+".nodeSelector")
				break
			}
		}
	}
	return out
}

const windows = "windows"

// systems are the labels that name a node's operating system.
var systems = []string{"beta.kubernetes.io/os", "kubernetes.io/os"}

// linux says that a term of an affinity may hold for a node of Linux.
func linux(term any) bool {
	within, _ := term.(map[string]any)
	return !slices.ContainsFunc(items(within["matchExpressions"]), func(requirement any) bool {
		asks, _ := requirement.(map[string]any)
		label, _ := asks["key"].(string)
		values := items(asks["values"])
		only := !slices.ContainsFunc(values, func(value any) bool { return value != windows })
		return slices.Contains(systems, label) && (asks["operator"] == "In" && only || asks["operator"] == "NotIn" && slices.Contains(values, any("linux")))
	})
}
