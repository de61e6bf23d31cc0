package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// adoptCase is a store that is there before the release; see adopt.yaml.
type adoptCase struct{ Title, Claim, Manifest string }

// TestAdopt has `ckptctl adopt` find the values of stores that are there already, and types what it prints: the release takes
// over the same claim with the same bytes, an upgrade goes through, and the release gives them up again.
func TestAdopt(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	text, err := os.ReadFile("adopt.yaml")
	require.NoError(t, err)
	var cases []adoptCase
	require.NoError(t, yaml.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for i, a := range cases {
		for _, generation := range generations {
			t.Run(a.Title+"/"+generation.program, func(t *testing.T) {
				t.Parallel()
				a.adopt(t, c, fmt.Sprintf("adopt-%d%s", i, generation.suffix), generation.program)
			})
		}
	}
}

func (a adoptCase) adopt(t *testing.T, c cluster.Cluster, ns, program string) {
	l := newLifecycleStore(t, c, ns)
	l.program = program
	manifest := strings.NewReplacer("$DIR", l.dir, "$NS", ns, "$NODE", c.Workers()[0]).Replace(a.Manifest)
	apply := exec.CommandContext(t.Context(), "kubectl", "--kubeconfig", c.Kubeconfig(), "apply", "--filename", "-")
	apply.Stdin = strings.NewReader(manifest)
	out, err := apply.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Cleanup(func() {
		assert.NoError(t, l.client.CoreV1().PersistentVolumes().DeleteCollection(cleanup(t), metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=" + ns + "-checkpoints-vol"}))
	})
	l.save(a.Claim)
	before := l.claim(a.Claim)
	require.Equal(t, corev1.ClaimBound, before.Status.Phase)
	uids := [2]types.UID{before.UID, l.volume(before.Spec.VolumeName).UID}

	// What is printed is typed in a folder like a checkout's.
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(charts.Root(), "charts"), filepath.Join(dir, "charts")))
	tool, err := ctl()
	require.NoError(t, err)
	var values, words bytes.Buffer
	command := exec.CommandContext(t.Context(), tool, "adopt", "--claim", a.Claim, "--namespace", ns, "--kubeconfig", c.Kubeconfig(), "--release", ns)
	command.Stdout, command.Stderr = &values, &words
	require.NoError(t, command.Run(), "%s", &words)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "values.yaml"), values.Bytes(), 0o600))
	lines := printed(words.String())
	require.Len(t, lines, 2, "%s", &words)

	same := func() {
		t.Helper()
		claim := l.claim(a.Claim)
		assert.Equal(t, uids, [2]types.UID{claim.UID, l.volume(claim.Spec.VolumeName).UID})
		assert.Equal(t, corev1.ClaimBound, claim.Status.Phase)
		l.kept(a.Claim)
	}
	l.typesIn(dir, lines[0])
	same()
	l.typesIn(dir, "helm upgrade "+ns+" ./charts/checkpoint-storage --namespace "+ns+" --values values.yaml --set claim.labels.team=a")
	assert.Equal(t, "a", l.claim(a.Claim).Labels["team"])
	l.typesIn(dir, lines[1])
	same()
	l.everythingRead()
}

// printed are the lines of a text that begin with two spaces: the commands.
func printed(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if command, found := strings.CutPrefix(line, "  "); found {
			out = append(out, strings.TrimSpace(command))
		}
	}
	return out
}
