package install

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lifeFile is the table; lifeLock is held while it is read or written, as several tests have rows in it.
const lifeFile = "LIFECYCLE.md"

var lifeLock sync.Mutex

const lifeHead = `# What happens to a store in its life

Each row was seen on a cluster, with the Helms named: a pod wrote a checkpoint before, and another pod read it back
after, to the byte. Written by ` + "`go test ./test/install -run TestLifecycle -update`" + `, and compared with what is seen by every
run without the flag.

`

// lifeTable is what one run has seen of its cases.
type lifeTable struct {
	cases []lifeCase
	lock  sync.Mutex
	seen  map[string]map[string]lifeEnd
}

// lifeEnd is how a case ended with one Helm.
type lifeEnd struct{ ended, said, bytes string }

func newLifeTable(cases []lifeCase) *lifeTable {
	return &lifeTable{cases: cases, seen: map[string]map[string]lifeEnd{}}
}

func (s *lifeTable) note(c lifeCase, generation, ended string, l *life) {
	end := lifeEnd{ended: ended, said: strings.Join(l.said, "; "), bytes: l.bytes}
	if end.bytes == "" {
		end.bytes = "none written"
		if len(l.saved) > 0 {
			end.bytes = "yes"
		}
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.seen[c.title] == nil {
		s.seen[c.title] = map[string]lifeEnd{}
	}
	s.seen[c.title][generation] = end
}

// row is a case's line; "" where it did not run to its end with every Helm that it is for.
func (s *lifeTable) row(c lifeCase) string {
	first, second := s.seen[c.title][generations[0].name], s.seen[c.title][generations[1].name]
	if c.one != "" {
		second = lifeEnd{ended: c.one, said: first.said, bytes: first.bytes}
	}
	if first.ended == "" || second.ended == "" {
		return ""
	}
	said, bytes := first.said, first.bytes
	if second.said != first.said {
		said = fmt.Sprintf("%s: %s<br>%s: %s", generations[0].name, first.said, generations[1].name, second.said)
	}
	if second.bytes != first.bytes {
		bytes += ", " + second.bytes
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", c.title, first.ended, second.ended, said, bytes)
}

// compare holds the file against what was seen, or writes what was seen into it.
func (s *lifeTable) compare(t *testing.T) {
	lifeLock.Lock()
	defer lifeLock.Unlock()
	lines := readRows(t, lifeFile)
	for _, c := range s.cases {
		row := s.row(c)
		switch {
		case row == "":
			// A run that was told to leave a case out, or whose case failed, has nothing to say of it.
		case *update:
			lines[c.title] = row
		default:
			assert.Equal(t, lines[c.title], row, "%s is not what happens; the flag -update writes it", lifeFile)
		}
	}
	if *update {
		writeLifeTable(t, lines)
	}
}

func writeLifeTable(t *testing.T, lines map[string]string) {
	t.Helper()
	text := lifeHead + "| what happens | Helm 3 | Helm 4 | what comes of it | bytes kept |\n|---|---|---|---|---|\n"
	for _, c := range everyLifeCase() {
		if line := lines[c.title]; line != "" {
			text += line + "\n"
		}
	}
	require.NoError(t, os.WriteFile(lifeFile, []byte(text), 0o600))
}

// everyLifeCase are the cases of all the tests that have rows, in the order of the table.
func everyLifeCase() []lifeCase { return slices.Concat(lifecycle, lifecycleDriver, lifecycleDisturbed) }

// TestLifecycleTableIsWhole holds that every case has a row, and every row a case.
func TestLifecycleTableIsWhole(t *testing.T) {
	lifeLock.Lock()
	defer lifeLock.Unlock()
	lines := readRows(t, lifeFile)
	delete(lines, "what happens")
	for _, c := range everyLifeCase() {
		assert.NotEmpty(t, lines[c.title], "%s has no row for the case %q; the flag -update writes it", lifeFile, c.title)
		delete(lines, c.title)
	}
	assert.Empty(t, lines, "%s has rows that are no case", lifeFile)
}
