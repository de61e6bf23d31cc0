package values

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Path leads to a value: keys, and items of lists as [0].
type Path []string

// String writes the path with dots, as Helm's --set takes it.
func (p Path) String() string {
	var out strings.Builder
	for i, step := range p {
		if i > 0 && !strings.HasPrefix(step, "[") {
			out.WriteByte('.')
		}
		out.WriteString(step)
	}
	return out.String()
}

// To is the path of what stands one step below; p stays as it is.
func (p Path) To(step string) Path { return slices.Concat(p, Path{step}) }

// ParsePath reads keys separated by dots.
func ParsePath(text string) Path {
	if text == "" {
		return nil
	}
	return strings.Split(text, ".")
}

func index(i int) string { return fmt.Sprintf("[%d]", i) }

// Other is where two values at a path, or one key below it, differ; nil where they do not.
func Other(was, is any, path Path) Path {
	before, after := lookup(was, path), lookup(is, path)
	if reflect.DeepEqual(before, after) {
		return nil
	}
	old, wasMap := before.(map[string]any)
	fresh, isMap := after.(map[string]any)
	if !wasMap || !isMap {
		return path
	}
	var below []string
	for key := range fresh {
		if !reflect.DeepEqual(old[key], fresh[key]) {
			below = append(below, key)
		}
	}
	for key := range old {
		if _, there := fresh[key]; !there {
			below = append(below, key)
		}
	}
	if len(below) != 1 {
		return path
	}
	return Other(was, is, path.To(below[0]))
}
