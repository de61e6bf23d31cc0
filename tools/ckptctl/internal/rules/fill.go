package rules

import (
	"encoding/json"
	"fmt"
	posix "path"
	"regexp"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/plain"
)

var (
	placeholder = regexp.MustCompile(`\{[$A-Za-z.]+(\|[a-z]+)?\}`)
	portSuffix  = regexp.MustCompile(`:[0-9]*$`)
)

// fill puts what stands at a path in the place of {path}; what leads nowhere stays as it is. It makes one line, whatever the
// values are.
func fill(text string, s *subject, one each) string {
	return plain.Line(placeholder.ReplaceAllStringFunc(text, func(found string) string {
		path, part, _ := strings.Cut(strings.Trim(found, "{}"), "|")
		value := s.word(strings.Split(path, "."), one)
		if value == nil {
			return found
		}
		return partOf(value, part)
	}))
}

// partOf is what a text shows of a value.
func partOf(value any, part string) string {
	var parts []string
	for _, item := range items(value) {
		parts = append(parts, fmt.Sprint(item))
	}
	shown := strings.Join(parts, ", ")
	if items(value) == nil {
		shown = fmt.Sprint(value)
	}
	switch part {
	case "first":
		return parts[0]
	case "json":
		text, _ := json.Marshal(value)
		return string(text)
	case "clean":
		if strings.HasPrefix(shown, "/") {
			return posix.Clean(shown)
		}
		return strings.TrimPrefix(posix.Clean("/"+shown), "/")
	case "host":
		return portSuffix.ReplaceAllString(shown, "")
	case "port":
		return strings.TrimPrefix(portSuffix.FindString(shown), ":")
	}
	return shown
}
