package install

import (
	"fmt"
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
)

// recipeCase is an upgrade that `ckptctl diff` has a recipe for.
type recipeCase struct {
	title string
	// from and to are values, to laid over from; $DIR is a directory on the first worker.
	from, to string
	// holds are the claims on which what was saved before is found when the recipe has been followed; "" is the directory.
	holds []string
	// elsewhere says that the release is in another namespace than its claims.
	elsewhere bool
}

// directory are values of a store on a directory of one node, which is there.
const directory = "size: 1Gi\ntest: {enabled: false}\nhostPath: {path: $DIR/data, type: Directory, sharedMount: true}\n"

// ownClass are values of a store whose class is its own.
const ownClass = "backend: csi\ncsi: {driver: nfs.csi.k8s.io, volumeHandle: none}\nprovisioning: dynamic\nsize: 16Mi\ntest: {enabled: false}\n" +
	"storageClass: {create: true, provisioner: rancher.io/local-path, volumeBindingMode: WaitForFirstConsumer, allowVolumeExpansion: false}\n"

var recipes = []recipeCase{
	{title: "another type of directory", from: directory, to: "hostPath: {type: DirectoryOrCreate}", holds: []string{"checkpoints"}},
	{title: "another directory", from: directory, to: "hostPath: {path: $DIR/other}", holds: []string{""}},
	{title: "another access mode, static, not kept", from: directory + "keep: false\n", to: "accessModes: [ReadWriteMany]", holds: []string{"checkpoints"}},
	{title: "another access mode, of a claim in another namespace", from: directory, to: "accessModes: [ReadWriteMany]", holds: []string{"checkpoints"}, elsewhere: true},
	{title: "another volume name", from: directory, to: "volume: {name: $NS-other}", holds: []string{"checkpoints"}},
	{
		title: "another type of directory for each shard", from: strings.Replace(directory, "$DIR/data", `"$DIR/{shard}"`, 1) + "shards: 2\n",
		to: "hostPath: {type: DirectoryOrCreate}", holds: []string{"checkpoints-0", "checkpoints-1"},
	},
	{
		title: "fewer shards, not kept", from: strings.Replace(directory, "$DIR/data", `"$DIR/{shard}"`, 1) + "shards: 2\nkeep: false\n",
		to: "shards: 1", holds: []string{"checkpoints-0", "checkpoints-1"},
	},
	{title: "a volume that is no longer made, not kept", from: directory + "keep: false\n", to: "volume: {create: false}", holds: []string{"checkpoints"}},
	{title: "a static store that grows", from: directory, to: "size: 2Gi", holds: []string{"checkpoints"}},
	{title: "another access mode, dynamic, not kept", from: ownClass + "keep: false\n", to: "accessModes: [ReadWriteMany]", holds: []string{"checkpoints"}},
	{title: "other parameters of a class, not kept", from: ownClass + "keep: false\n", to: "storageClass: {parameters: {a: b}}", holds: []string{"checkpoints"}},
	{title: "another name, dynamic, not kept", from: ownClass + "keep: false\n", to: "fullnameOverride: other", holds: []string{"checkpoints"}},
	{title: "a claim that grows in a class that does not let it", from: ownClass, to: "size: 32Mi", holds: []string{"checkpoints"}},
}

// TestRecipes follows what `ckptctl diff` prints, line by line in a shell, and finds every byte that was saved before.
func TestRecipes(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	// Not a subtest's own: that is called by the title, and Helm takes a comma in a file's name for the end of it.
	dir := t.TempDir()
	for i, r := range recipes {
		// Each is followed with one Helm: they print the same lines, and take turns.
		program := generations[i%len(generations)].program
		t.Run(r.title, func(t *testing.T) {
			t.Parallel()
			r.follow(t, c, fmt.Sprintf("recipe-%02d", i), program, dir)
		})
	}
}

func (r recipeCase) follow(t *testing.T, c cluster.Cluster, ns, program, dir string) {
	l := newLife(t, c, ns)
	l.program = program
	l.directories("other", "0", "1")
	// The directory is one node's, whatever the values say.
	l.home = c.Workers()[0]
	helm := *l.store
	from, to := r.from, r.to
	if r.elsewhere {
		helm = *newStoreOn(t, c, ns+"-release", "restricted")
		helm.program = program
		from += "namespaceOverride: " + ns + "\n"
	}
	write := func(name, values string) string {
		file := filepath.Join(dir, ns+"-"+name)
		require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer("$DIR", l.dir, "$NS", ns).Replace(values)), 0o600))
		return file
	}
	files := []string{write("from.yaml", from), write("to.yaml", to)}
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

	for _, claim := range r.holds {
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

// hintsOf are the hints of the errors, each once: two errors may have one way out.
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

// claims are the names of the namespace's claims.
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

// types has a shell run a line as it is printed; helm in it is the Helm of the case.
func (l *life) types(line string) {
	l.t.Helper()
	program, err := exec.LookPath(l.program)
	require.NoError(l.t, err)
	bin := l.t.TempDir()
	require.NoError(l.t, os.Symlink(program, filepath.Join(bin, "helm")))
	command := exec.CommandContext(l.t.Context(), "bash", "-euo", "pipefail", "-c", line)
	command.Dir = charts.Root()
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+l.cluster.Kubeconfig())
	out, err := command.CombinedOutput()
	require.NoError(l.t, err, "%s\n%s", line, out)
}
