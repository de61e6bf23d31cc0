package schema

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// storage is a size as people write it for whom B is the unit of bytes.
var storage = regexp.MustCompile(`^([0-9.]+)[\s\x{a0}\x{202f}]*([kKMGTPE]|[kKmMgGtTpPeE][iI])[bB]?$`)

// sizeLike is the same size as the value, in the form that the chart takes; "" where the key is no size or the value is
// none. Kubernetes takes more forms, and rounds a part of a byte up.
func sizeLike(f failure) string {
	if isSize, _ := f.schema["size"].(bool); f.name || !isSize {
		return ""
	}
	written := strings.TrimSpace(fmt.Sprint(f.value))
	if number, ok := f.value.(float64); ok {
		written = fmt.Sprintf("%.0f", number)
	}
	if parts := storage.FindStringSubmatch(written); parts != nil {
		unit := parts[2]
		// The k of a thousand is small, that of 1024 is not; a small letter before an i is no other unit.
		if strings.EqualFold(unit, "k") {
			unit = "k"
		} else if len(unit) == 2 {
			unit = strings.ToUpper(unit[:1]) + "i"
		}
		written = parts[1] + unit
	}
	size, err := resource.ParseQuantity(written)
	// A number this small is the one of a bigger unit that is missing.
	if err != nil || size.Value() < 1<<20 {
		return ""
	}
	return Size(size.Value())
}

// Size writes bytes in the largest unit of which they are a whole number; rounded up to KiB where there is none.
func Size(bytes int64) string {
	const binary, decimal = "KMGTPE", "kMGTPE"
	best, suffix := bytes, ""
	for _, units := range []struct {
		step    int64
		names   string
		suffix2 string
	}{{1024, binary, "i"}, {1000, decimal, ""}} {
		rest := bytes
		for _, name := range units.names {
			if rest%units.step != 0 {
				break
			}
			if rest /= units.step; rest < best {
				best, suffix = rest, string(name)+units.suffix2
			}
		}
	}
	if suffix == "" {
		// No unit divides it: the next one up.
		return fmt.Sprintf("%dKi", (bytes+1023)/1024)
	}
	return fmt.Sprintf("%d%s", best, suffix)
}
