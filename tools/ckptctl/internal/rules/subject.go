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
	values, section, facts, names map[string]any
	affinity                      any
	affinityKeys, affinityPins    []any
	// options are the user's mount options, nil where there is no list; mounted are all that the volume is mounted with.
	options, mounted []any
	args             map[string]any
}

// shardWord stands for a shard's number in the values.
const shardWord = "{shard}"

// at returns what stands at a path, or nil.
func (s *subject) at(steps []string) any {
	var value any = s.values
	switch steps[0] {
	case "section":
		value, steps = s.section, steps[1:]
	case "facts":
		value, steps = s.facts, steps[1:]
	case "names":
		value, steps = s.names, steps[1:]
	case "affinity":
		value, steps = s.affinity, steps[1:]
	case "affinityKeys":
		value, steps = s.affinityKeys, steps[1:]
	case "affinityPins":
		value, steps = s.affinityPins, steps[1:]
	case "options":
		if steps = steps[1:]; s.options == nil {
			return nil
		}
		value = s.options
	case "mounted":
		value, steps = s.mounted, steps[1:]
	}
	if len(s.args) > 0 && len(steps) > 0 {
		if arg, ok := s.args[steps[0]]; ok {
			return arg
		}
	}
	for _, step := range steps {
		section, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = section[step]
	}
	return value
}

// each lists the paths for which a case is judged; nil where it is judged once. Those of a list among the facts are its
// items.
func (s *subject) each(c *compiledCase) [][]string {
	if len(c.Each) == 0 || !slices.ContainsFunc(c.Each, func(path string) bool { return strings.HasPrefix(path, "facts.") }) {
		return c.each
	}
	var out [][]string
	for i, path := range c.Each {
		if !strings.HasPrefix(path, "facts.") {
			out = append(out, c.each[i])
			continue
		}
		for _, each := range items(s.at(c.each[i])) {
			out = append(out, strings.Split(fmt.Sprint(each), "."))
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
	} else if own := j.backend.Capabilities.MountOptions; j.values["volumeMode"] == "Filesystem" {
		list := own.Default
		if chosen, ok := own.For[fmt.Sprint(section[own.By])]; ok {
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

// empty is what Helm's templates call empty.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return value == ""
	case bool:
		return !value
	case []any:
		return len(value) == 0
	case []string:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	number, ok := toFloat(value)
	return ok && number == 0
}

// toFloat reads a number of any of the types that values have.
func toFloat(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case int64:
		return float64(value), true
	case int:
		return float64(value), true
	}
	return 0, false
}

func number(value any) int {
	number, _ := toFloat(value)
	return int(number)
}

// facts are what the templates know of a backend, as they know it: having been JSON.
func facts(b catalog.Backend) (map[string]any, error) {
	text, err := json.Marshal(b.Facts())
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	err = json.Unmarshal(text, &out)
	return out, err
}
