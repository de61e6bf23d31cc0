package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
)

// capabilities are the rows of a backend's table of what it can do, without those that say nothing.
func capabilities(c catalog.Capabilities) []row {
	fsGroup := c.FSGroup
	if fsGroup == "" {
		fsGroup = string(catalog.Unknown)
	}
	size := catalog.Size{}
	if c.Size != nil {
		size = *c.Size
	}
	out := []row{
		{"Driver or provisioner", quoted(c.Driver)},
		{"Provisioning", strings.Join(c.Ways(), ", ")},
		{"Static volumes", without(c.WhyNotStatic)},
		{"Dynamic provisioning", without(c.WhyNotDynamic)},
		{"Access modes, Filesystem", list(c.AccessModes["Filesystem"])},
		{"Access modes, Block", list(c.AccessModes["Block"])},
	}
	out = append(out, mountOptions(c.MountOptions)...)
	out = append(out,
		row{"Read-only enforced by", readOnly(c.ReadOnly)},
		row{"Smallest size", size.Minimum}, row{"Largest size", size.Maximum}, row{"Size is a multiple of", size.Step},
		row{"Expansion", c.Expansion.String()}, row{"Snapshots", c.Snapshot.String()}, row{"Clones", c.Clone.String()},
		row{"Volume attributes classes", c.Modify.String()},
		row{"Volume statistics", c.Measured()},
		row{"attachRequired", c.Attach.String()}, row{"fsGroupPolicy", fsGroup}, row{"fsGroup applied by", mountGroup(c)}, row{"podInfoOnMount", c.PodInfo.String()},
		row{"VolumeAttributesClass", yesNo(c.VolumeAttributesClass)},
		row{"Node labels in a static volume's affinity", quoted(strings.Join(c.TopologyKeys, "`, `"))},
		row{"volumeBindingMode of the chart's class", c.BindingMode},
		row{"Pod annotations", pairs(c.Pod.Annotations)}, row{"Pod labels", pairs(c.Pod.Labels)},
	)
	return slices.DeleteFunc(out, func(r row) bool { return r.Value == "" })
}

// mountGroup names the driver where it applies a pod's fsGroup; otherwise the policy says whether the kubelet does.
func mountGroup(c catalog.Capabilities) string {
	if c.MountGroup {
		return "the driver, when it mounts"
	}
	return ""
}

func mountOptions(m catalog.MountOptions) []row {
	if !m.Supported {
		return []row{{"Mount options", "refused by the kubelet"}}
	}
	if m.Ignored {
		return []row{{"Mount options", "ignored by the driver ([source](" + m.Source + "))"}}
	}
	source := ""
	if m.Source != "" {
		source = " ([source](" + m.Source + "))"
	}
	var out []row
	if m.By == "" {
		out = append(out, row{"Default mount options", options(m.Default) + source})
	}
	for _, value := range slices.Sorted(maps.Keys(m.For)) {
		out = append(out, row{fmt.Sprintf("Default mount options, `%s: %s`", m.By, value), options(m.For[value]) + source})
	}
	for _, option := range slices.Sorted(maps.Keys(m.Needed)) {
		out = append(out, row{fmt.Sprintf("Mount option `%s`", option), "needed: " + m.Needed[option].Why})
	}
	return out
}

// readOnly says what keeps a pod from writing that does not mount the claim read-only itself.
func readOnly(r catalog.ReadOnly) string {
	var by []string
	for _, o := range r.Options {
		if option := "mount option `" + o.Option + "`"; !slices.Contains(by, option) {
			by = append(by, option)
		}
	}
	if r.Mode {
		by = append(by, "`accessModes: [ReadOnlyMany]`")
	}
	if r.Attach == catalog.Yes {
		by = append(by, "`readOnly` of the volume's source")
	}
	if len(by) == 0 {
		return "the pod's own `readOnly` only"
	}
	source := ""
	if r.Source != "" {
		source = " ([source](" + r.Source + "))"
	}
	return strings.Join(by, ", ") + source
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func without(why string) string {
	if why == "" {
		return ""
	}
	return "not supported: " + why
}

func list(modes []string) string {
	if len(modes) == 0 {
		return "not supported"
	}
	return strings.Join(modes, ", ")
}

func options(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return quoted(strings.Join(list, ","))
}

func pairs(all map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, quoted(key+": "+all[key]))
	}
	return strings.Join(out, ", ")
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
