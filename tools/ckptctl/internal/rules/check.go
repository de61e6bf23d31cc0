package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"checkpoint-storage/tools/catalog"
)

// Finding is a rule that the values break.
type Finding struct {
	Rule, Severity, Path, Message, Fix string
	// Because are the paths that the rule judged: where to look when nobody wrote Path itself.
	Because []string
}

// Book is the chart's rules, backends and savers.
type Book struct {
	Rules    map[string]catalog.Rule
	Backends []catalog.Backend
	Savers   catalog.Savers
	// Retired are names that look like backends and have an answer of their own.
	Retired map[string]catalog.Retired
	// Defaults are the chart's own values.
	Defaults map[string]any
}

// judge collects what is wrong with one set of values.
type judge struct {
	Book
	values   map[string]any
	backend  catalog.Backend
	release  string
	findings []Finding
}

// Check returns what is wrong with values that fit the schema. release is the release's name, for the names that the
// chart derives from it.
func (b Book) Check(values map[string]any, release string) ([]Finding, error) {
	j := &judge{Book: b, values: values, release: release}
	j.removed("", b.Defaults, values)
	name, _ := values["backend"].(string)
	i := slices.IndexFunc(b.Backends, func(each catalog.Backend) bool { return each.Name == name })
	if old, ok := b.Retired[name]; ok && len(j.findings) == 0 {
		j.report("E21", "retired", "backend", map[string]any{"why": old.Why, "use": old.Use, "how": old.How})
	}
	// Without its defaults, or without a backend, there is nothing to judge the rest on.
	if len(j.findings) > 0 || i < 0 {
		return j.findings, nil
	}
	j.backend = b.Backends[i]
	if err := j.conditions(); err != nil {
		return nil, err
	}
	if values["provisioning"] != "existing" {
		j.required()
		j.accessModes()
		j.shards()
		j.metadata()
	}
	err := j.savers()
	return j.findings, err
}

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
	return []int{-1}
}

func (j *judge) subject(shard int) subject {
	claim := j.release
	if full, _ := j.values["fullnameOverride"].(string); full != "" {
		claim = full
	}
	if own, _ := j.section("claim")["name"].(string); own != "" {
		claim = own
	}
	affinity := affinity(j.backend, j.values, shard)
	return subject{
		values: j.values, section: section(j.backend, j.values, shard), facts: facts(j.backend),
		affinity: affinity, affinityKeys: affinityKeys(affinity), names: map[string]any{"claim": claim},
	}
}

func (j *judge) section(name string) map[string]any {
	section, _ := j.values[name].(map[string]any)
	return section
}

// conditions judges the rules that are data: those of all backends in the order of their ids, then the backend's own.
func (j *judge) conditions() error {
	var cases []catalog.Case
	for _, id := range sorted(j.Rules) {
		for _, name := range sorted(j.Rules[id].Cases) {
			c := j.Rules[id].Cases[name]
			c.Rule = id
			cases = append(cases, c)
		}
	}
	seen := map[string]bool{}
	for _, shard := range j.each() {
		s := j.subject(shard)
		for _, c := range append(cases, j.backend.Rules...) {
			if c.When == nil {
				continue
			}
			for _, path := range s.paths(c) {
				ok, err := holds(*c.When, s, path)
				if err != nil {
					return err
				}
				if f := finding(c, s, path); ok && !seen[f.Path+f.Message] {
					seen[f.Path+f.Message] = true
					j.findings = append(j.findings, f)
				}
			}
		}
	}
	return nil
}

func finding(c catalog.Case, s subject, each string) Finding {
	f := Finding{Rule: c.Rule, Severity: c.Severity, Path: c.Path, Message: fill(c.Message, s, each), Fix: fill(c.Fix, s, each)}
	if f.Severity == "" {
		f.Severity = "error"
	}
	if c.When != nil {
		f.Because = paths(*c.When)
	}
	if f.Path == "$" {
		f.Path = each
	}
	return f
}

// paths lists what a condition looks at.
func paths(c catalog.Condition) []string {
	var out []string
	for _, one := range slices.Concat(c.All, c.Any) {
		out = append(out, paths(one)...)
	}
	if c.Not != nil {
		out = append(out, paths(*c.Not)...)
	}
	if c.Path != "" {
		out = append(out, c.Path)
	}
	return out
}

// report reports a case that code has decided.
func (j *judge) report(rule, name, path string, args map[string]any) {
	c := j.Rules[rule].Cases[name]
	c.Rule, c.Path = rule, path
	j.findings = append(j.findings, finding(c, subject{values: j.values, args: args}, ""))
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
		have := section(j.backend, j.values, shard)
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
		j.report("E17", "shardOverrides", "shardOverrides", map[string]any{"count": len(overrides), "shards": count})
		return
	}
	if j.values["provisioning"] != "static" || count == 0 {
		return
	}
	seen := map[string]int{}
	for _, shard := range j.each() {
		identity := map[string]any{}
		have := section(j.backend, j.values, shard)
		for _, key := range j.backend.Schema.Identity {
			if have[key] != nil {
				identity[key] = have[key]
			}
		}
		// Without any, the storage is named after the volume, and volumes have names of their own.
		if len(identity) == 0 {
			continue
		}
		// One disk path on two nodes is two disks: the node is part of a volume's identity.
		text, err := json.Marshal([]any{identity, affinity(j.backend, j.values, shard)})
		if err != nil {
			continue
		}
		if shard < 0 {
			if count > 1 && !strings.Contains(string(text), shardWord) {
				j.same(0, 1)
			}
			return
		}
		if first, ok := seen[string(text)]; ok {
			j.same(first, shard)
			return
		}
		seen[string(text)] = shard
	}
}

func (j *judge) same(first, second int) {
	j.report("E08", "sameSource", j.backend.Name, map[string]any{"firstShard": first, "secondShard": second})
}

// metadata looks for annotations that would make storage a hook.
func (j *judge) metadata() {
	for _, place := range []struct {
		path string
		keys any
	}{
		{"claim.annotations", j.section("claim")["annotations"]},
		{"commonAnnotations", j.values["commonAnnotations"]},
		{"volume.annotations", j.section("volume")["annotations"]},
	} {
		annotations, _ := place.keys.(map[string]any)
		for _, key := range sorted(annotations) {
			if strings.HasPrefix(key, "helm.sh/hook") || key == "helm.sh/resource-policy" {
				j.report("E14", "annotation", place.path, map[string]any{"key": key})
			}
		}
	}
}

// removed looks for null where the chart has a default: Helm deletes such a key.
func (j *judge) removed(path string, want, have map[string]any) {
	for _, key := range sorted(want) {
		here := path + key
		if have[key] == nil {
			text, _ := json.Marshal(want[key])
			j.report("E19", "removed", here, map[string]any{"key": here, "default": string(text)})
			continue
		}
		inner, ok := want[key].(map[string]any)
		value, isMap := have[key].(map[string]any)
		if ok && isMap && len(inner) > 0 {
			j.removed(here+".", inner, value)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
