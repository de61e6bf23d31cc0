package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
)

// subject is what the rules of one shard, or of a store without shards, are judged on. The chart's template
// checkpoint-storage.rules.subject holds the same.
type subject struct {
	values map[string]any
	// roots are what a path can begin with besides a key of the values.
	roots map[string]any
}

// shardWord stands for a shard's number in the values.
const shardWord = "{shard}"

// each is what $ stands for in a case: a path or a word, or one of several maps.
type each struct {
	steps []string
	row   map[string]any
}

// eachWord stands for it.
const eachWord = "$"

// along is a path with the one that $ stands for in its place.
func (e each) along(path []string) []string {
	at := slices.Index(path, eachWord)
	if at < 0 {
		return path
	}
	return slices.Concat(path[:at], e.steps, path[at+1:])
}

// at returns what stands at a path, or nil.
func (s *subject) at(path []string, one each) any {
	var value any = s.values
	if one.row != nil && path[0] == eachWord {
		value, path = one.row, path[1:]
	} else if path = one.along(path); s.roots != nil {
		if root, ok := s.roots[path[0]]; ok {
			value, path = root, path[1:]
		}
	}
	for _, step := range path {
		section, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = section[step]
	}
	return value
}

// word returns what {path} stands for: what is there, or the path or word itself for which a case is judged.
func (s *subject) word(path []string, one each) any {
	if path[0] == eachWord && len(path) == 1 {
		return strings.Join(one.steps, ".")
	}
	return s.at(path, one)
}

// each lists what a case is judged for: once where it lists nothing.
func (s *subject) each(c catalog.Case) []each {
	if len(c.Each) == 0 {
		return []each{{}}
	}
	var out []each
	for _, listed := range c.Each {
		list := []any{listed}
		text, _ := listed.(string)
		if path, ok := reference(text); ok {
			there := s.at(strings.Split(path, "."), each{})
			list = items(there)
			if section, ok := there.(map[string]any); ok {
				for _, key := range slices.Sorted(maps.Keys(section)) {
					list = append(list, key)
				}
			}
		}
		for _, item := range list {
			if row, ok := item.(map[string]any); ok {
				out = append(out, each{row: row})
				continue
			}
			out = append(out, each{steps: strings.Split(fmt.Sprint(item), ".")})
		}
	}
	return out
}

// section is the backend's section with its defaults and a shard's own keys; null takes a key back.
func section(name string, defaults, values map[string]any, shard int) map[string]any {
	given, _ := values[name].(map[string]any)
	out := make(map[string]any, len(defaults)+len(given))
	maps.Copy(out, defaults)
	for key, value := range given {
		if value != nil {
			out[key] = value
		}
	}
	if override := override(values, shard); override != nil {
		source, _ := override["source"].(map[string]any)
		maps.Copy(out, source)
	}
	return numbered(out, shard).(map[string]any)
}

// affinity is the volume's node affinity, or a shard's own; without one, what follows from where the section says that
// the storage is.
func (j *judge) affinity(shard int) any {
	volume, _ := j.values["volume"].(map[string]any)
	out := volume["nodeAffinity"]
	if override := override(j.values, shard); override != nil && !empty(override["nodeAffinity"]) {
		out = override["nodeAffinity"]
	}
	if empty(out) && len(j.backend.topology) > 0 {
		have := j.sectionOf(shard)
		var expressions []any
		for _, key := range slices.Sorted(maps.Keys(j.backend.topology)) {
			if empty(have[key]) {
				continue
			}
			if byValue, ok := j.backend.topology[key].(map[string]any); ok {
				labels, _ := byValue[fmt.Sprint(have[key])].(map[string]any)
				for _, label := range slices.Sorted(maps.Keys(labels)) {
					expressions = append(expressions, map[string]any{"key": label, "operator": "In", "values": []any{labels[label]}})
				}
				continue
			}
			in := items(have[key])
			if in == nil {
				in = []any{have[key]}
			}
			expressions = append(expressions, map[string]any{"key": j.backend.topology[key], "operator": "In", "values": in})
		}
		if len(expressions) > 0 {
			out = map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{map[string]any{"matchExpressions": expressions}}}}
		}
	}
	return numbered(out, shard)
}

