package rules

import (
	"testing"

	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
)

// TestPatternsOfRows checks that a row whose pattern is none is an error of the chart, and no rule that never holds.
func TestPatternsOfRows(t *testing.T) {
	load := func(pattern any) error {
		_, err := New(map[string]catalog.Rule{"E33": {Cases: map[string]catalog.Case{"foreign": {
			Each: []any{map[string]any{"options": pattern}},
			When: catalog.Condition{"any": []any{map[string]any{"options": map[string]any{"matches": "{$.options}"}}}},
		}}}}, nil, Source{})
		return err
	}
	assert.NoError(t, load("^hard$"))
	assert.ErrorContains(t, load("^(hard$"), "options of a row is no pattern")
	assert.ErrorContains(t, load(nil), "options of a row is no pattern")
}
