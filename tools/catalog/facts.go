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

// mapping is what becomes of a section's keys, from data.
type mapping struct {
	Attributes     map[string]any `json:"attributes"`
	Parameters     map[string]any `json:"parameters"`
	Secrets        map[string]any `json:"secrets"`
	Topology       map[string]any `json:"topology"`
	PodAnnotations map[string]any `json:"podAnnotations"`
	MountOptions   map[string]any `json:"mountOptions"`
}

func (b Backend) mapping() mapping {
	pick := func(what string) map[string]any {
		out := map[string]any{}
		for key, property := range b.Schema.Properties {
			if to, ok := property[what]; ok {
				out[key] = to
			}
		}
		return out
	}
	return mapping{pick(attributeKey), pick(parameterKey), pick(secretsKey), pick(topologyKey), pick(podAnnotationKey), pick(mountOptionKey)}
}

// JSONSchema is a property without what is no JSON schema.
func JSONSchema(property map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range property {
		switch key {
		case attributeKey, parameterKey, secretsKey, topologyKey, podAnnotationKey, mountOptionKey, hostKey:
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

// Becomes says in words where a key's value goes, for readers who know the driver's documentation.
func (b Backend) Becomes(key string) []string {
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

// Facts are what the chart's templates and the rules know of a backend.
func (b Backend) Facts() map[string]any {
	c := b.Capabilities
	examples := map[string]any{}
	for _, key := range append(append([]string{}, b.Schema.Required...), b.Schema.ClassRequired...) {
		if shown, ok := b.Schema.Properties[key]["examples"].([]any); ok && len(shown) > 0 {
			examples[key] = shown[0]
		}
	}
	facts := map[string]any{
		"driver":                c.Driver,
		"provisioning":          append([]string{}, c.Provisioning...),
		"wayOut":                b.wayOut(),
		"whyNotStatic":          c.WhyNotStatic,
		"whyNotDynamic":         c.WhyNotDynamic,
		"accessModes":           c.AccessModes,
		"mountOptions":          append([]string{}, c.MountOptions.Default...),
		"mountOptionsBy":        c.MountOptions.By,
		"mountOptionsFor":       c.MountOptions.For,
		"mountOptionsSupported": c.MountOptions.Supported,
		"mountOptionsVerbatim":  c.MountOptions.Verbatim,
		"mountOptionsNeeded":    c.MountOptions.Needed,
		"neededOptions":         slices.Sorted(maps.Keys(c.MountOptions.Needed)),
		"readOnly":              ReadOnly{Options: c.ReadOnly.Options, Attach: c.ReadOnly.Attach, Mode: c.ReadOnly.Mode},
		"volumeAttributesClass": c.VolumeAttributesClass,
		"expansion":             c.Expansion,
		"fsGroup":               c.FSGroup,
		"topologyKeys":          append([]string{}, c.TopologyKeys...),
		"topologyFix":           b.topologyFix(),
		"classKeys":             b.classKeys(false),
		"onlyClassKeys":         b.classKeys(true),
		"bindingMode":           c.BindingMode,
		"pod":                   c.Pod,
		"semantics":             c.Semantics.Operations,
		"semanticsWhen":         c.Semantics.When,
		"defaults":              b.Defaults(),
		"required":              sorted(b.Schema.Required),
		"classRequired":         sorted(b.Schema.ClassRequired),
		"examples":              examples,
		"identity":              b.Schema.Identity,
		"nodeBound":             c.NodeBound,
		"hosts":                 slices.Sorted(maps.Keys(b.hosts())),
		"hostKeys":              b.hosts(),
		"becomes":               b.mapping(),
		"hooks":                 append([]string{}, b.Hooks...),
		"rules":                 append([]Case{}, b.Rules...),
	}
	if c.Size != nil {
		facts["size"] = c.Size
	}
	return facts
}

// sorted is a copy in order, an empty list where there is none.
func sorted(keys []string) []string {
	out := append([]string{}, keys...)
	slices.Sort(out)
	return out
}

// wayOut says how to use a backend whose provisioning is not the one that was asked for.
func (b Backend) wayOut() string {
	switch way := b.Capabilities.Ways()[0]; way {
	case "static":
		return "set provisioning: static and fill in the section " + b.Name
	case "existing":
		return "set provisioning: existing and claim.existing: NAME"
	default:
		return "set provisioning: " + way
	}
}

// Ways lists how a claim can come about: the provisioning, or existing where there is no other way.
func (c Capabilities) Ways() []string {
	if len(c.Provisioning) == 0 {
		return []string{"existing"}
	}
	return c.Provisioning
}

// classKeys are the paths of the keys that become parameters of a class; with only, those that become nothing else.
func (b Backend) classKeys(only bool) []string {
	keys := []string{}
	for key, property := range b.Schema.Properties {
		if property[parameterKey] == nil {
			continue
		}
		elsewhere := slices.Contains(b.Schema.Required, key) || slices.ContainsFunc(b.Schema.Identity, func(i IdentityKey) bool { return i.Key == key })
		for _, other := range []string{attributeKey, secretsKey, topologyKey, podAnnotationKey, mountOptionKey} {
			elsewhere = elsewhere || property[other] != nil
		}
		// What the mount options go by is looked at too.
		if elsewhere = elsewhere || key == b.Capabilities.MountOptions.By; !only || !elsewhere {
			keys = append(keys, b.Name+"."+key)
		}
	}
	slices.Sort(keys)
	return keys
}

// topologyFix says how to name the place of a volume: by a key of the section where one leads to a label that is needed.
func (b Backend) topologyFix() string {
	for _, key := range b.Keys() {
		if label, ok := b.Schema.Properties[key][topologyKey].(string); ok && slices.Contains(b.Capabilities.TopologyKeys, label) {
			return fmt.Sprintf("set %s.%s: %v", b.Name, key, b.ExampleOf(key))
		}
	}
	return "set volume.nodeAffinity to the nodes that reach the volume, by one of those labels"
}
