package adopt

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Render returns the objects that the chart makes of values, or why it refuses them.
type Render func(values map[string]any, release, namespace string) ([]Object, error)

// Chart is what values are found for.
type Chart struct {
	Backends []catalog.Backend
	// Defaults are the chart's own values.
	Defaults map[string]any
	Render   Render
}

// Adoption is the values of a store that is there already.
type Adoption struct {
	Values map[string]any
	// Differences are those between the objects and what the values render, the harmless ones too.
	Differences []Difference
	// Assumed is what the values say that the objects do not; empty where nothing.
	Assumed string
	// Kept says that a provisioner keeps the volume; empty where the values render it, or there is none.
	Kept string
	// Refused is why the chart does not render the values; nil where it does.
	Refused error
	// Namespace is that of the release.
	Namespace string
	// Instead is why the storage's own backend is not the one of the values; empty where it is, or there is none.
	Instead string
}

// Lost are the differences that are not harmless.
func (a Adoption) Lost() []Difference {
	return slices.DeleteFunc(slices.Clone(a.Differences), func(d Difference) bool { return d.Why != "" })
}

// Whole says that the values render the objects again, but for harmless differences.
func (a Adoption) Whole() bool { return a.Refused == nil && len(a.Lost()) == 0 }

// anyDriver says that a backend takes every CSI volume and every provisioner: its own values name the driver.
func anyDriver(b catalog.Backend) bool { return b.Capabilities.Driver == "" }

// ofDriver says that a volume's source is a CSI driver's.
func ofDriver(source map[string]any) bool { return text(source, "volumeHandle") != "" }

// Adopt finds the values that render a store. Of several backends it takes the storage's own that renders all of it, then
// the backend of any driver, and else the one that loses least.
func (c Chart) Adopt(store Store, release, namespace string) (Adoption, error) {
	kept := ""
	_, source, err := sourceOf(store.Volume)
	if err != nil {
		return Adoption{}, err
	}
	driver := text(source, "driver")
	if store.Provisioned() {
		kept = fmt.Sprintf("volume %s is its provisioner's and stays out of the release; its reclaim policy is %v", store.Volume.name(), dig(store.Volume, "spec")["persistentVolumeReclaimPolicy"])
		store.Volume = nil
	}
	store = Store{own(store.Volume), own(store.Claim), own(store.Class)}
	if kept != "" {
		delete(dig(store.Claim, "spec"), "volumeName")
	}
	namespace = cmp.Or(store.Namespace(), namespace)
	if store.Volume != nil && store.Claim != nil && class(store.Volume) != class(store.Claim) && (class(store.Claim) != "" || dig(store.Claim, "spec")["storageClassName"] != nil) {
		return Adoption{}, refuse("the volume %s has the class %q and the claim %s the class %q, and Kubernetes never binds the two", store.Volume.name(), class(store.Volume), store.Claim.name(), class(store.Claim))
	}
	kind, source, err := sourceOf(store.Volume)
	if err != nil {
		return Adoption{}, err
	}
	var best, refused *Adoption
	anyBest := false
	for _, b := range c.candidates(store, kind, driver, source) {
		readings, err := c.readings(b, store, kind, source)
		if err != nil {
			return Adoption{}, err
		}
		for _, r := range readings {
			a := c.try(b, store, r, release, namespace)
			switch {
			case !anyDriver(b) && a.Refused != nil && refused == nil:
				refused = &a
			case !anyDriver(b) && a.Refused == nil && len(a.Lost()) > 0 && (refused == nil || refused.Refused != nil):
				refused = &a
			}
			if best == nil || better(a, *best) {
				best, anyBest = &a, anyDriver(b)
			}
		}
		if best != nil && best.Whole() {
			break
		}
	}
	if best != nil {
		best.Namespace, best.Kept = namespace, kept
	}
	if best == nil {
		// The chart says what to use instead of what Kubernetes still has and no backend is.
		_, err := c.Render(map[string]any{"backend": kind}, release, namespace)
		at := slices.IndexFunc(c.Backends, func(b catalog.Backend) bool { return b.Name == kind })
		switch {
		case at >= 0:
			err = fmt.Errorf("it is handed to the CSI driver %s, and a volume's source cannot be changed; make a volume of that driver, with backend %s", c.Backends[at].Capabilities.Driver, kind)
		case err != nil && strings.Contains(err.Error(), "E21"):
			err = errors.New(refusal(err))
		default:
			err = errors.New("no backend has such volumes")
		}
		return Adoption{}, refuse("PersistentVolume %s is one of type %s: %w", store.Volume.name(), kind, err)
	}
	if anyBest && refused != nil {
		best.Instead = refused.why()
	}
	return *best, nil
}

