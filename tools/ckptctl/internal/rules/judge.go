package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	posix "path"
	"reflect"
	"regexp"
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
	// whole is the section of a store without shards, or of one whose shards only differ by their number.
	whole map[string]any
}

// sectionOf is the backend's section with its defaults and a shard's own keys.
func (j *judge) sectionOf(shard int) map[string]any {
	if shard >= 0 {
		return section(j.backend.Name, j.backend.defaults, j.values, shard)
	}
	if j.whole == nil {
		j.whole = section(j.backend.Name, j.backend.defaults, j.values, shard)
	}
	return j.whole
}

var single = []int{-1}

// each lists the shards that have to be judged by themselves: -1 is a store without, or one whose shards only differ by
// their number.
func (j *judge) each() []int {
	if overrides, _ := j.values["shardOverrides"].([]any); len(overrides) > 0 && number(j.values["shards"]) > 0 {
		shards := make([]int, number(j.values["shards"]))
		for i := range shards {
			shards[i] = i
		}
		return shards
	}
	return single
}

func (j *judge) subject(shard int) *subject {
	names := map[string]any{"claim": j.names.OwnClaim()}
	if size, ok := quantity(j.section("retention")["checkpointSize"]); ok {
		all := size * float64(number(j.section("retention")["keep"])+1)
		names["room"] = fmt.Sprintf("%.0fGi", math.Ceil(all/float64(max(1, number(j.values["shards"])))/(1<<30)))
	}
	names["dataSource"] = j.dataSource(shard)
	if portal, ok := j.sectionOf(shard)["targetPortal"].(string); ok && portal != "" {
		names["portal"] = j.names.Volume(number(j.values["shards"])-1) + ":" + portal
	}
	affinity := j.affinity(shard)
	options, mounted := j.mountOptions(j.sectionOf(shard))
	s := &subject{
		values: j.values, section: j.sectionOf(shard), facts: j.backend.facts, options: options, mounted: mounted,
		affinity: affinity, affinityKeys: affinityKeys(affinity, false), affinityPins: affinityKeys(affinity, true), names: names,
	}
	j.readOnly(s)
	return s
}

func (j *judge) section(name string) map[string]any {
	section, _ := j.values[name].(map[string]any)
	return section
}

// conditions judges the rules that are data: those of all backends in the order of their ids, then the backend's own.
func (j *judge) conditions() {
	for _, shard := range j.each() {
		s := j.subject(shard)
		for _, cases := range [][]*compiledCase{j.rules.cases, j.backend.cases} {
			for _, c := range cases {
				for _, each := range s.each(c) {
					if c.when.holds(s, each) {
						j.add(c, s, each)
					}
				}
			}
		}
	}
}

// add reports a case that the values break, once where several shards do.
func (j *judge) add(c *compiledCase, s *subject, each []string) {
	f, path := finding(c.Case, s, each), s.pathOf(strings.ReplaceAll(c.Path, eachWord, strings.Join(each, ".")))
	if key := path + "\n" + f.Message; !j.seen[key] {
		j.seen[key] = true
		var read []string
		for _, path := range c.when.paths() {
			if text := s.pathOf(strings.Join(along(path, each), ".")); !slices.Contains(read, text) {
				read = append(read, text)
			}
		}
		j.findings = append(j.findings, j.locate(f, path, read))
	}
}

// report reports a case that code has decided.
func (j *judge) report(rule, name, path string, args map[string]any) {
	j.findings = append(j.findings, j.locate(j.rules.finding(rule, name, &subject{values: j.values, args: args}), path, nil))
}

func (j *judge) required() {
	keys := j.backend.Schema.Required
	if j.values["provisioning"] != "static" {
		keys = nil
		if j.section("storageClass")["create"] == true {
			keys = j.backend.Schema.ClassRequired
		}
	}
	for _, shard := range j.each() {
		have := j.sectionOf(shard)
		for _, key := range keys {
			if value := have[key]; value == nil || value == "" {
				j.report("E17", "missing", j.backend.Name, map[string]any{
					"key": j.backend.Name + "." + key, "example": j.backend.ExampleOf(key),
				})
				return
			}
		}
	}
}

