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
	// Binding is what to know of who has the volume: its provisioner, or a claim that is not given; empty where nothing.
	Binding string
	// HandedOver is how a volume of a type that Kubernetes had itself becomes a CSI driver's; empty where it is none.
	HandedOver string
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
	was, wasSource := kind, source
	if changed, to := handOver(store.Volume, kind, source, namespace); to != "" {
		store.Volume, driver = changed, to
		kind = inTree().Source
		source = dig(changed, "spec", kind)
	}
	if kind == inTree().Source && !ofDriver(source) {
		return Adoption{}, refuse("PersistentVolume %s: its CSI source has no volumeHandle, without which Kubernetes refuses it", store.Volume.name())
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
	if best != nil && was != kind {
		best.Differences = append(best.Differences, Difference{Object: "PersistentVolume " + store.Volume.name(), Path: "spec." + was, Is: wasSource, Rendered: "spec.csi"})
		best.HandedOver = fmt.Sprintf("Kubernetes hands volumes of type %s to the driver %s, and the values are those of a volume of that driver with the same storage; a source cannot be changed, so with these values delete PersistentVolume %s first, its reclaim policy being Retain", was, driver, store.Volume.name())
	}
	if best != nil {
		best.Namespace, best.Binding = namespace, kept
		if store.Claim == nil && store.Volume != nil && text(store.Volume, "spec", "claimRef", "name") == "" {
			best.Binding = fmt.Sprintf("no claim is given, and the chart reserves volume %s for the claim %s of namespace %s: another one will not be bound to it; set claim.name to the one that is to be", store.Volume.name(), release, namespace)
		}
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
	a := Adoption{Values: c.values(b, store, r)}
	// Each turn adds to the values what they turn out to lack, and nothing twice.
	for {
		objects, err := c.Render(a.Values, release, namespace)
		if err != nil {
			if c.answer(&a, b, store, err) {
				continue
			}
			a.Refused = err
			return a
		}
		a.Differences = nil
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
		if !c.spell(a.Values, store, a) {
			a.Values = c.pruned(b, a.Values)
			return a
		}
	}
}

// sharedMount is the key by which a path on the nodes is said to be the same storage on all.
const sharedMount = "sharedMount"

// answer adds to the values what a refusal asks for, where the objects or their being there say it; false where nothing does.
func (c Chart) answer(a *Adoption, b catalog.Backend, store Store, refused error) bool {
	section, volume := dig(a.Values, b.Name), dig(a.Values, "volume")
	affinity := dig(store.Volume, "spec", "nodeAffinity")
	switch said := refused.Error(); {
	case b.Schema.Properties[sharedMount] != nil && section[sharedMount] == nil && strings.Contains(said, b.Name+"."+sharedMount):
		section[sharedMount] = true
		a.Assumed = fmt.Sprintf("%s.%s: true says that every node mounts the same storage at %v; where that is not so, each node has its own files", b.Name, sharedMount, section["path"])
	case affinity != nil && volume["nodeAffinity"] == nil && strings.Contains(said, "volume.nodeAffinity"):
		volume["nodeAffinity"] = affinity
	case store.Claim == nil && store.Volume == nil:
		// A class by itself says nothing of its claims, which the chart judges too: they are then such as the storage has.
		return claimOf(a.Values, b, said)
	default:
		return false
	}
	return true
}

// askedSize is what the chart says to set where storage is made in certain sizes only.
var askedSize = regexp.MustCompile(`set size: ([0-9]+[A-Za-z]+)`)

// claimOf gives a class by itself the claim that its backend can have, after what the chart has said to another; false where
// there is no further one.
func claimOf(values map[string]any, b catalog.Backend, said string) bool {
	if found := askedSize.FindStringSubmatch(said); found != nil && values["size"] == nil {
		values["size"] = found[1]
		return true
	}
	var ways []map[string]any
	for _, volumeMode := range []string{"Filesystem", "Block"} {
		modes := slices.Clone(b.Capabilities.AccessModes[volumeMode])
		// What is only read is mounted so, which the class would say.
		slices.SortStableFunc(modes, func(x, y string) int { return strings.Compare(y[:5], x[:5]) })
		for _, mode := range modes {
			ways = append(ways, map[string]any{"volumeMode": volumeMode, "accessModes": []any{mode}})
		}
	}
	at := 0
	if values["volumeMode"] != nil {
		at = 1 + slices.IndexFunc(ways, func(way map[string]any) bool {
			return way["volumeMode"] == values["volumeMode"] && reflect.DeepEqual(way["accessModes"], values["accessModes"])
		})
	} else if !strings.Contains(said, "E06") && !strings.Contains(said, "accessModes") {
		return false
	}
	if at >= len(ways) {
		return false
	}
	maps.Copy(values, ways[at])
	return true
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
		case d.Path == "allowedTopologies" && d.Is == nil:
			set("storageClass", "allowedTopologies", []any{})
		case d.Path == "spec.csi.fsType":
			// Without one, the driver decides.
			set("volume", "fsType", cmp.Or(d.Is, any("")))
		case ofVolume:
			set("volume", "attributes", with(dig(values, "volume", "attributes"), attribute, d.Is))
		case ofClass && (d.Is != nil || d.Rendered != nil):
			set("storageClass", "parameters", with(dig(values, "storageClass", "parameters"), parameter, d.Is))
		}
	}
	return again
}

// with returns attributes or parameters with one as it is, which comes before what follows from the section; null takes that
// away.
func with(before map[string]any, key string, is any) map[string]any {
	out := maps.Clone(before)
	if out == nil {
		out = map[string]any{}
	}
	out[strings.Trim(key, "[]")] = is
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
