package rules

import (
	"fmt"
	"slices"
)

// readOnlyOption is a catalog.ReadOnlyOption with its condition compiled; nil where it always holds.
type readOnlyOption struct {
	option string
	when   *condition
}

// readOnly adds to the subject's names which values say that pods only read the store, what to write to have them write,
// and the option by which the volume is mounted read-only for every pod, which joins those mounted; the chart's
// templates/_read-only.tpl says the same.
func (j *judge) readOnly(s *subject, section, names map[string]any, mounted []any) []any {
	by, instead := j.onlyReads(section)
	names["readOnly"], names["writable"], names["readOnlyOption"] = by, instead, ""
	here := s.values["provisioning"] == "static" || s.values["provisioning"] == "dynamic" && j.section("storageClass")["create"] == true
	if len(by) == 0 || !here || s.values["volumeMode"] != "Filesystem" {
		return mounted
	}
	for _, o := range j.backend.readOnly {
		if o.when == nil || o.when.holds(s, each{}) {
			names["readOnlyOption"] = o.option
			option := readOptions([]any{o.option})
			return append(slices.DeleteFunc(slices.Clone(mounted), func(other any) bool { return slices.Contains(option, other) }), option...)
		}
	}
	return mounted
}

// onlyReads are the values that say that pods only read the store, and what to write to have them write.
func (j *judge) onlyReads(section map[string]any) (by, instead []any) {
	say := func(key string, value, other any) {
		by, instead = append(by, fmt.Sprintf("%s: %v", key, value)), append(instead, fmt.Sprintf("%s: %v", key, other))
	}
	if j.values["readOnly"] == true {
		say("readOnly", true, false)
	}
	if section["readOnly"] == true {
		say(j.backend.Name+".readOnly", true, false)
	}
	if modes := items(j.values["accessModes"]); len(modes) == 1 && modes[0] == "ReadOnlyMany" {
		able := j.modes()
		if len(able) == 0 {
			able = []string{"ReadWriteMany"}
		}
		say("accessModes", modes, able[:1])
	}
	return by, instead
}