// backstep is a step of a path that leads back.
var backstep = regexp.MustCompile(`(^|/)[.][.](/|$)`)

// backsteps looks for paths that lead back out of themselves: Kubernetes and drivers refuse them, and they hide that two
// are one. It says whether there is none.
func (j *judge) backsteps() bool {
	before := len(j.findings)
	look := func(section map[string]any, path func(key string) string, prefix string) {
		for _, key := range slices.Sorted(maps.Keys(section)) {
			values := items(section[key])
			if values == nil {
				values = []any{section[key]}
			}
			for _, value := range values {
				text, ok := value.(string)
				if !ok || !backstep.MatchString(text) {
					continue
				}
				clean := posix.Clean("/" + text)
				if !strings.HasPrefix(text, "/") {
					clean = strings.TrimPrefix(clean, "/")
				}
				j.report("E23", "backsteps", path(key), map[string]any{"key": prefix + "." + key, "clean": clean})
			}
		}
	}
	look(j.section(j.backend.Name), func(key string) string { return j.backend.Name + "." + key }, j.backend.Name)
	for i, each := range items(j.values["shardOverrides"]) {
		each, _ := each.(map[string]any)
		source, _ := each["source"].(map[string]any)
		look(source, func(string) string { return "shardOverrides" }, fmt.Sprintf("shardOverrides[%d].source", i))
	}
	return len(j.findings) == before
}

// unnumbered looks for {shard} where there are no shards: Kubernetes refuses it in a name, and takes it in a path.
func (j *judge) unnumbered() {
	if number(j.values["shards"]) > 0 {
		return
	}
	given := map[string]any{"prepare": j.values["prepare"], "test": j.values["test"]}
	kind := j.values["provisioning"]
	if kind == "static" {
		given["volume.nodeAffinity"] = j.section("volume")["nodeAffinity"]
	}
	if kind == "dynamic" {
		given["claim.dataSourceRef"] = j.section("claim")["dataSourceRef"]
	}
	if kind == "static" || j.section("storageClass")["create"] == true {
		given[j.backend.Name] = j.values[j.backend.Name]
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if mentions(given[key], shardWord) {
			j.report("E17", "shardNumber", key, map[string]any{"key": key})
		}
	}
}

// mentions says whether a word stands in one of the texts, or the keys, of a value.
func mentions(value any, word string) bool {
	switch value := value.(type) {
	case string:
		return strings.Contains(value, word)
	case []any:
		return slices.ContainsFunc(value, func(each any) bool { return mentions(each, word) })
	case map[string]any:
		for key, each := range value {
			if strings.Contains(key, word) || mentions(each, word) {
				return true
			}
		}
	}
	return false
}

func (j *judge) accessModes() {
	volumeMode, _ := j.values["volumeMode"].(string)
	able := j.backend.Capabilities.AccessModes[volumeMode]
	for _, mode := range items(j.values["accessModes"]) {
		if len(able) == 0 || contains(able, fmt.Sprint(mode)) {
			continue
		}
		block := ""
		if contains(j.backend.Capabilities.AccessModes["Block"], fmt.Sprint(mode)) {
			block = ", or volumeMode: Block"
		}
		j.report("E06", "unsupported", "accessModes", map[string]any{
			"mode": mode, "modes": able, "first": able[0], "block": block,
		})
	}
}

// shards looks for two that would be one storage.
func (j *judge) shards() {
	overrides, _ := j.values["shardOverrides"].([]any)
	count := number(j.values["shards"])
	if len(overrides) > 0 && len(overrides) != count {
		// What a shard has too few or too many of is no more than this mistake.
		j.findings = slices.DeleteFunc(j.findings, func(f report.Finding) bool { return f.Severity != report.Error })
		j.report("E17", "shardOverrides", "shardOverrides", map[string]any{"count": len(overrides), "shards": count})
		return
	}
	if j.values["provisioning"] != "static" || count < 2 {
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

// identical says that a section is the default itself, which merged values share where nobody wrote anything.
func identical(section map[string]any, standard any) bool {
	return reflect.ValueOf(section).UnsafePointer() == reflect.ValueOf(standard).UnsafePointer()
}
