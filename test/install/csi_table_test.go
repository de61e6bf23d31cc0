package install

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const yes = "yes"

// csiRow is what has been seen of one case; what was not reached is empty.
type csiRow struct {
	c csiCase
	// asked says that the case was to run: go test's own -run may have left it out.
	asked                                bool
	bound, mounted, flags, written, read string
}

// csiTable has a row for every case from the start, so that none can go missing.
type csiTable struct {
	rows []*csiRow
}

func newCSITable(cases []csiCase) *csiTable {
	out := &csiTable{}
	for _, c := range cases {
		out.rows = append(out.rows, &csiRow{c: c})
	}
	return out
}

func (t *csiTable) row(c csiCase) *csiRow {
	for _, r := range t.rows {
		if r.c.backend.Name == c.backend.Name && r.c.name() == c.name() {
			return r
		}
	}
	return nil
}

// write puts the table where people find it, and fails when a row is not whole.
func (t *csiTable) write(test *testing.T) {
	lines := []string{
		"| backend | driver | provisioning | volume mode | access mode | bound | mounted | flags | written | read |",
		"|---|---|---|---|---|---|---|---|---|---|",
	}
	for _, r := range t.rows {
		cells := []string{r.bound, r.mounted, r.flags, r.written, r.read}
		for i, cell := range cells {
			switch {
			case !r.asked:
				cells[i] = "not run"
			case cell == "":
				cells[i] = "NO"
			}
		}
		provisioning := strings.TrimSpace(r.c.provisioning + " " + r.c.fixture)
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", r.c.backend.Name, r.c.driver(), provisioning,
			r.c.volumeMode, catalog.ShortMode(r.c.mode), strings.Join(cells, " | ")))
		if !test.Failed() {
			assert.NotContains(test, cells, "NO", "backend %s, %s", r.c.backend.Name, r.c.name())
		}
	}
	file := filepath.Join(charts.Root(), ".build", "csi-conformance.md")
	require.NoError(test, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	test.Logf("%s:\n%s", file, strings.Join(lines, "\n"))
}
