package main

import (
	"os"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryDriver checks that every CSI driver of a backend has judged it, or mounts in the tests, or that its folder says why
// not.
func TestEveryDriver(t *testing.T) {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	for _, b := range backends {
		// Provisioners that are no CSI drivers have names with a slash.
		driver := b.Capabilities.Driver
		if driver == "" || strings.Contains(driver, "/") || len(b.Mounted) > 0 {
			continue
		}
		assert.NotNil(t, b.Verdict, "no verdict of %s: go run ./test/judge -backend %s, or write unjudged: REASON into its %s", driver, b.Name, catalog.VerdictFile)
	}
}
