package install

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/cluster"

	"github.com/gruntwork-io/terratest/modules/k8s"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lifeFile is the table; lifeLock is held while it is read or written, as several tests have rows in it.
const lifeFile = "LIFECYCLE.md"

var lifeLock sync.Mutex

// lifeHead stands above the table. Its verbs are the versions of Kubernetes, of Helm 3 and of Helm 4.
const lifeHead = `# What happens to a store in its life

Each row was seen on Kubernetes %s, with Helm %s and Helm %s: a pod wrote a checkpoint before, and another pod read it
back after, to the byte. In each column one Helm did everything, the install too. Helm 4 upgrades what it installed
itself by server-side apply, which is refused in a conflict where somebody else has set the same field; what Helm 3
installed it upgrades as Helm 3 does, and the column of Helm 3 says how that ends. Written by
` + "`go test ./test/install -run TestLifecycle -update`" + `, and compared with what is seen by every run without the flag.

`

// lifeFoot stands below the table: what no row can say, because it takes another version or another storage.
const lifeFoot = `
## Where it comes to something else

Read in the source of Kubernetes and of Helm, and not seen on a cluster:

- **A claim that asks for less.** Before Kubernetes 1.32 the API server says "field can not be less than previous value"
  instead of "can not be less than status.capacity". From 1.32 on, a request that storage could not meet can be lowered
  again, as long as it stays above ` + "`status.capacity`" + `.
- **fsGroup.** kubelet leaves an ` + "`nfs`" + ` volume alone, as it does a ` + "`hostPath`" + ` one. It gives the group an ` + "`iscsi`" + ` volume, as it
  does a ` + "`local`" + ` one, and a CSI volume where the ` + "`fsGroupPolicy`" + ` of its driver says so.
- **An install or an upgrade that was cut off.** The repair that uninstalls nothing is a row of [DOCTOR.md](DOCTOR.md).
  ` + "`helm uninstall`" + ` instead leaves claim and volume with ` + "`keep: true`" + `; with ` + "`keep: false`" + ` it deletes both, and where the reclaim
  policy of the volume is Delete, the data as well.
`

// lifeHeadSeen returns lifeHead with the versions that the run has to do with, to the minor one: no patch changes what a
// row says.
func lifeHeadSeen(t *testing.T, c cluster.Cluster) string {
	t.Helper()
	client, err := k8s.GetKubernetesClientFromOptionsContextE(t, t.Context(), k8s.NewKubectlOptions("", c.Kubeconfig(), ""))
	require.NoError(t, err)
	server, err := client.Discovery().ServerVersion()
	require.NoError(t, err)
	versions := []any{minorVersion(server.GitVersion)}
	for _, generation := range generations {
		out, err := exec.CommandContext(t.Context(), generation.program, "version", "--template", "{{.Version}}").Output()
		require.NoError(t, err)
		versions = append(versions, minorVersion(string(out)))
	}
	return fmt.Sprintf(lifeHead, versions...)
}

// minorVersion returns 1.37 of v1.37.2.
func minorVersion(of string) string {
	return strings.Join(strings.SplitN(strings.TrimPrefix(of, "v"), ".", 3)[:2], ".")
}

// lifeTable is what one run has seen of its cases.
type lifeTable struct {
	cases []lifeCase
	head  string
	lock  sync.Mutex
	seen  map[string]map[string]lifeEnd
}

// lifeEnd is how a case ended with one Helm.
type lifeEnd struct{ ended, said, bytes string }

func newLifeTable(cases []lifeCase, head string) *lifeTable {
	return &lifeTable{cases: cases, head: head, seen: map[string]map[string]lifeEnd{}}
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
	text := s.head + lifeText(lines)
	if *update {
		require.NoError(t, os.WriteFile(lifeFile, []byte(text), 0o600))
		return
	}
	was, err := os.ReadFile(lifeFile)
	require.NoError(t, err)
	assert.Equal(t, text, string(was), "the flag -update writes what is around the rows")
}

// lifeText returns the table of the rows, and what stands below it.
func lifeText(lines map[string]string) string {
	text := "| what happens | Helm 3 | Helm 4 | what comes of it | bytes kept |\n|---|---|---|---|---|\n"
	for _, c := range everyLifeCase() {
		if line := lines[c.title]; line != "" {
			text += line + "\n"
		}
	}
	return text + lifeFoot
}

// everyLifeCase are the cases of all the tests that have rows, in the order of the table.
func everyLifeCase() []lifeCase { return slices.Concat(lifecycle, lifecycleDriver, lifecycleDisturbed) }

// TestLifecycleTableIsWhole holds that every case has a row, every row a case, and that both are in the same order.
func TestLifecycleTableIsWhole(t *testing.T) {
	lifeLock.Lock()
	defer lifeLock.Unlock()
	lines := readRows(t, lifeFile)
	text, err := os.ReadFile(lifeFile)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(text), lifeText(lines)), "%s is not what the flag -update writes", lifeFile)
	delete(lines, "what happens")
	for _, c := range everyLifeCase() {
		assert.NotEmpty(t, lines[c.title], "%s has no row for the case %q; the flag -update writes it", lifeFile, c.title)
		delete(lines, c.title)
	}
	assert.Empty(t, lines, "%s has rows that are no case", lifeFile)
}
