package repo

import (
	"os"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTopLevel holds that the top level has nothing beside what is agreed and dotfiles: what a tool leaves there is easily
// committed with the rest.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(charts.Root())
	require.NoError(t, err)
	agreed := []string{"LICENSE", "Makefile", "README.md", "charts", "ci", "ct.yaml", "go.mod", "go.sum", "test", "tools"}
	for _, entry := range entries {
		assert.True(t, strings.HasPrefix(entry.Name(), ".") || slices.Contains(agreed, entry.Name()), entry.Name())
	}
}
