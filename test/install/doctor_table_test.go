package install

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/test/internal/csi"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// doctorFile is the table; doctorLock guards the file, because several tests have rows in it.
const doctorFile = "DOCTOR.md"

var doctorLock sync.Mutex

const doctorHead = `# Diagnoses of ckptctl doctor

Each row was seen on a cluster: the store was broken in this way, and ` + "`ckptctl doctor`" + ` reported this cause and no other. If
the last column has a word, the store was repaired as well: the claim was bound again and a pod read its bytes back, where
there were any, or the blocked pod ran. "yes": by ` + "`--fix`" + ` alone, and in another store by hand with the same result, which
Helm then upgraded; "no": by the commands of the row, and by what they ask the administrator to do. Every command was run as
printed, with CHART, VALUES, NAME, SIZE and NODE filled in. Storage that no test machine has is simulated by the tests' own CSI
driver: storage that refuses, does not answer, or was re-exported. Written by ` + "`go test ./test/install -run TestDoctor -update`" + `,
and compared by every run without the flag.

`

// doctorTable holds the rows of a run.
type doctorTable struct {
	scenarios []scenario
	lock      sync.Mutex
	rows      map[string]string
	// leaves are the objects of each store after its first repair.
	leaves map[string]string
}

func newDoctorTable(of []scenario) *doctorTable {
	return &doctorTable{scenarios: of, rows: map[string]string{}, leaves: map[string]string{}}
}

// proveOn proves every scenario in a subtest, on the volumes of a driver, by hand.
func (s *doctorTable) proveOn(t *testing.T, c cluster.Cluster, driver *csi.Installation) {
	for _, a := range s.scenarios {
		t.Run(a.title, func(t *testing.T) {
			t.Parallel()
			b := newBrokenStore(t, c, a, byHand)
			b.driver = driver
			a.prove(b, byHand, s)
		})
	}
}

var (
	uid     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	version = regexp.MustCompile(`("/metadata/resourceVersion","value":"|--resource-version=)\d+`)
	// object matches an object given to a command; the row shows only its kind.
	object    = regexp.MustCompile(`(?s)<<<'\n.*?\nkind: (\w+)\n.*\n'`)
	nodeCount = regexp.MustCompile(`0/\d+ nodes are available: .*`)
)

// saw records a row, with placeholders for what differs between runs and clusters.
func (s *doctorTable) saw(title string, b *brokenStore, d diagnosis, fixed string) {
	workers := b.cluster.Workers()
	cluster := strings.TrimSuffix(workers[0], "worker")
	plain := func(text string) string {
		text = strings.NewReplacer(b.ns, "training", cluster, "", "|", `\|`).Replace(text)
		text = nodeCount.ReplaceAllString(text, "0/N nodes are available: …")
		text = object.ReplaceAllString(version.ReplaceAllString(text, "${1}VERSION"), "<<<'kind: $1 …'")
		return uid.ReplaceAllString(text, "UID")
	}
	var repair []string
	for _, line := range d.Repair {
		line = plain(line)
		if !strings.HasPrefix(line, "#") {
			line = "`" + line + "`"
		} else {
			line = strings.TrimPrefix(line, "# ")
		}
		repair = append(repair, line)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.rows[title] = "| " + strings.Join([]string{title, "**" + d.ID + "** " + plain(d.Cause), strings.Join(repair, "<br>"), fixed}, " | ") + " |"
}

// left checks that both repairs leave the same objects.
func (s *doctorTable) left(t *testing.T, title, as string) {
	t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	if first, ok := s.leaves[title]; ok {
		assert.Equal(t, first, as, "by hand and by --fix the store is left as another")
	}
	s.leaves[title] = as
}

// compare compares the file with the recorded rows, or updates it.
func (s *doctorTable) compare(t *testing.T) {
	doctorLock.Lock()
	defer doctorLock.Unlock()
	lines := readRows(t, doctorFile)
	for _, a := range s.scenarios {
		row := s.rows[a.title]
		switch {
		case row == "":
			// A scenario that was skipped or failed has no row.
		case *update:
			lines[a.title] = row
		default:
			assert.Equal(t, lines[a.title], row, "%s is not what the doctor says; the flag -update writes it", doctorFile)
		}
	}
	if *update {
		text := doctorHead + "| situation | diagnosis | repair | repaired by --fix |\n|---|---|---|---|\n"
		for _, a := range allScenarios() {
			if line := lines[a.title]; line != "" {
				text += line + "\n"
			}
		}
		require.NoError(t, os.WriteFile(doctorFile, []byte(text), 0o600))
	}
}

// allScenarios returns the scenarios of all tests in the order of the table.
func allScenarios() []scenario {
	var out []scenario
	out = append(out, scenarios()...)
	out = append(out, aloneScenarios...)
	out = append(out, csiScenarios()...)
	return append(out, growthScenarios...)
}

// TestDoctorTableIsWhole checks that every scenario has a row, and every row a scenario.
func TestDoctorTableIsWhole(t *testing.T) {
	doctorLock.Lock()
	defer doctorLock.Unlock()
	lines := readRows(t, doctorFile)
	delete(lines, "situation")
	names := map[string]bool{}
	for _, a := range allScenarios() {
		assert.NotEmpty(t, lines[a.title], "%s has no row for %q; the flag -update writes it", doctorFile, a.title)
		delete(lines, a.title)
		name := doctorName(a.title)
		assert.False(t, names[name], "two situations have namespace %s", name)
		names[name] = true
	}
	assert.Empty(t, lines, "%s has rows that are no situation", doctorFile)
	assert.GreaterOrEqual(t, len(names), 25)
}
