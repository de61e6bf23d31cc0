package catalog

import (
	"fmt"
	"maps"
	"slices"
)

// Keys of a section's property that are no JSON schema: they say what becomes of its value.
const (
	// attributeKey names the volume attribute, parameterKey the StorageClass parameter.
	attributeKey = "attribute"
	parameterKey = "parameter"
	// secretsKey lists what a secret reference is for: provisioner, controllerPublish, controllerExpand, nodeStage,
	// nodePublish or nodeExpand.
	secretsKey = "secrets"
	// topologyKey names the node label that the value, or each of the values, is one of; or it has, for a value, the node
	// labels that this stands for.
	topologyKey = "topology"
	// podAnnotationKey names the annotation that pods get.
	podAnnotationKey = "podAnnotation"
	// mountOptionKey is the mount option, with {} for the value; that of a true or false is there when it is true.
	// It stands beside the options that the values may replace, because it says what is mounted.
	mountOptionKey = "mountOption"
	// hostKey says that the value, or each of the values, is a host's name or address: see Host.
	hostKey = "host"
	// nodeDirectoryKey says that the value is a directory of the node, as the node itself sees it.
	nodeDirectoryKey = "nodeDirectory"
	// AbsentKey is what the driver takes where the parameter is left out, and the chart's default is another.
	AbsentKey = "absent"
)

// Host is what there is to know of a key that holds a host's name or address.
type Host struct {
	// Asks is node where the kubelet, the kernel or a pod with the node's own DNS resolves the name; empty where a pod
	// asks the cluster's DNS, or that is unknown.
	Asks string `json:"asks,omitempty"`
	// WithPort says that the address may have a port, PortOption that the mount option port stands for one.
	WithPort   bool `json:"withPort,omitempty"`
	PortOption bool `json:"portOption,omitempty"`
}

// hosts are the keys that hold a host's name or address.
func (b Backend) hosts() map[string]Host {
	out := map[string]Host{}
	for key, property := range b.Schema.Properties {
		if about, ok := property[hostKey].(map[string]any); ok {
			asks, _ := about["asks"].(string)
			out[key] = Host{Asks: asks, WithPort: about["withPort"] == true, PortOption: about["portOption"] == true}
		}
	}
	return out
}

// nodeDirectories are the keys that hold a directory of the node.
func (b Backend) nodeDirectories() []string {
	var out []string
	for key, property := range b.Schema.Properties {
		if property[nodeDirectoryKey] == true {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// What a host's name or address looks like at first sight; whether a port may follow is a rule's matter, because a colon
// is also in IPv6 addresses.
const (
	hostPattern        = `^[^\s/\\@,?#]+$`
	hostPatternMessage = "is no host name or address: no scheme, share or path belongs here."
)

// What the value of a node's label looks like, as nodeLabelValue of the chart's schema.
const (
	labelPattern        = `^(([A-Za-z0-9]|\{shard\})(([-A-Za-z0-9_.]|\{shard\})*([A-Za-z0-9]|\{shard\}))?)?$`
	labelPatternMessage = "is no value of a node's label; use letters, digits, -, _ and ., and begin and end with a letter or digit."
)

// Mapping is what becomes of a section's keys, from data.
type Mapping struct {
	Attributes     map[string]any `json:"attributes,omitempty"`
	Parameters     map[string]any `json:"parameters,omitempty"`
	Secrets        map[string]any `json:"secrets,omitempty"`
	Topology       map[string]any `json:"topology,omitempty"`
	PodAnnotations map[string]any `json:"podAnnotations,omitempty"`
	MountOptions   map[string]any `json:"mountOptions,omitempty"`
}

func (b Backend) mapping() Mapping {
	pick := func(what string) map[string]any {
		out := map[string]any{}
		for key, property := range b.Schema.Properties {
			if to, ok := property[what]; ok {
				out[key] = to
			}
		}
		return out
	}
	return Mapping{pick(attributeKey), pick(parameterKey), pick(secretsKey), pick(topologyKey), pick(podAnnotationKey), pick(mountOptionKey)}
}

// JSONSchema is a property without what is no JSON schema.
func JSONSchema(property map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range property {
		switch key {
		case attributeKey, parameterKey, secretsKey, topologyKey, podAnnotationKey, mountOptionKey, hostKey, nodeDirectoryKey, AbsentKey:
		default:
			out[key] = value
		}
	}
	if property[hostKey] != nil && out["pattern"] == nil && out["type"] == "string" {
		out["pattern"], out["patternErrorMessage"] = hostPattern, hostPatternMessage
	}
	if _, label := property[topologyKey].(string); label && out["enum"] == nil {
		nodeLabelled(out)
	}
	return out
}

// nodeLabelled has a key, or the items of one that is a list, take what a node's label can be: Kubernetes refuses a volume
// or a class that names another value, and a class that names one twice.
func nodeLabelled(property map[string]any) {
	items, list := property["items"].(map[string]any)
	if list {
		property["uniqueItems"] = true
		items = maps.Clone(items)
		property["items"] = items
	} else {
		items = property
	}
	if items["pattern"] == nil {
		items["pattern"], items["patternErrorMessage"], items["maxLength"] = labelPattern, labelPatternMessage, 63
	}
}

// MappedTo says in words where a key's value goes, for readers who know the driver's documentation.
func (b Backend) MappedTo(key string) []string {
	property := b.Schema.Properties[key]
	var out []string
	for _, to := range []struct{ key, word string }{
		{attributeKey, "volume attribute"}, {parameterKey, "class parameter"}, {topologyKey, "node label"}, {podAnnotationKey, "pod annotation"}, {mountOptionKey, "mount option"},
	} {
		if name, ok := property[to.key].(string); ok {
			out = append(out, to.word+" "+name)
		}
	}
	if byValue, ok := property[topologyKey].(map[string]any); ok {
		for _, value := range slices.Sorted(maps.Keys(byValue)) {
			labels, _ := byValue[value].(map[string]any)
			for _, label := range slices.Sorted(maps.Keys(labels)) {
				out = append(out, fmt.Sprintf("node label %s: %v with %s", label, labels[label], value))
			}
		}
	}
	if uses, ok := property[secretsKey].([]any); ok {
		for _, use := range uses {
			out = append(out, fmt.Sprintf("%v secret", use))
		}
	}
	return out
}
