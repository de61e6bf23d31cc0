package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// quantity reads a Kubernetes quantity.
func quantity(value any) (float64, bool) {
	if empty(value) {
		return 0, false
	}
	if number, ok := value.(float64); ok {
		return number, true
	}
	q, err := resource.ParseQuantity(fmt.Sprint(value))
	return q.AsApproximateFloat64(), err == nil
}

// same compares as JSON does: numbers by their value, whatever their type.
var same comparison = func(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		b, ok := b.(string)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	}
	if reflect.DeepEqual(a, b) {
		return true
	}
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

// twice says that two items of a list give one key different values, as in KEY=VALUE.
func twice(list []any) bool {
	values := map[string]any{}
	for _, item := range list {
		key, _, found := strings.Cut(fmt.Sprint(item), "=")
		if other, there := values[key]; found && !strings.HasPrefix(key, "x-") && there && other != item {
			return true
		}
		values[key] = item
	}
	return false
}

func items(list any) []any {
	switch list := list.(type) {
	case []any:
		return list
	case []string:
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = item
		}
		return out
	}
	return nil
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
