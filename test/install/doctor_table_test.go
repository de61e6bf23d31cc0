package install

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// doctorFile is the table; doctorLock is held while it is read or written, as several tests have rows in it.
const doctorFile = "DOCTOR.md"

var doctorLock sync.Mutex

const doctorHead = `# What ails a store, and what ckptctl doctor says

Each row was seen on a cluster: the store was broken, and ` + "`ckptctl doctor`" + ` gave this cause, and no other. Where the last
column has a word, it was mended as well: the claim was bound again, with a pod that read its bytes back where there were
any, or the pod that had waited ran. "yes": by ` + "`--fix`" + ` alone, and in another store by hand, which left the same objects,
which Helm then upgraded; "no": by the commands of the row, and by what they tell the administrator to do. Every command was
run as it stands; of CHART, VALUES, NAME and NODE a person has to say what they are. What no test machine has, a driver of the tests' own says in its place: the storage that
refuses, does not answer, or was exported anew. Written by ` + "`go test ./test/install -run TestDoctor -update`" + `, and compared with
what is seen by every run without the flag.

`

// doctorTable is what one run has seen.
type doctorTable struct {
	ailments []ailment
	lock     sync.Mutex
	rows     map[string]string
	// leaves is what a store was left as by the one who mended it first.
	leaves map[string]string
}

func newDoctorTable(of []ailment) *doctorTable {
	return &doctorTable{ailments: of, rows: map[string]string{}, leaves: map[string]string{}}
}

var (
	uid     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	version = regexp.MustCompile(`("/metadata/resourceVersion","value":"|--resource-version=)\d+`)
	// object is one that a command is given; the row says its kind.
	object    = regexp.MustCompile(`(?s)<<<'\n.*?\nkind: (\w+)\n.*\n'`)
	nodeCount = regexp.MustCompile(`0/\d+ nodes are available: .*`)
)

// saw notes a row, in which what differs from one run or cluster to the next has a name that does not.
func (s *doctorTable) saw(title string, w *ward, d diagnosis, fixed string) {
	workers := w.cluster.Workers()
	cluster := strings.TrimSuffix(workers[0], "worker")
	plain := func(text string) string {
		text = strings.NewReplacer(w.ns, "training", cluster, "", "|", `\|`).Replace(text)
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

// left holds that a store is left the same by whoever mends it.
func (s *doctorTable) left(t *testing.T, title, as string) {
	t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	if first, ok := s.leaves[title]; ok {
		assert.Equal(t, first, as, "by hand and by --fix the store is left as another")
	}
	s.leaves[title] = as
}

// compare holds the file against what was seen, or writes what was seen into it.
func (s *doctorTable) compare(t *testing.T) {
	doctorLock.Lock()
	defer doctorLock.Unlock()
	lines := readRows(t, doctorFile)
	for _, a := range s.ailments {
		row := s.rows[a.title]
		switch {
		case row == "":
			// A run that was told to leave one out, or that failed, has nothing to say of it.
		case *update:
			lines[a.title] = row
		default:
			assert.Equal(t, lines[a.title], row, "%s is not what the doctor says; the flag -update writes it", doctorFile)
		}
	}
	if *update {
		text := doctorHead + "| situation | what the doctor says | repair | repaired by --fix |\n|---|---|---|---|\n"
		for _, a := range everyAilment() {
			if line := lines[a.title]; line != "" {
				text += line + "\n"
			}
		}
		require.NoError(t, os.WriteFile(doctorFile, []byte(text), 0o600))
	}
}

// everyAilment are those of all the tests that have rows, in the order of the table.
func everyAilment() []ailment {
	var out []ailment
	out = append(out, ailments()...)
	out = append(out, ailmentsAlone...)
	return append(out, everyCSIAilment()...)
}

// TestDoctorTableIsWhole holds that every situation has a row, and every row a situation.
func TestDoctorTableIsWhole(t *testing.T) {
	doctorLock.Lock()
	defer doctorLock.Unlock()
	lines := readRows(t, doctorFile)
	delete(lines, "situation")
	names := map[string]bool{}
	for _, a := range everyAilment() {
		assert.NotEmpty(t, lines[a.title], "%s has no row for %q; the flag -update writes it", doctorFile, a.title)
		delete(lines, a.title)
		name := doctorName(a.title)
		assert.False(t, names[name], "two situations have namespace %s", name)
		names[name] = true
	}
	assert.Empty(t, lines, "%s has rows that are no situation", doctorFile)
	assert.GreaterOrEqual(t, len(names), 25)
}
