package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// FactsFolder holds a file of facts for each backend, inside the chart. The files are generated: the chart's templates,
// those of a parent and ckptctl all read them.
const FactsFolder = "facts"

// Facts are what the chart's templates and the rules know of a backend.
type Facts struct {
	// Name is the backend's: the file is named after it.
	Name string `json:"-"`

	Driver       string   `json:"driver"`
	Provisioning []string `json:"provisioning"`
	// Fix says what to do where a kind of provisioning is missing; empty where none is.
	Fix           string              `json:"fix,omitempty"`
	WhyNotStatic  string              `json:"whyNotStatic,omitempty"`
	WhyNotDynamic string              `json:"whyNotDynamic,omitempty"`
	AccessModes   map[string][]string `json:"accessModes"`

	MountOptions          []string                `json:"mountOptions"`
	MountOptionsBy        string                  `json:"mountOptionsBy"`
	MountOptionsFor       map[string][]string     `json:"mountOptionsFor,omitempty"`
	MountOptionsSupported bool                    `json:"mountOptionsSupported"`
	MountOptionsVerbatim  bool                    `json:"mountOptionsVerbatim,omitempty"`
	MountOptionsIgnored   bool                    `json:"mountOptionsIgnored,omitempty"`
	MountType             string                  `json:"mountType,omitempty"`
	MountTypeFor          map[string]string       `json:"mountTypeFor,omitempty"`
	MountOptionsNeeded    map[string]NeededOption `json:"mountOptionsNeeded,omitempty"`
	// NeededOptions are the keys of MountOptionsNeeded, for rules to go through.
	NeededOptions []string `json:"neededOptions,omitempty"`

	ReadOnly              ReadOnly `json:"readOnly"`
	VolumeAttributesClass bool     `json:"volumeAttributesClass"`
	Attach                Support  `json:"attach"`
	Expansion             Support  `json:"expansion"`
	Modify                Support  `json:"modify"`
	VolumeStats           Support  `json:"volumeStats"`
	VolumeStatsNeeds      string   `json:"volumeStatsNeeds,omitempty"`
	FSGroup               string   `json:"fsGroup"`
	MountGroup            bool     `json:"mountGroup,omitempty"`
	Size                  *Size    `json:"size,omitempty"`
	NodeBound             bool     `json:"nodeBound,omitempty"`
	TopologyKeys          []string `json:"topologyKeys,omitempty"`
	// TopologyFix says how to name one of TopologyKeys; empty where there are none.
	TopologyFix string `json:"topologyFix,omitempty"`
	BindingMode string `json:"bindingMode,omitempty"`
	Pod         Pod    `json:"pod"`

	// SemanticsLike is the file system of Frameworks whose answers hold where Semantics and OptionsTake have none.
	SemanticsLike string             `json:"semanticsLike,omitempty"`
	Semantics     map[string]Support `json:"semantics,omitempty"`
	// SemanticsErrors are the errors of operations that do not work, where they are known.
	SemanticsErrors map[string]string `json:"semanticsErrors,omitempty"`
	// OptionsTake are mount options with the operations that are missing with them.
	OptionsTake map[string][]string `json:"optionsTake,omitempty"`
	// SemanticsWhen is the condition under which Semantics holds; nil where it always does.
	SemanticsWhen Condition `json:"semanticsWhen,omitempty"`

	// ClassKeys are the paths of the keys that become parameters of a class, OnlyClassKeys of those that become nothing else.
	ClassKeys     []string `json:"classKeys,omitempty"`
	OnlyClassKeys []string `json:"onlyClassKeys,omitempty"`
	// OnlyVolumeKeys are the paths of the keys that describe nothing but a static volume.
	OnlyVolumeKeys []string       `json:"onlyVolumeKeys,omitempty"`
	Defaults       map[string]any `json:"defaults"`
	Required       []string       `json:"required,omitempty"`
	ClassRequired  []string       `json:"classRequired,omitempty"`
	// Examples are of the keys that are required.
	Examples map[string]any `json:"examples,omitempty"`
	Kind     string         `json:"kind,omitempty"`
	Identity Identity       `json:"identity,omitempty"`
	// Hosts are the keys of HostKeys, for rules to go through.
	Hosts    []string        `json:"hosts,omitempty"`
	HostKeys map[string]Host `json:"hostKeys,omitempty"`
	// NodeDirectories are the keys that hold a directory of the node.
	NodeDirectories []string `json:"nodeDirectories,omitempty"`
	Mapping         Mapping  `json:"mapping"`
	Hooks           []string `json:"hooks,omitempty"`
	Rules           []Case   `json:"rules,omitempty"`
}

