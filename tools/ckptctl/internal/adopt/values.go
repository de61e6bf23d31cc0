package adopt

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/schema"

	"k8s.io/apimachinery/pkg/api/resource"
)

// values are those of a store with a section.
func (c Chart) values(b catalog.Backend, store Store, r reading) map[string]any {
	values := map[string]any{"backend": b.Name}
	claim, volume, class := map[string]any{}, map[string]any{}, map[string]any{}
	values["claim"], values["volume"], values["storageClass"] = claim, volume, class
	if len(r.section) > 0 {
		values[b.Name] = r.section
	}
	main := store.Claim
	if main == nil {
		main = store.Volume
	}
	spec := dig(main, "spec")
	if store.Claim != nil {
		fill(claim, "name", store.Claim.name())
		fill(claim, "labels", dig(store.Claim, "metadata", "labels"))
		fill(claim, "annotations", annotations(store.Claim))
		fill(claim, "volumeAttributesClassName", spec["volumeAttributesClassName"])
		if ref := dig(spec, "dataSourceRef"); ref != nil {
			claim["dataSourceRef"] = ref
		} else if ref := dig(spec, "dataSource"); ref != nil {
			claim["dataSourceRef"] = ref
		}
		fill(values, "size", size(dig(spec, "resources", "requests")["storage"]))
	} else {
		claim["create"] = false
		fill(claim, "name", text(store.Volume, "spec", "claimRef", "name"))
		fill(values, "size", size(dig(spec, "capacity")["storage"]))
	}
	for _, key := range []string{"accessModes", "volumeMode"} {
		fill(values, key, spec[key])
	}
	static := store.Volume != nil
	values["provisioning"] = map[bool]string{true: "static", false: "dynamic"}[static]
	if volumeName := text(store.Claim, "spec", "volumeName"); !static && volumeName != "" {
		// The volume is another's to make.
		values["provisioning"] = "static"
		volume["create"], volume["name"] = false, volumeName
	}
	if static {
		fill(volume, "name", store.Volume.name())
		fill(volume, "labels", dig(store.Volume, "metadata", "labels"))
		fill(volume, "annotations", annotations(store.Volume))
		fill(volume, "attributes", r.attributes)
		if r.handle != store.Volume.name() {
			fill(volume, "handle", r.handle)
		}
		capacity := size(dig(store.Volume, "spec", "capacity")["storage"])
		if !sameQuantity(capacity, values["size"]) {
			fill(volume, "size", capacity)
		}
		if modes := dig(store.Volume, "spec")["accessModes"]; !same(modes, values["accessModes"]) {
			fill(volume, "accessModes", modes)
		}
		topology(b, values, store.Volume)
	}
	options := dig(store.Volume, "spec")["mountOptions"]
	if store.Class != nil {
		ofClass := c.class(b, class, store, r)
		if static {
			fill(class, "mountOptions", ofClass)
		} else {
			options = ofClass
		}
		if store.Claim == nil && !static {
			// A class by itself.
			delete(values, "size")
		}
	} else if name, is := dig(main, "spec")["storageClassName"]; is {
		values["storageClassName"] = name
	} else if name := text(main, "metadata", "annotations", betaClass); name != "" {
		values["storageClassName"] = name
	}
	if static || store.Class != nil {
		values["mountOptions"] = ownOptions(b, r.section, options)
	}
	if list, _ := values["mountOptions"].([]any); static && !b.Capabilities.MountOptions.Supported && len(list) == 0 {
		delete(values, "mountOptions")
	}
	return values
}

// ownOptions are mount options without those that keys of the section stand for.
func ownOptions(b catalog.Backend, section map[string]any, options any) []any {
	out := []any{}
	list, _ := options.([]any)
	of := map[string]bool{}
	for key, option := range b.Facts().Mapping.MountOptions {
		if value, is := section[key]; is && value != false {
			of[strings.ReplaceAll(fmt.Sprint(option), "{}", fmt.Sprint(value))] = true
		}
	}
	for _, each := range list {
		if !of[fmt.Sprint(each)] {
			out = append(out, each)
		}
	}
	return out
}

