package values

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// scalar is what a plain scalar means to Helm: YAML 1.1 as sigs.k8s.io/yaml resolves it, and then JSON.
type scalar struct {
	// value is nil, a bool, a float64 or a string.
	value any
	// whole is the integer as it was written, where the scalar is one: value holds it rounded to a float64.
	whole string
	// key is the scalar as a map's key; no key when it cannot be one.
	key   string
	noKey bool
	// refused says that JSON has no such value.
	refused bool
}

var (
	words = map[string]any{
		"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "true": true, "True": true, "TRUE": true,
		"on": true, "On": true, "ON": true,
		"n": false, "N": false, "no": false, "No": false, "NO": false, "false": false, "False": false, "FALSE": false,
		"off": false, "Off": false, "OFF": false,
		"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil,
		".nan": math.NaN(), ".NaN": math.NaN(), ".NAN": math.NaN(),
		".inf": math.Inf(1), ".Inf": math.Inf(1), ".INF": math.Inf(1),
		"+.inf": math.Inf(1), "+.Inf": math.Inf(1), "+.INF": math.Inf(1),
		"-.inf": math.Inf(-1), "-.Inf": math.Inf(-1), "-.INF": math.Inf(-1),
	}
	float = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// plain resolves a scalar that stands without quotes, without a tag and in no block.
func plain(text string) scalar {
	if len(text) > 0 && !hinted[text[0]] {
		return scalar{value: text, key: text}
	}
	if value, ok := words[text]; ok {
		switch value := value.(type) {
		case nil:
			return scalar{noKey: true}
		case bool:
			return scalar{value: value, key: strconv.FormatBool(value)}
		default:
			return scalar{refused: true, noKey: true}
		}
	}
	if number, ok := number(text); ok {
		return number
	}
	return scalar{value: text, key: text}
}

// hinted are the letters that anything but a string begins with.
var hinted = func() (table [256]bool) {
	for _, c := range []byte("+-0123456789.yYnNtTfFoO~") {
		table[c] = true
	}
	return table
}()

func number(text string) (scalar, bool) {
	// Most of what begins like a number is a size or an address; saying so early saves the errors of strconv.
	dots := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			dots++
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', strings.IndexByte("+-_xXoO", c) >= 0:
		default:
			return scalar{}, false
		}
	}
	if dots > 1 || text == "" || strings.IndexByte("yYnNtTfFoO~", text[0]) >= 0 {
		return scalar{}, false
	}
	if text[0] == '.' {
		value, err := strconv.ParseFloat(text, 64)
		return fractional(value), err == nil
	}
	digits := text
	if strings.IndexByte(text, '_') >= 0 {
		digits = strings.ReplaceAll(text, "_", "")
	}
	if dots == 0 {
		if value, err := strconv.ParseInt(digits, 0, 64); err == nil {
			return scalar{value: float64(value), whole: text, key: strconv.FormatInt(value, 10)}, true
		}
		if value, err := strconv.ParseUint(digits, 0, 64); err == nil {
			// Helm's YAML reader knows no name for so large a key.
			return scalar{value: float64(value), whole: text, noKey: true}, true
		}
	}
	if float.MatchString(digits) {
		if value, err := strconv.ParseFloat(digits, 64); err == nil {
			number := fractional(value)
			if !strings.ContainsAny(digits, ".eE") {
				number.whole = text
			}
			return number, true
		}
	}
	for prefix, sign := range map[string]string{"0b": "", "-0b": "-"} {
		if rest, ok := strings.CutPrefix(digits, prefix); ok {
			if value, err := strconv.ParseInt(sign+rest, 2, 64); err == nil {
				return scalar{value: float64(value), whole: text, key: strconv.FormatInt(value, 10)}, true
			}
		}
	}
	return scalar{}, false
}

// fractional is no key: Helm's reader has its own spelling for those.
func fractional(value float64) scalar { return scalar{value: value, noKey: true} }

// octal says that a whole number is written with a leading zero, by which YAML 1.1 reads it to the base of eight.
func octal(whole string) bool {
	digits := strings.TrimLeft(whole, "+-")
	return len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
}

// rounded says that a whole number cannot be held exactly.
func rounded(whole string, value float64) bool {
	if math.Abs(value) < 1<<53 {
		return false
	}
	digits := strings.ReplaceAll(whole, "_", "")
	if n, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return value >= 1<<63 || int64(value) != n
	}
	if n, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return value >= 1<<64 || uint64(value) != n
	}
	return true
}