// LoadFacts reads what a chart knows of a backend. The error is fs.ErrNotExist when it has none of the name.
func LoadFacts(chart fs.FS, backend string) (Facts, error) {
	out := Facts{Name: backend}
	if _, err := fs.Stat(chart, FactsFolder); err != nil {
		// Not wrapped: a chart without the folder is another matter than one without the backend.
		return out, fmt.Errorf("the chart has no folder %s, so ckptctl cannot judge values for it", FactsFolder)
	}
	file := path.Join(FactsFolder, backend+".json")
	text, err := fs.ReadFile(chart, file)
	if err != nil {
		return out, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		return out, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// ExampleOf returns an example of a required key, as JSON.
func (f Facts) ExampleOf(key string) string {
	text, err := json.Marshal(f.Examples[key])
	if err != nil {
		return ""
	}
	return string(text)
}

// Facts are what the backend's folder says, as the chart's templates and the rules read it.
func (b Backend) Facts() Facts {
	c := b.Capabilities
	operations, takes := c.Semantics.own()
	examples := map[string]any{}
	for _, key := range slices.Concat(b.Schema.Required, b.Schema.ClassRequired) {
		if shown, ok := b.Schema.Properties[key]["examples"].([]any); ok && len(shown) > 0 {
			examples[key] = shown[0]
		}
	}
	readOnly := c.ReadOnly
	readOnly.Source = ""
	return Facts{
		Name:                  b.Name,
		Driver:                c.Driver,
		Provisioning:          append([]string{}, c.Provisioning...),
		Fix:                   b.provisioningFix(),
		WhyNotStatic:          c.WhyNotStatic,
		WhyNotDynamic:         c.WhyNotDynamic,
		AccessModes:           c.AccessModes,
		MountOptions:          append([]string{}, c.MountOptions.Default...),
		MountOptionsBy:        c.MountOptions.By,
		MountOptionsFor:       c.MountOptions.For,
		MountOptionsSupported: c.MountOptions.Supported,
		MountOptionsVerbatim:  c.MountOptions.Verbatim,
		MountOptionsIgnored:   c.MountOptions.Ignored,
		MountType:             c.MountOptions.Type,
		MountTypeFor:          c.MountOptions.TypeFor,
		MountOptionsNeeded:    c.MountOptions.Needed,
		NeededOptions:         slices.Sorted(maps.Keys(c.MountOptions.Needed)),
		ReadOnly:              readOnly,
		VolumeAttributesClass: c.VolumeAttributesClass,
		Attach:                c.Attach,
		Expansion:             c.Expansion,
		Modify:                c.Modify,
		VolumeStats:           c.VolumeStats,
		VolumeStatsNeeds:      c.VolumeStatsNeeds,
		FSGroup:               c.FSGroup,
		MountGroup:            c.MountGroup,
		Size:                  c.Size,
		NodeBound:             c.NodeBound,
		TopologyKeys:          c.TopologyKeys,
		TopologyFix:           b.topologyFix(),
		BindingMode:           c.BindingMode,
		Pod:                   c.Pod,
		SemanticsLike:         c.Semantics.Like,
		Semantics:             operations,
		SemanticsWhen:         c.Semantics.When,
		SemanticsErrors:       c.Semantics.Errors,
		OptionsTake:           takes,
		ClassKeys:             b.classKeys(false),
		OnlyClassKeys:         b.classKeys(true),
		OnlyVolumeKeys:        b.volumeKeys(),
		Defaults:              b.Defaults(),
		Required:              slices.Sorted(slices.Values(b.Schema.Required)),
		ClassRequired:         slices.Sorted(slices.Values(b.Schema.ClassRequired)),
		Examples:              examples,
		Kind:                  b.Schema.Kind,
		Identity:              b.Schema.Identity,
		Hosts:                 slices.Sorted(maps.Keys(b.hosts())),
		HostKeys:              b.hosts(),
		NodeDirectories:       b.nodeDirectories(),
		Mapping:               b.mapping(),
		Hooks:                 b.Hooks,
		Rules:                 b.Rules,
	}
}

// Given says that parameters of a class name one that stands for a key of the section: its own, or one of the secrets'.
func (m Mapping) Given(key string, parameters map[string]any) bool {
	if name, is := m.Parameters[key]; is && has(parameters, fmt.Sprint(name)) {
		return true
	}
	uses, _ := m.Secrets[key].([]any)
	return slices.ContainsFunc(uses, func(use any) bool {
		return has(parameters, "csi.storage.k8s.io/"+Kebab(fmt.Sprint(use))+"-secret-name")
	})
}

func has(parameters map[string]any, name string) bool {
	_, is := parameters[name]
	return is
}

// provisioningFix says how to use a backend whose provisioning is not the one that was asked for.
func (b Backend) provisioningFix() string {
	if b.Capabilities.Serves("static") && b.Capabilities.Serves("dynamic") {
		return ""
	}
	switch way := b.Capabilities.Ways()[0]; way {
	case "static":
		return "set provisioning: static and fill in the section " + b.Name
	case "existing":
		return "set provisioning: existing and claim.existing: NAME"
	default:
		return "set provisioning: " + way
	}
}

// Measured says whether the kubelet has statistics of a file system on the storage, and what they take.
func (c Capabilities) Measured() string {
	if c.VolumeStatsNeeds != "" {
		return c.VolumeStats.String() + ", with " + c.VolumeStatsNeeds
	}
	return c.VolumeStats.String()
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

// volumeKeys are the paths of the keys that shape nothing but a static volume.
func (b Backend) volumeKeys() []string {
	keys := []string{}
	for key, property := range b.Schema.Properties {
		elsewhere := b.classHookKeys[key] || slices.Contains([]string{"driver", "fsType", "podServiceAccountName", "readOnly"}, key) || key == b.Capabilities.MountOptions.By
		for _, other := range []string{parameterKey, secretsKey, topologyKey, podAnnotationKey, mountOptionKey} {
			elsewhere = elsewhere || property[other] != nil
		}
		if !elsewhere && b.Capabilities.Serves("dynamic") && b.Capabilities.Serves("static") {
			keys = append(keys, b.Name+"."+key)
		}
	}
	slices.Sort(keys)
	return keys
}

// topologyFix says how to name the place of a volume: by a key of the section where one leads to a label that is needed.
func (b Backend) topologyFix() string {
	if len(b.Capabilities.TopologyKeys) == 0 {
		return ""
	}
	for _, key := range b.Keys() {
		if label, ok := b.Schema.Properties[key][topologyKey].(string); ok && slices.Contains(b.Capabilities.TopologyKeys, label) {
			return fmt.Sprintf("set %s.%s: %v", b.Name, key, b.ExampleOf(key))
		}
	}
	return "set volume.nodeAffinity to the nodes that reach the volume, by one of those labels"
}
