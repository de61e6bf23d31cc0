package adopt

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"checkpoint-storage/tools/catalog"
)

// reading is what a backend makes of a source or of a class: its section, and what the section has no key for.
type reading struct {
	section map[string]any
	// handle, attributes and parameters are written beside the section.
	handle                 string
	attributes, parameters map[string]any
}

// ofSource reads a PersistentVolume's source into a section, once for each form that its handle may have.
func ofSource(b catalog.Backend, source map[string]any) ([]reading, error) {
	if !ofDriver(source) {
		// The sections of Kubernetes' own volumes have its fields.
		section := map[string]any{}
		// What is left out of the source is not what is left out of the section, where the chart has a better default.
		for key, property := range b.Schema.Properties {
			if enum, is := property["enum"].([]any); is && source[key] == nil && slices.Contains(enum, any("")) {
				section[key] = ""
			}
		}
		for key, value := range source {
			if b.Schema.Properties[key] != nil {
				section[key] = value
			}
		}
		return []reading{{section: section}}, nil
	}
	first := reading{section: map[string]any{}, attributes: map[string]any{}}
	given, _ := source["volumeAttributes"].(map[string]any)
	if b.Schema.Properties["volumeAttributes"] != nil {
		if given != nil {
			first.section["volumeAttributes"] = given
		}
		given = nil
	}
	if err := first.invert(b, b.Facts().Mapping.Attributes, given, first.attributes); err != nil {
		return nil, err
	}
	if value, is := source["readOnly"]; is && b.Schema.Properties["readOnly"] != nil {
		first.section["readOnly"] = value
	}
	if fsType, is := source["fsType"].(string); is {
		if err := first.fsType(b, fsType); err != nil {
			return nil, err
		}
	}
	if driver, _ := source["driver"].(string); b.Schema.Properties["driver"] != nil && driver != "" {
		first.section["driver"] = driver
	}
	for key, uses := range b.Facts().Mapping.Secrets {
		for _, use := range uses.([]any) {
			if ref, is := source[fmt.Sprintf("%vSecretRef", use)].(map[string]any); is {
				first.section[key] = ref
			}
		}
	}
	handle, _ := source["volumeHandle"].(string)
	forms := b.Schema.Forms["handle"]
	if len(forms) == 0 {
		first.handle = handle
		return []reading{first}, nil
	}
	var out []reading
	for _, form := range forms {
		values, fits, err := form.Read(handle, pattern(b))
		if err != nil {
			return nil, err
		}
		if !fits {
			continue
		}
		each := first
		each.section = maps.Clone(first.section)
		if each.take(b, values) {
			out = append(out, each)
		}
	}
	return out, nil
}

// ofClass reads a StorageClass's parameters into a section.
func ofClass(b catalog.Backend, class Object) (reading, error) {
	out := reading{section: map[string]any{}, parameters: map[string]any{}}
	given := maps.Clone(dig(class, "parameters"))
	const prefix = "csi.storage.k8s.io/"
	if fsType, is := given[prefix+"fstype"].(string); is && b.Schema.Properties["fsType"] != nil && b.Facts().Mapping.Parameters["fsType"] == nil {
		if err := out.fsType(b, fsType); err != nil {
			return out, err
		}
		// Where no key says it, it stays a parameter.
		if len(out.section) > 0 {
			delete(given, prefix+"fstype")
		}
	}
	for key, uses := range b.Facts().Mapping.Secrets {
		for _, use := range uses.([]any) {
			at := prefix + catalog.Kebab(fmt.Sprint(use)) + "-secret-"
			name, _ := given[at+"name"].(string)
			namespace, _ := given[at+"namespace"].(string)
			// What the provisioner fills in for each claim is no name of a secret, and stays a parameter.
			if name == "" || namespace == "" || strings.Contains(name+namespace, "$") {
				continue
			}
			// The first stands for all of the key's uses; what another one has besides, or has not, is said by its parameters.
			ref := map[string]any{"name": name, "namespace": namespace}
			if out.section[key] == nil {
				out.section[key] = ref
			}
			if reflect.DeepEqual(out.section[key], ref) {
				delete(given, at+"name")
				delete(given, at+"namespace")
			}
		}
	}
	if b.Schema.Properties["driver"] != nil {
		out.section["driver"] = class["provisioner"]
	}
	for key, property := range b.Schema.Properties {
		if absent, is := property[catalog.AbsentKey]; is && given[fmt.Sprint(b.Facts().Mapping.Parameters[key])] == nil {
			out.section[key] = absent
		}
	}
	return out, out.invert(b, b.Facts().Mapping.Parameters, given, out.parameters)
}

// invert sets the keys of the section that become the given attributes or parameters, and puts the others into rest.
func (r *reading) invert(b catalog.Backend, mapped map[string]any, given, rest map[string]any) error {
	keys, lower := map[string]string{}, map[string]string{}
	for key, name := range mapped {
		keys[fmt.Sprint(name)], lower[strings.ToLower(fmt.Sprint(name))] = key, key
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		written := fmt.Sprint(given[name])
		// Some drivers do not look at how letters are written; what is not written as usual is then said besides.
		if key := cmp.Or(keys[name], lower[strings.ToLower(name)]); key != "" && (keys[name] != "" || r.section[key] == nil) {
			if value, fits := typed(b, key, written); fits {
				r.section[key] = value
				continue
			}
		}
		taken := false
		for _, form := range b.Schema.Forms[name] {
			values, fits, err := form.Read(written, pattern(b))
			if err != nil {
				return err
			}
			if taken = fits && r.take(b, values); taken {
				break
			}
		}
		if !taken {
			rest[name] = written
		}
	}
	return nil
}

