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

// lifecycleFile is the table; lifecycleLock guards the file, because several tests have rows in it.
const lifecycleFile = "LIFECYCLE.md"

var lifecycleLock sync.Mutex

// lifecycleHead is the text above the table. Its verbs are the versions of Kubernetes, Helm 3 and Helm 4.
const lifecycleHead = `# Lifecycle of a store

Each row was seen on Kubernetes %s, with Helm %s and Helm %s: a pod wrote a checkpoint before, and another pod read it
back after, to the byte. In each column one Helm did everything, including the install. Helm 4 upgrades its own releases by
server-side apply, which ends in a conflict if another field manager has set the same field; it upgrades a release of Helm 3
as Helm 3 does, so the column of Helm 3 applies. Written by
` + "`go test ./test/install -run TestLifecycle -update`" + `, and compared by every run without the flag.

`

// lifecycleFoot is the text below the table: what needs another version or other storage.
const lifecycleFoot = `
## Other versions and storage

From the source of Kubernetes and Helm, not tested on a cluster:

- **A smaller request.** Before Kubernetes 1.32 the API server says "field can not be less than previous value"
  instead of "can not be less than status.capacity". From 1.32 on, a request that storage could not meet can be lowered
  again, as long as it stays above ` + "`status.capacity`" + `.
- **fsGroup.** The kubelet ignores it for an ` + "`nfs`" + ` volume, as for a ` + "`hostPath`" + ` one. It applies it to an ` + "`iscsi`" + ` volume, as to
  a ` + "`local`" + ` one, and to a CSI volume if the ` + "`fsGroupPolicy`" + ` of its driver allows it.
- **An interrupted install or upgrade.** The repair that uninstalls nothing is a row of [DOCTOR.md](DOCTOR.md).
  ` + "`helm uninstall`" + ` instead keeps claim and volume with ` + "`keep: true`" + `; with ` + "`keep: false`" + ` it deletes both, and where the reclaim
  policy of the volume is Delete, the data as well.
`

// lifecycleHeadSeen returns lifecycleHead with the versions of the run, without patch numbers.
func lifecycleHeadSeen(t *testing.T, c cluster.Cluster) string {
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
	return fmt.Sprintf(lifecycleHead, versions...)
}

// minorVersion returns 1.37 of v1.37.2.
func minorVersion(of string) string {
	return strings.Join(strings.SplitN(strings.TrimPrefix(of, "v"), ".", 3)[:2], ".")
}

// lifecycleTable holds the results of a run.
type lifecycleTable struct {
	cases []lifecycleCase
	head  string
	lock  sync.Mutex
	seen  map[string]map[string]lifecycleEnd
}

// lifecycleEnd is the result of a case with one Helm.
type lifecycleEnd struct{ ended, said, bytes string }

func newLifecycleTable(cases []lifecycleCase, head string) *lifecycleTable {
	return &lifecycleTable{cases: cases, head: head, seen: map[string]map[string]lifecycleEnd{}}
}

func (s *lifecycleTable) note(c lifecycleCase, generation, ended string, l *lifecycleStore) {
	end := lifecycleEnd{ended: ended, said: strings.Join(l.said, "; "), bytes: l.bytes}
	if end.bytes == "" {
		end.bytes = "none written"
		if len(l.saved) > 0 {
			end.bytes = "yes"
		}
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.seen[c.title] == nil {
		s.seen[c.title] = map[string]lifecycleEnd{}
	}
	s.seen[c.title][generation] = end
}

// row returns the line of a case; "" if it has not passed with every Helm that it is for.
func (s *lifecycleTable) row(c lifecycleCase) string {
	first, second := s.seen[c.title][generations[0].name], s.seen[c.title][generations[1].name]
	if c.one != "" {
		second = lifecycleEnd{ended: c.one, said: first.said, bytes: first.bytes}
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

// compare compares the file with the results, or updates it.
func (s *lifecycleTable) compare(t *testing.T) {
	lifecycleLock.Lock()
	defer lifecycleLock.Unlock()
	lines := readRows(t, lifecycleFile)
	for _, c := range s.cases {
		row := s.row(c)
		switch {
		case row == "":
			// A case that was skipped or failed has no row.
		case *update:
			lines[c.title] = row
		default:
			assert.Equal(t, lines[c.title], row, "%s is not what happens; the flag -update writes it", lifecycleFile)
		}
	}
	text := s.head + lifecycleText(lines)
	if *update {
		require.NoError(t, os.WriteFile(lifecycleFile, []byte(text), 0o600))
		return
	}
	was, err := os.ReadFile(lifecycleFile)
	require.NoError(t, err)
	assert.Equal(t, text, string(was), "the flag -update writes what is around the rows")
}

// lifecycleText returns the table with the text below it.
func lifecycleText(lines map[string]string) string {
	text := "| event | Helm 3 | Helm 4 | result | bytes kept |\n|---|---|---|---|---|\n"
	for _, c := range allLifecycleCases() {
		if line := lines[c.title]; line != "" {
			text += line + "\n"
		}
	}
	return text + lifecycleFoot
}

// allLifecycleCases returns the cases of all tests in the order of the table.
func allLifecycleCases() []lifecycleCase {
	return slices.Concat(lifecycle, lifecycleDriver, lifecycleDisturbed)
}

// TestLifecycleTableIsWhole checks that every case has a row and every row a case, in the same order.
func TestLifecycleTableIsWhole(t *testing.T) {
	lifecycleLock.Lock()
	defer lifecycleLock.Unlock()
	lines := readRows(t, lifecycleFile)
	text, err := os.ReadFile(lifecycleFile)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(text), lifecycleText(lines)), "%s is not what the flag -update writes", lifecycleFile)
	delete(lines, "event")
	for _, c := range allLifecycleCases() {
		assert.NotEmpty(t, lines[c.title], "%s has no row for the case %q; the flag -update writes it", lifecycleFile, c.title)
		delete(lines, c.title)
	}
	assert.Empty(t, lines, "%s has rows that are no case", lifecycleFile)
}
