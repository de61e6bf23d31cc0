package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/identity"
	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"
)

// judge collects what is wrong with one set of values.
type judge struct {
	rules    *RuleSet
	values   map[string]any
	backend  *backend
	names    names.Names
	findings []report.Finding
	locate   Locate
	// seen are the paths and messages of findings that shards may share.
	seen map[string]bool
	// class says that the chart makes a class, of whatever use.
	class bool
	// vague says that a case was broken after which storages are not compared: see catalog.Case.
	vague bool
	// whole is the section of a store without shards, or of one whose shards only differ by their number.
	whole map[string]any
}

// sectionOf is the backend's section with its defaults and a shard's own keys.
func (j *judge) sectionOf(shard int) map[string]any {
	if shard >= 0 {
		return section(j.backend.Name, j.backend.Defaults, j.values, shard)
	}
	if j.whole == nil {
		j.whole = section(j.backend.Name, j.backend.Defaults, j.values, shard)
	}
	return j.whole
}

var single = []int{-1}

// each lists the shards that have to be judged by themselves: -1 is a store without, or one whose shards only differ by
// their number.
func (j *judge) each() []int {
	// Those beyond the overrides, or the overrides beyond them, are a mistake of their own.
	if count := min(number(j.values["shards"]), len(items(j.values["shardOverrides"]))); count > 0 {
		shards := make([]int, count)
		for i := range shards {
			shards[i] = i
		}
		return shards
	}
	return single
}

func (j *judge) subject(shard int) *subject {
	section := j.sectionOf(shard)
	options, mounted := j.mountOptions(section)
	names := map[string]any{"class": j.class, "claim": j.names.OwnClaim(), "overrides": len(items(j.values["shardOverrides"]))}
	names["mountType"] = cmp.Or(j.backend.MountTypeFor[fmt.Sprint(section[j.backend.MountOptionsBy])], j.backend.MountType)
	if modes := j.modes(); len(modes) > 0 {
		names["modes"] = modes
	}
	if size, ok := quantity(j.section("retention")["checkpointSize"]); ok {
		all := size * float64(number(j.section("retention")["keep"])+1)
		names["room"] = fmt.Sprintf("%.0fGi", math.Ceil(all/float64(max(1, number(j.values["shards"])))/(1<<30)))
	}
	names["onWindows"] = j.onWindows()
	names["dataSource"], names["classRequired"] = j.dataSource(shard), j.classRequired()
	if portal, ok := section["targetPortal"].(string); ok && portal != "" {
		names["portal"] = j.names.Volume(number(j.values["shards"])-1) + ":" + portal
	}
	affinity := j.affinity(shard)
	s := &subject{values: j.values, roots: map[string]any{
		"section": section, "facts": j.backend.facts, "names": names, "options": nil, "annotations": j.annotations(), "texts": j.texts(shard), "attributes": j.attributes(shard),
		"affinity": affinity, "affinityKeys": affinityKeys(affinity, false), "affinityPins": affinityKeys(affinity, true),
	}}
	if options != nil {
		s.roots["options"] = options
	}
	mounted = j.readOnly(s, section, names, mounted)
	s.roots["mounted"], names["twice"] = mounted, twice(mounted)
	return s
}

// classRequired are the keys that a class needs, but for those that a parameter of the values' own stands for.
func (j *judge) classRequired() []any {
	parameters, _ := j.section("storageClass")["parameters"].(map[string]any)
	out := []any{}
	for _, key := range j.backend.ClassRequired {
		if !j.backend.Mapping.Given(key, parameters) {
			out = append(out, key)
		}
	}
	return out
}

// onlyMakers hides from the rules the class of a static volume, which makes no volumes, and the size of a class by itself,
// which makes volumes of any size that claims ask for.
func (j *judge) onlyMakers() {
	if j.values["provisioning"] == "dynamic" && j.section("claim")["create"] == false {
		j.values = maps.Clone(j.values)
		delete(j.values, "size")
	}
	class := j.section("storageClass")
	if j.class = class["create"] == true; j.class && j.values["provisioning"] == "static" {
		j.values, class = maps.Clone(j.values), maps.Clone(class)
		class["create"] = false
		j.values["storageClass"] = class
	}
}

// modes are the access modes that the backend serves with the store's volumeMode.
func (j *judge) modes() []string {
	return j.backend.AccessModes[fmt.Sprint(j.values["volumeMode"])]
}

func (j *judge) section(name string) map[string]any {
	section, _ := j.values[name].(map[string]any)
	return section
}

// cases judges the rules that are data.
func (j *judge) cases(cases []*compiledCase, s *subject) {
	for _, c := range cases {
		for _, one := range s.each(c.Case) {
			if c.when.holds(s, one) {
				j.add(c, s, one)
			}
		}
	}
}

// add reports a case that the values break, once where several shards do.
func (j *judge) add(c *compiledCase, s *subject, one each) {
	f, path := finding(c.Case, s, one), s.pathOf(one.along(strings.Split(fill(c.Path, s, one), ".")))
	j.vague = j.vague || c.Vague
	if key := path + "\n" + f.Message; !j.seen[key] {
		j.seen[key] = true
		var read []string
		for _, path := range c.when.paths() {
			// A row is none of the values.
			if one.row != nil && path[0] == eachWord {
				continue
			}
			if text := s.pathOf(one.along(path)); !slices.Contains(read, text) {
				read = append(read, text)
			}
		}
		j.findings = append(j.findings, j.locate(f, path, read))
	}
}

// report reports a case that code has decided.
func (j *judge) report(rule, name, path string, args map[string]any) {
	j.findings = append(j.findings, j.locate(j.rules.finding(rule, name, &subject{values: j.values, roots: args}), path, nil))
}

// shards looks for two that would be one storage.
func (j *judge) shards() {
	if j.values["provisioning"] != "static" || number(j.values["shards"]) < 2 {
		return
	}
	var seen []identity.Storage
	nested := false
	for shard, each := range j.each() {
		storage, ok := j.storage(each)
		// Without any, the storage is named after the volume, and volumes have names of their own.
		if !ok {
			return
		}
		if each < 0 {
			if !storage.Numbered() {
				j.same(0, 1)
			}
			return
		}
		for first, other := range seen {
			switch relation := storage.To(other); {
			case relation == identity.Apart:
			case relation == identity.Same && storage.Nodes.Equal(other.Nodes):
				j.same(first, shard)
				return
			case !nested:
				nested = true
				j.report("W15", "shards", "shardOverrides", map[string]any{"firstShard": first, "secondShard": shard})
			}
		}
		seen = append(seen, storage)
	}
}

func (j *judge) same(first, second int) {
	j.report("E08", "sameSource", j.backend.Name, map[string]any{"firstShard": first, "secondShard": second})
}

// removed looks for null where the chart has a default: Helm deletes such a key.
func (j *judge) removed(path string, want []defaultKey, have map[string]any) {
	for _, each := range want {
		value := have[each.key]
		if value == nil {
			text, _ := json.Marshal(each.value)
			j.report("E19", "removed", path+each.key, map[string]any{"key": path + each.key, "default": string(text)})
			continue
		}
		if below, ok := value.(map[string]any); ok && len(each.below) > 0 && !identical(below, each.value) {
			j.removed(path+each.key+".", each.below, below)
		}
	}
}

// identical says that a section is the default itself, which merged values share where the user wrote nothing.
func identical(section map[string]any, byDefault any) bool {
	return reflect.ValueOf(section).UnsafePointer() == reflect.ValueOf(byDefault).UnsafePointer()
}