// fsType sets what the file system of a volume says: a key, or another that a hook makes it from.
func (r *reading) fsType(b catalog.Backend, name string) error {
	for _, form := range b.Schema.Forms["fsType"] {
		values, fits, err := form.Read(name, pattern(b))
		if err != nil {
			return err
		}
		if fits && r.take(b, values) {
			return nil
		}
	}
	if b.Schema.Properties["fsType"] != nil {
		if value, fits := typed(b, "fsType", name); fits {
			r.section["fsType"] = value
		}
	}
	return nil
}

// take sets keys of the section to what a form has read; false where a key cannot have the value, or has another.
func (r *reading) take(b catalog.Backend, values map[string]string) bool {
	for key, written := range values {
		value, fits := typed(b, key, written)
		if !fits {
			return false
		}
		if before, is := r.section[key]; is && fmt.Sprint(before) != fmt.Sprint(value) {
			return false
		}
		r.section[key] = value
	}
	return true
}

// pattern is what the text of a key of the section looks like, as a regular expression without anchors.
func pattern(b catalog.Backend) func(key string) string {
	return func(key string) string {
		property := b.Schema.Properties[key]
		if enum, is := property["enum"].([]any); is {
			var out []string
			for _, each := range enum {
				out = append(out, regexp.QuoteMeta(fmt.Sprint(each)))
			}
			return strings.Join(out, "|")
		}
		if written, is := property["pattern"].(string); is && property["type"] == "string" {
			// A pattern that is open at an end takes any text there.
			open := func(closed bool) string { return map[bool]string{true: "", false: ".*?"}[closed] }
			return open(strings.HasPrefix(written, "^")) + "(?:" + unanchored(written) + ")" + open(strings.HasSuffix(written, "$"))
		}
		if property["type"] == "integer" {
			return "[0-9]+"
		}
		return ".*?"
	}
}

// unanchored is a regular expression without ^ and $, to be put into a larger one.
func unanchored(expression string) string {
	var out strings.Builder
	class := false
	for i := 0; i < len(expression); i++ {
		c := expression[i]
		switch {
		case c == '\\':
			out.WriteByte(c)
			i++
			c = expression[i]
		case c == '[' && !class:
			class = true
			out.WriteByte(c)
			if i+1 < len(expression) && expression[i+1] == '^' {
				i++
				out.WriteByte('^')
			}
			// A bracket that comes first is one of the class.
			if i+1 < len(expression) && expression[i+1] == ']' {
				i++
				out.WriteByte(']')
			}
			continue
		case c == ']':
			class = false
		case !class && (c == '^' || c == '$'):
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// within says that a text keeps to the limits of a key, as far as they are numbers.
func within(property map[string]any, written string) bool {
	limit := func(name string) (float64, bool) {
		number, is := property[name].(float64)
		return number, is
	}
	if least, is := limit("minLength"); is && float64(utf8.RuneCountInString(written)) < least {
		return false
	}
	if most, is := limit("maxLength"); is && float64(utf8.RuneCountInString(written)) > most {
		return false
	}
	number, err := strconv.ParseFloat(written, 64)
	if err != nil {
		return true
	}
	least, isLeast := limit("minimum")
	most, isMost := limit("maximum")
	return !(isLeast && number < least || isMost && number > most)
}

// typed is a text as the value of a key; false where the key has no such value.
func typed(b catalog.Backend, key, written string) (any, bool) {
	property := b.Schema.Properties[key]
	kinds, _ := property["type"].([]any)
	if _, elsewhere := property["$ref"]; elsewhere {
		return written, true
	}
	if kind, is := property["type"].(string); is {
		kinds = []any{kind}
	}
	if enum, is := property["enum"].([]any); is {
		for _, each := range enum {
			if fmt.Sprint(each) == written {
				return each, true
			}
		}
		return nil, false
	}
	if !within(property, written) {
		return nil, false
	}
	for _, kind := range kinds {
		switch kind {
		case "boolean":
			if written == "true" || written == "false" {
				return written == "true", true
			}
		case "integer":
			if number, err := strconv.ParseInt(written, 10, 64); err == nil && strconv.FormatInt(number, 10) == written {
				return number, true
			}
		case "number":
			if number, err := strconv.ParseFloat(written, 64); err == nil && fmt.Sprint(number) == written {
				return number, true
			}
		case "array":
			var list []any
			if err := json.Unmarshal([]byte(written), &list); err == nil {
				return list, true
			}
			for _, each := range strings.Split(written, ",") {
				list = append(list, each)
			}
			return list, written != ""
		case "object":
			var object map[string]any
			if err := json.Unmarshal([]byte(written), &object); err == nil {
				return object, true
			}
		case "string":
			if expression, is := property["pattern"].(string); !is || regexp.MustCompile(expression).MatchString(written) {
				return written, true
			}
		}
	}
	return nil, false
}
