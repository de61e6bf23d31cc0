package install

import (
	"fmt"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/table"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
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

// write shows the table of as many of all cases, and fails when a row is not whole.
func (t *csiTable) write(test *testing.T, all int) {
	var rows [][]string
	for _, r := range t.rows {
		cells := []string{r.bound, r.mounted, r.written, r.read, r.flags}
		for i, cell := range cells {
			switch {
			case !r.asked:
				cells[i] = "not run"
			case cell == "":
				cells[i] = "NO"
			}
		}
		rows = append(rows, append([]string{
			r.c.backend.Name, r.c.driver(), strings.TrimSpace(r.c.provisioning + " " + r.c.fixture), r.c.volumeMode, catalog.ShortMode(r.c.mode),
		}, cells...))
		if !test.Failed() {
			assert.NotContains(test, cells, "NO", "backend %s, %s", r.c.backend.Name, r.c.name())
		}
	}
	title := fmt.Sprintf("Every backend of a CSI driver, mounted by a kubelet through the tests' own driver (%d of %d cases; -every-case proves all)", len(t.rows), all)
	table.Write(test, "csi-conformance", title,
		[]string{"backend", "driver", "provisioning", "volume mode", "access mode", "bound", "mounted", "written", "read", "flags"}, rows)
}