// mountOptions are the user's, nil where there is no list, and all that the volume is mounted with: the user's or the
// backend's own, and those that keys of the section stand for.
func (j *judge) mountOptions(section map[string]any) (options, mounted []any) {
	if list, ok := j.values["mountOptions"].([]any); ok {
		options = readOptions(list)
		mounted = options
	} else if j.values["volumeMode"] == "Filesystem" {
		list := j.backend.MountOptions
		if chosen, ok := j.backend.MountOptionsFor[fmt.Sprint(section[j.backend.MountOptionsBy])]; ok {
			list = chosen
		}
		mounted = readOptions(items(list))
	}
	for _, key := range slices.Sorted(maps.Keys(j.backend.options)) {
		option := fmt.Sprint(j.backend.options[key])
		switch value := section[key].(type) {
		case bool:
			if !value {
				continue
			}
		case nil:
			continue
		default:
			if value == "" {
				continue
			}
			text := fmt.Sprint(value)
			if number, ok := toFloat(value); ok && number == math.Floor(number) {
				text = fmt.Sprint(int64(number))
			}
			option = strings.ReplaceAll(option, "{}", text)
		}
		mounted = append(slices.Clip(mounted), readOptions([]any{option})...)
	}
	return options, mounted
}

var (
	oneOption = regexp.MustCompile(`([^,"]|"[^"]*"|")+`)
	dashes    = regexp.MustCompile(`^(--+|-o\s*|-)`)
)

// readOptions reads mount options one by one as mount -o has them: what stands in one item with commas between is several,
// and dashes are the command line's. The chart's template checkpoint-storage.mountOptions.read does the same.
func readOptions(list []any) []any {
	out, seen := []any{}, map[string]bool{}
	for _, item := range list {
		for _, found := range oneOption.FindAllString(fmt.Sprint(item), -1) {
			option := dashes.ReplaceAllString(strings.TrimSpace(found), "")
			if option != "" && !seen[option] {
				seen[option] = true
				out = append(out, option)
			}
		}
	}
	return out
}

// alike are the labels that Kubernetes gives to many nodes alike.
var alike = regexp.MustCompile(`^((topology|failure-domain[.]beta|beta|node-role)[.]kubernetes[.]io/|node[.]kubernetes[.]io/instance-type$|kubernetes[.]io/(os|arch)$)`)

// affinityKeys are the node labels of which each term of an affinity names values; with pins, those of which all terms
// name one value, the same, and that are not alike. One of the terms has to hold, and one that is empty never does.
func affinityKeys(affinity any, pins bool) []any {
	required, _ := affinity.(map[string]any)
	required, _ = required["required"].(map[string]any)
	var common map[string]any
	for _, term := range items(required["nodeSelectorTerms"]) {
		term, _ := term.(map[string]any)
		requirements := slices.Concat(items(term["matchExpressions"]), items(term["matchFields"]))
		if len(requirements) == 0 {
			continue
		}
		keys := map[string]any{}
		for _, requirement := range requirements {
			requirement, _ := requirement.(map[string]any)
			key, _ := requirement["key"].(string)
			var value any
			if values := items(requirement["values"]); pins && len(values) == 1 && !alike.MatchString(key) {
				value = values[0]
			}
			known, named := common[key]
			if requirement["operator"] == "In" && (!pins || value != nil) && (common == nil || named && known == value) {
				keys[key] = value
			}
		}
		common = keys
	}
	out := []any{}
	for _, key := range slices.Sorted(maps.Keys(common)) {
		out = append(out, key)
	}
	return out
}

func override(values map[string]any, shard int) map[string]any {
	list, _ := values["shardOverrides"].([]any)
	if shard < 0 || shard >= len(list) {
		return nil
	}
	out, _ := list[shard].(map[string]any)
	return out
}

// numbered puts a shard's number in place of its word.
func numbered(value any, shard int) any {
	if shard < 0 {
		return value
	}
	text, err := json.Marshal(value)
	if err != nil {
		return value
	}
	var out any
	if json.Unmarshal([]byte(strings.ReplaceAll(string(text), shardWord, fmt.Sprint(shard))), &out) != nil {
		return value
	}
	return out
}

// facts are what the templates know of a backend, as they know it: having been JSON.
func facts(known catalog.Facts) (map[string]any, error) {
	text, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	err = json.Unmarshal(text, &out)
	return out, err
}
