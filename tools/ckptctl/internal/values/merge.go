package values

import "maps"

// Helm is a generation of Helm: 3 or 4. They differ in what null does, and in values files of several documents.
type Helm int

// The generations.
const (
	Helm3 Helm = 3
	Helm4 Helm = 4
)

// overlay lays one file over another as Helm does: maps key by key, anything else as a whole. It changes neither, and
// shares what is the same.
func overlay(base, over map[string]any) map[string]any {
	if len(base) == 0 && over != nil {
		return over
	}
	out := maps.Clone(base)
	for key, value := range over {
		if section, ok := value.(map[string]any); ok {
			if below, ok := out[key].(map[string]any); ok {
				out[key] = overlay(below, section)
				continue
			}
		}
		out[key] = value
	}
	return out
}

// missing counts the keys of one map that another does not have: maps of just the right size are half of the work.
func missing(in, of map[string]any) int {
	n := 0
	for key := range of {
		if _, there := in[key]; !there {
			n++
		}
	}
	return n
}

// Defaults are a chart's own values, ready to have others laid over them.
type Defaults struct {
	values map[string]any
	file   *File
	helm   Helm
}

// bare are the defaults as Helm gives them to the templates when the user wrote nothing.
func (d *Defaults) bare() map[string]any {
	out := make(map[string]any, len(d.values))
	for key, value := range d.values {
		if d.helm == Helm3 || value != nil {
			out[key] = value
		}
	}
	return out
}

// lay puts some keys of what a user gave into the merged values, as the generation of Helm does for a chart without
// dependencies. It changes neither what was given nor the defaults, and shares what is the same.
func (d *Defaults) lay(merged, given, keys map[string]any) {
	for key := range keys {
		own := given[key]
		value, known := d.values[key]
		section, isMap := value.(map[string]any)
		ownSection, ownMap := own.(map[string]any)
		switch {
		case known && own == nil:
			// null takes back what is there by default.
			delete(merged, key)
		case isMap && ownMap:
			merged[key] = tables(ownSection, section)
		default:
			merged[key] = own
		}
	}
}

// tables lays one map over another; null takes back a default, and stays where there was none.
func tables(given, defaults map[string]any) map[string]any {
	// Most maps that a user gives lack nothing, or are empty by default: they are taken as they are.
	out, copied := given, false
	for key, value := range defaults {
		own, set := given[key]
		section, isMap := value.(map[string]any)
		ownSection, ownMap := own.(map[string]any)
		if set && (own != nil || value == nil) && (!isMap || !ownMap || len(section) == 0) {
			continue
		}
		if !copied {
			out, copied = make(map[string]any, len(given)+missing(given, defaults)), true
			maps.Copy(out, given)
		}
		switch {
		case !set:
			out[key] = value
		case own == nil:
			delete(out, key)
		default:
			out[key] = tables(ownSection, section)
		}
	}
	return out
}

// clean removes null from below the top level of a chart's defaults, as Helm 4 does.
func clean(defaults map[string]any) map[string]any {
	out := make(map[string]any, len(defaults))
	for key, value := range defaults {
		if section, ok := value.(map[string]any); ok {
			value = cleanAll(section)
		}
		out[key] = value
	}
	return out
}

func cleanAll(section map[string]any) map[string]any {
	out := make(map[string]any, len(section))
	for key, value := range section {
		if inner, ok := value.(map[string]any); ok {
			value = cleanAll(inner)
		}
		if value != nil {
			out[key] = value
		}
	}
	return out
}

// deepCopy copies maps and lists, for what has to be changed in place.
func deepCopy(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, each := range value {
			out[key] = deepCopy(each)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, each := range value {
			out[i] = deepCopy(each)
		}
		return out
	}
	return value
}