// why says in a line what is wrong with an adoption.
func (a Adoption) why() string {
	backend := fmt.Sprint(a.Values["backend"])
	if a.Refused != nil {
		return fmt.Sprintf("backend %s refuses it: %s", backend, refusal(a.Refused))
	}
	return fmt.Sprintf("backend %s would not render it: %s", backend, a.Lost()[0])
}

// better says that one adoption is to be preferred to another, which was tried before it.
func better(a, than Adoption) bool {
	if (a.Refused == nil) != (than.Refused == nil) {
		return a.Refused == nil
	}
	return a.Refused == nil && len(a.Lost()) < len(than.Lost())
}

// sourceOf returns the kind of a volume's source, and the source.
func sourceOf(volume Object) (string, map[string]any, error) {
	if volume == nil {
		return "", nil, nil
	}
	var kinds []string
	for key, value := range dig(volume, "spec") {
		if _, is := value.(map[string]any); is && key != "capacity" && key != "claimRef" && key != "nodeAffinity" {
			kinds = append(kinds, key)
		}
	}
	slices.Sort(kinds)
	if len(kinds) != 1 {
		return "", nil, refuse("PersistentVolume %s: it has to have one source, and has %d (%s)", volume.name(), len(kinds), strings.Join(kinds, ", "))
	}
	return kinds[0], dig(volume, "spec", kinds[0]), nil
}

// candidates are the backends that may be the store's, the storage's own before that of any driver.
func (c Chart) candidates(store Store, kind, driver string, source map[string]any) []catalog.Backend {
	if kind == "" && store.Class != nil {
		driver, _ = store.Class["provisioner"].(string)
	}
	var out, last []catalog.Backend
	for _, b := range c.Backends {
		switch {
		case anyDriver(b):
			if kind == "" || ofDriver(source) {
				last = append(last, b)
			}
		case kind != "" && !ofDriver(source):
			// A CSI backend may have the name of a type that Kubernetes had before.
			if b.Name == kind && strings.HasPrefix(b.Capabilities.Driver, "kubernetes.io/") {
				out = append(out, b)
			}
		case driver != "" && drives(b, driver):
			out = append(out, b)
		}
	}
	return append(out, last...)
}

// drives says that a backend's volumes may be those of a driver.
func drives(b catalog.Backend, driver string) bool {
	if b.Capabilities.Driver == driver {
		return true
	}
	property := b.Schema.Properties["driver"]
	if enum, is := property["enum"].([]any); is {
		return slices.Contains(enum, any(driver))
	}
	expression, _ := property["pattern"].(string)
	if expression == "" || !regexp.MustCompile(expression).MatchString(driver) {
		return false
	}
	// Where a driver may have any name, it mostly has the storage's in it.
	return !regexp.MustCompile(expression).MatchString("example.com") || strings.Contains(driver, strings.ToLower(b.Name))
}

// readings are what a backend makes of a store.
func (c Chart) readings(b catalog.Backend, store Store, kind string, source map[string]any) ([]reading, error) {
	switch {
	case kind != "":
		return ofSource(b, source)
	case store.Class != nil && !anyDriver(b):
		one, err := ofClass(b, store.Class)
		return []reading{one}, err
	case store.Class != nil:
		return []reading{{section: map[string]any{}, parameters: dig(store.Class, "parameters")}}, nil
	}
	return []reading{{section: map[string]any{}}}, nil
}

