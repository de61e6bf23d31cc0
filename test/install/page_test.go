package install

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables of this folder from what the run saw")

// readRows returns the rows of a page's table by their first column, including the header.
func readRows(t *testing.T, page string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	text, err := os.ReadFile(page)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if title, _, found := strings.Cut(strings.TrimPrefix(line, "| "), " | "); found && strings.HasPrefix(line, "| ") {
			rows[title] = line
		}
	}
	return rows
}
