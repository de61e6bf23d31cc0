package install

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// recipeCase is an upgrade for which `ckptctl diff` prints a recipe; see recipes.yaml.
type recipeCase struct {
	Title     string
	From, To  map[string]any
	Volume    map[string]any
	Holds     []string
	Elsewhere bool
}

// TestRecipes runs every line that `ckptctl diff` prints, and checks that saved data is still there.
func TestRecipes(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	text, err := os.ReadFile("recipes.yaml")
	require.NoError(t, err)
	var recipes []recipeCase
	require.NoError(t, yaml.Unmarshal(text, &recipes))
	require.NotEmpty(t, recipes)
	// Not t.TempDir of a subtest: its path contains the title, and Helm splits file names at commas.
	dir := t.TempDir()
	for i, r := range recipes {
		for _, generation := range generations {
			t.Run(r.Title+"/"+generation.program, func(t *testing.T) {
				t.Parallel()
				r.follow(t, c, fmt.Sprintf("recipe-%02d%s", i, generation.suffix), generation.program, dir)
			})
		}
	}
}

func (r recipeCase) follow(t *testing.T, c cluster.Cluster, ns, program, dir string) {
	l := newLifecycleStore(t, c, ns)
	l.program = program
	l.directories("other", "0", "1")
	// The directory is on one node, whatever the values say.
	l.home = c.Workers()[0]
	helm := *l.store
	from := maps.Clone(r.From)
	if r.Elsewhere {
		helm = *newStoreOn(t, c, ns+"-release", "restricted")
		helm.program = program
		from["namespaceOverride"] = ns
	}
	write := func(name string, values map[string]any) string {
		text, err := yaml.Marshal(values)
		require.NoError(t, err)
		file := filepath.Join(dir, ns+"-"+name)
		require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer("$DIR", l.dir, "$NS", ns).Replace(string(text))), 0o600))
		return file
	}
	files := []string{write("from.yaml", from), write("to.yaml", r.To)}
	if r.Volume != nil {
		helm.helm("install", "volumes", charts.Chart(), "--values", files[0], "--values", write("volume.yaml", r.Volume))
	}
	helm.helm("install", release, charts.Chart(), "--values", files[0])
	for _, claim := range l.claims() {
		l.save(claim)
	}

	fresh := check.Side{Inputs: check.Inputs{Files: files}, Chart: os.DirFS(charts.Chart()), Place: charts.Chart()}
	findings, err := check.Diff(t.Context(), check.Helm3, check.Side{Inputs: check.Inputs{Files: files[:1]}}, fresh,
		check.Release{Name: release, Namespace: helm.ns}, check.Connection{})
	require.NoError(t, err)
	ran := 0
	for _, hint := range hintsOf(findings) {
		_, lines, _ := strings.Cut(hint, "\n")
		for _, line := range strings.Split(lines, "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				l.types(line)
				ran++
			}
		}
	}
	require.NotZero(t, ran, "there is no recipe: %v", findings)

	for _, claim := range r.Holds {
		if claim != "" {
			l.kept(claim)
			continue
		}
		said, err := c.Exec(t.Context(), l.home, "sha256sum < "+l.dir+"/data/step-1/shard")
		require.NoError(t, err)
		require.Equal(t, l.saved[release], said[:64])
		l.read[release] = true
	}
	l.everythingRead()
}

// hintsOf returns the distinct hints of the errors.
func hintsOf(findings []check.Finding) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range findings {
		if f.Severity == "error" && !seen[f.Hint] {
			seen[f.Hint] = true
			out = append(out, f.Hint)
		}
	}
	return out
}

// claims returns the names of the namespace's claims.
func (s *store) claims() []string {
	s.t.Helper()
	list, err := s.client.CoreV1().PersistentVolumeClaims(s.ns).List(s.t.Context(), metav1.ListOptions{})
	require.NoError(s.t, err)
	require.NotEmpty(s.t, list.Items)
	var out []string
	for _, claim := range list.Items {
		out = append(out, claim.Name)
	}
	return out
}

// types runs a printed line in a shell, with the Helm of the case as helm.
func (l *lifecycleStore) types(line string) {
	l.t.Helper()
	l.typesIn(charts.Root(), line)
}

// typesIn runs it in a folder.
func (l *lifecycleStore) typesIn(dir, line string) {
	l.t.Helper()
	command := exec.CommandContext(l.t.Context(), "bash", "-euo", "pipefail", "-c", line)
	command.Dir = dir
	command.Env = append(os.Environ(), "PATH="+l.helmAs("helm")+":"+os.Getenv("PATH"), "KUBECONFIG="+l.cluster.Kubeconfig())
	out, err := command.CombinedOutput()
	require.NoError(l.t, err, "%s\n%s", line, out)
}