// class fills in the class, and returns its mount options.
func (c Chart) class(b catalog.Backend, class map[string]any, store Store, r reading) any {
	o := store.Class
	class["create"] = true
	fill(class, "name", o.name())
	fill(class, "labels", dig(o, "metadata", "labels"))
	fill(class, "annotations", annotations(o))
	fill(class, "provisioner", o["provisioner"])
	fill(class, "allowedTopologies", o["allowedTopologies"])
	parameters := r.parameters
	if store.Volume != nil {
		parameters = dig(o, "parameters")
	}
	fill(class, "parameters", parameters)
	class["reclaimPolicy"] = cmp.Or(text(o, "reclaimPolicy"), "Delete")
	fill(class, "volumeBindingMode", o["volumeBindingMode"])
	if o["volumeBindingMode"] == nil && b.Capabilities.BindingMode != "" && store.Volume == nil {
		class["volumeBindingMode"] = "Immediate"
	}
	class["allowVolumeExpansion"] = o["allowVolumeExpansion"] == true
	return o["mountOptions"]
}

// topology sets the keys of the section that stand for the volume's node affinity.
func topology(b catalog.Backend, values map[string]any, volume Object) {
	terms, _ := dig(volume, "spec", "nodeAffinity", "required")["nodeSelectorTerms"].([]any)
	if len(terms) != 1 {
		return
	}
	section, _ := values[b.Name].(map[string]any)
	for key, label := range b.Facts().Mapping.Topology {
		expressions, _ := terms[0].(map[string]any)["matchExpressions"].([]any)
		for _, e := range expressions {
			expression, _ := e.(map[string]any)
			list, _ := expression["values"].([]any)
			if expression["key"] != label || expression["operator"] != "In" || section == nil {
				continue
			}
			if b.Schema.Properties[key]["type"] == "array" {
				section[key] = list
			} else if len(list) == 1 {
				section[key] = list[0]
			}
		}
	}
}

// annotations are those that the chart does not write by itself.
func annotations(o Object) map[string]any {
	out := maps.Clone(dig(o, "metadata", "annotations"))
	if out["helm.sh/resource-policy"] == "keep" {
		delete(out, "helm.sh/resource-policy")
	}
	for key := range out {
		// What is said otherwise, and what is Kubernetes' to say.
		if key == betaClass && o["kind"] != "StorageClass" || writtenOnBinding(o, key) {
			delete(out, key)
		}
	}
	return out
}

// fill sets a key, unless there is nothing to set it to.
func fill(into map[string]any, key string, value any) {
	switch value := value.(type) {
	case nil:
		return
	case string:
		if value == "" {
			return
		}
	case map[string]any:
		if len(value) == 0 {
			return
		}
	}
	into[key] = value
}

// sizes are those that the chart takes.
var sizes = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)$`)

// size is a size as the chart takes it. One that it cannot write, which is no whole KiB, is rounded up, and so differs.
func size(value any) any {
	if value == nil || sizes.MatchString(fmt.Sprint(value)) {
		return value
	}
	quantity, err := resource.ParseQuantity(fmt.Sprint(value))
	if err != nil {
		return value
	}
	return schema.Size(quantity.Value())
}

// pruned are the values without what the chart and the backend have anyway.
func (c Chart) pruned(b catalog.Backend, values map[string]any) map[string]any {
	out := without(values, c.Defaults)
	if section := without(dig(values, b.Name), b.Facts().Defaults); len(section) > 0 {
		out[b.Name] = section
	} else {
		delete(out, b.Name)
	}
	// What decides how the rest is read stands there.
	out["backend"], out["provisioning"] = values["backend"], values["provisioning"]
	return out
}

// without returns a map without the entries that another has too.
func without(values, defaults map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range values {
		object, is := value.(map[string]any)
		if is {
			if object = without(object, dig(defaults, key)); len(object) > 0 {
				out[key] = object
			}
			continue
		}
		if fmt.Sprint(value) != fmt.Sprint(defaults[key]) || defaults[key] == nil {
			out[key] = value
		}
	}
	return out
}