// try renders the store with a backend, and compares.
func (c Chart) try(b catalog.Backend, store Store, r reading, release, namespace string) Adoption {
	values := c.values(b, store, r)
	var a Adoption
	// Each turn may add one thing to the values.
	for range 3 {
		a = Adoption{Values: values, Assumed: a.Assumed}
		objects, err := c.Render(values, release, namespace)
		section := dig(values, b.Name)
		if err != nil && b.Schema.Properties[sharedMount] != nil && section[sharedMount] == nil && strings.Contains(err.Error(), b.Name+"."+sharedMount) {
			section[sharedMount] = true
			a.Assumed = fmt.Sprintf("%s.%s: true says that every node mounts the same storage at %v; where that is not so, each node has its own files", b.Name, sharedMount, section["path"])
			continue
		}
		affinity := dig(store.Volume, "spec", "nodeAffinity")
		if err != nil && affinity != nil && dig(values, "volume")["nodeAffinity"] == nil && strings.Contains(err.Error(), "volume.nodeAffinity") {
			dig(values, "volume")["nodeAffinity"] = affinity
			continue
		}
		if err != nil {
			a.Refused = err
			return a
		}
		for _, o := range []Object{store.Volume, store.Claim, store.Class} {
			if o == nil {
				continue
			}
			at := slices.IndexFunc(objects, func(r Object) bool { return r["kind"] == o["kind"] && r.name() == o.name() })
			if at < 0 {
				a.Differences = append(a.Differences, Difference{Object: fmt.Sprintf("%v %s", o["kind"], o.name()), Path: "metadata.name", Is: o.name()})
				continue
			}
			a.Differences = append(a.Differences, compare(o, objects[at])...)
		}
		// What follows from the section is written out where it does not come to the same.
		if !c.spell(values, store, a) {
			break
		}
	}
	a.Values = c.pruned(b, values)
	return a
}

// spell writes into the values what they do not render by themselves; false where there is nothing.
func (c Chart) spell(values map[string]any, store Store, a Adoption) bool {
	again := false
	set := func(section, key string, value any) {
		into := dig(values, section)
		if before, is := into[key]; is && reflect.DeepEqual(before, value) {
			return
		}
		into[key], again = value, true
	}
	for _, d := range a.Lost() {
		affinity := dig(store.Volume, "spec", "nodeAffinity")
		attribute, ofVolume := strings.CutPrefix(d.Path, "spec.csi.volumeAttributes.")
		parameter, ofClass := strings.CutPrefix(d.Path, "parameters.")
		switch {
		case strings.HasPrefix(d.Path, "spec.nodeAffinity") && affinity != nil:
			set("volume", "nodeAffinity", affinity)
		case d.Is == nil && ofVolume:
			set("volume", "attributes", with(dig(values, "volume", "attributes"), attribute))
		case d.Is == nil && ofClass && d.Rendered != nil:
			set("storageClass", "parameters", with(dig(values, "storageClass", "parameters"), parameter))
		}
	}
	return again
}

// with returns attributes or parameters in which one is null, which takes away what follows from the section.
func with(before map[string]any, key string) map[string]any {
	out := maps.Clone(before)
	if out == nil {
		out = map[string]any{}
	}
	out[strings.Trim(key, "[]")] = nil
	return out
}

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
		fill(volume, "reclaimPolicy", dig(store.Volume, "spec")["persistentVolumeReclaimPolicy"])
		fill(volume, "attributes", r.attributes)
		if r.handle != store.Volume.name() {
			fill(volume, "handle", r.handle)
		}
		capacity := size(dig(store.Volume, "spec", "capacity")["storage"])
		if !same(capacity, values["size"]) {
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
	} else if name := text(main, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class"); name != "" {
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

// size is a size as the chart takes it, of the same number of bytes.
func size(value any) any {
	if value == nil || sizes.MatchString(fmt.Sprint(value)) {
		return value
	}
	quantity, err := resource.ParseQuantity(fmt.Sprint(value))
	if err != nil {
		return value
	}
	for _, format := range []resource.Format{resource.BinarySI, resource.DecimalSI} {
		if text := resource.NewQuantity(quantity.Value(), format).String(); sizes.MatchString(text) {
			return text
		}
	}
	return value
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

// refusal is what the chart says to values that it refuses, in a line.
func refusal(err error) string {
	_, text, found := strings.Cut(err.Error(), "before/checks.yaml:")
	if !found {
		text = err.Error()
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 1 {
		// Before the first line end, both say only where they were.
		lines = lines[1:]
	}
	var out []string
	for _, line := range lines {
		if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- ")); line != "" && line != "checkpoint-storage:" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}

// sharedMount is the key by which a path on the nodes is said to be the same storage on all.
const sharedMount = "sharedMount"

// Refusal says why no values render a store.
type Refusal struct{ error }

func refuse(format string, words ...any) error { return Refusal{fmt.Errorf(format, words...)} }

// Refusal is what the chart says to the values, in a line; empty where it renders them.
func (a Adoption) Refusal() string {
	if a.Refused == nil {
		return ""
	}
	return refusal(a.Refused)
}
