package values

import (
	"fmt"
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
