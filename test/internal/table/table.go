// Package table keeps what a test run has to show beside its verdict: `go test` says nothing of a test that passed.
package table

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/require"
)

// Dir is the folder of the tables; the Makefile prints what is in it when the tests have ended.
func Dir() string { return filepath.Join(charts.Root(), ".build", "tables") }

// Write writes a table with a title, for people to read.
func Write(t *testing.T, name, title string, header []string, rows [][]string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n\n", title)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	require.NoError(t, w.Flush())
	require.NoError(t, os.MkdirAll(Dir(), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(Dir(), name+".txt"), []byte(out.String()), 0o600))
	t.Log(out.String())
}
