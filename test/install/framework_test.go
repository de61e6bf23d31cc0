package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"
	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func frameworkCatalog(t *testing.T) catalog.Frameworks {
	t.Helper()
	all, err := catalog.LoadFrameworks(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	return all
}

// frameworks returns the frameworks that a backend is not known to be unable to serve.
func frameworks(t *testing.T, backend string) []string {
	t.Helper()
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	require.NoError(t, err)
	i := slices.IndexFunc(backends, func(b catalog.Backend) bool { return b.Name == backend })
	require.NotEqual(t, -1, i)
	all := frameworkCatalog(t)
	var out []string
	for _, name := range all.Names() {
		if answer, _ := all.Serves(backends[i], name); answer != catalog.No {
			out = append(out, name)
		}
	}
	return out
}

// row returns a row of the table of `helm test`.
func row(t *testing.T, table, checked string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(checked) + `  +(yes|no|untested|\d|all in force|none asked for|not [a-z ]+)`).FindStringSubmatch(table)
	require.NotNil(t, found, "no row for %q in:\n%s", checked, table)
	return found[1]
}

// served checks that every operation in the table of `helm test` that a pod can try was tried and works.
func served(t *testing.T, f fixture, table string) {
	t.Helper()
	if f.block() {
		assert.Contains(t, table, "the device is there and can be read")
		return
	}
	for _, o := range frameworkCatalog(t).Operations {
		want := "yes"
		if o.Name == "mmap" || o.Name == "fcntlLock" {
			want = "untested" // The image has no Python.
		}
		assert.Equal(t, want, row(t, table, o.Title), "%s:\n%s", o.Name, table)
	}
	assert.Equal(t, "yes", row(t, table, "write 8 shards at once"))
	assert.Equal(t, "yes", row(t, table, "read the other pod's shards"))
	assert.Equal(t, "yes", row(t, table, "see another pod's rewritten file"))
	assert.NotContains(t, row(t, table, "mount options"), "not ")
	if f.many() && !f.onStorage() {
		assert.Equal(t, "2", row(t, table, "nodes"), "the pods of a claim for many nodes did not spread:\n%s", table)
	}
	assert.Contains(t, table, "the claim can serve\n")
	assert.NotContains(t, table, "FAILED")
}

// refusing mounts, on both workers, a shared directory with a file system that refuses operations.
func refusing(t *testing.T, c cluster.Cluster, name, operations string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "refusefs")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "checkpoint-storage/test/internal/refusefs")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	directory, mountpoint, program := "/mnt/shared/"+name, "/mnt/"+name, "/usr/local/bin/refusefs-"+name
	for i, node := range c.Workers() {
		unmount := fmt.Sprintf("! grep -q ' %[1]s fuse' /proc/mounts || umount --lazy %[1]s; rm -f %[2]s", mountpoint, program)
		_, err := c.Exec(t.Context(), node, unmount)
		require.NoError(t, err)
		if i == 0 {
			_, err = c.Exec(t.Context(), node, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s", directory))
			require.NoError(t, err)
		}
		require.NoError(t, c.Docker(t.Context(), "cp", "--quiet", binary, node+":"+program))
		_, err = c.Exec(t.Context(), node, fmt.Sprintf("mkdir -p %[3]s; setsid %[4]s %[1]s %[2]s %[3]s >/var/log/refusefs-%[5]s.log 2>&1 </dev/null & "+
			"for i in $(seq 100); do ! grep -q ' %[3]s fuse' /proc/mounts || exit 0; sleep 0.1; done; cat /var/log/refusefs-%[5]s.log >&2; exit 1",
			operations, directory, mountpoint, program, name))
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := c.Exec(cleanup(t), node, unmount)
			require.NoError(t, err)
		})
	}
	return mountpoint
}

// TestFrameworkOnAMountThatRefuses checks that a claim that cannot serve a declared framework is reported, by the line that
// says so, regardless of what the backend in the values can do, and that the claim passes for a framework that it can serve.
func TestFrameworkOnAMountThatRefuses(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	all := frameworkCatalog(t)
	title := map[string]string{}
	for _, o := range all.Operations {
		title[o.Name] = o.Title
	}
	for _, test := range []struct {
		// The mount refuses one operation, like a bucket without directories, or one that only accepts new files.
		refuses, fails, passes, word string
	}{
		{"renameDirectory", "orbax", "dcp", "Function not implemented"},
		{"renameFile", "dcp", "deepspeed", "Function not implemented"},
		{"overwrite", "megatron", "nvrx", "Operation not permitted"},
		{"unlink", "huggingface", "deepspeed", "Operation not permitted"},
	} {
		t.Run(test.refuses, func(t *testing.T) {
			t.Parallel()
			name := "framework-" + strings.ToLower(test.refuses)
			mountpoint := refusing(t, c, name, test.refuses)
			s := newStore(t, name, "restricted")
			values := []string{"--wait", "--timeout", "60s", "--set-json",
				fmt.Sprintf(`accessModes=["ReadWriteMany"],hostPath={"path":%q,"sharedMount":true}`, mountpoint)}
			s.install(append(values, "--set", "frameworks={"+test.fails+"}")...)
			s.bound(release)
			table, err := s.tryHelm("test", release)
			require.Error(t, err)
			assert.Equal(t, "no", row(t, table, title[test.refuses]), table)
			assert.Contains(t, table, fmt.Sprintf("FAILED: %s must be able to %s, and this mount cannot: ", test.fails, title[test.refuses]))
			assert.Contains(t, table, test.word)
			assert.Equal(t, "2", row(t, table, "nodes"))
			assert.Contains(t, table, "the claim cannot serve\n")
			assert.Equal(t, 1, strings.Count(table, "FAILED: "), table)

			s.helm("upgrade", release, charts.Chart(), "--reuse-values", "--set", "frameworks={"+test.passes+"}")
			table = s.helm("test", release)
			assert.Equal(t, "no", row(t, table, title[test.refuses]), table)
			assert.Contains(t, table, "the claim can serve\n")
		})
	}
}

// TestFrameworkOfOnePodAtATime checks that the test pods of a ReadWriteOncePod claim run one after the other, and that the
// second finds what the first has saved.
func TestFrameworkOfOnePodAtATime(t *testing.T) {
	t.Parallel()
	s := newStore(t, "framework-one-pod", "restricted")
	s.install("--set-json", `backend="csi",provisioning="dynamic",accessModes=["ReadWriteOncePod"],size="1Gi",frameworks=["huggingface","orbax"]`)
	table := s.helm("test", release)
	assert.Equal(t, "yes", row(t, table, "write 4 shards at once"))
	assert.Equal(t, "yes", row(t, table, "read the other pod's shards"))
	assert.Equal(t, "yes", row(t, table, "rename a directory"))
	assert.Equal(t, "untested", row(t, table, "see another pod's new file"), "there was no second pod to see it")
	assert.Contains(t, table, "the claim can serve\n")
}

// TestFrameworkCannotWrite checks that a claim whose directory belongs to another user is reported with its fix.
func TestFrameworkCannotWrite(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	s := newStore(t, "framework-owner", "restricted")
	run(t, c, "rm -rf /mnt/shared/framework-owner; mkdir -p /mnt/shared/framework-owner")
	s.install("--wait", "--timeout", "60s", "--set-json", `accessModes=["ReadWriteMany"],hostPath={"path":"/mnt/shared/framework-owner","sharedMount":true}`)
	table, err := s.tryHelm("test", release)
	require.Error(t, err)
	assert.Contains(t, table, "FAILED: cannot write as 65534:65534; the volume's root is 0:0 mode 755. "+
		"Make the directory writable; or have one made for this user: --set prepare.enabled=true,prepare.directory=team-a,prepare.owner=65534; "+
		"or save as its owner: --set podSecurityContext.runAsUser=0")
}

// TestFrameworkBenchmark checks that fio's results are complete, and that it leaves nothing on the claim.
func TestFrameworkBenchmark(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	require.NotEmpty(t, c.Trainer(), "there is no image with fio; `make trainer-image` makes one")
	repository, tag, _ := strings.Cut(c.Trainer(), ":")
	s := newStore(t, "framework-benchmark", "restricted")
	run(t, c, "rm -rf /mnt/shared/framework-benchmark; mkdir -p /mnt/shared/framework-benchmark; chmod 1777 /mnt/shared/framework-benchmark")
	s.install("--wait", "--timeout", "60s", "--set-json", `accessModes=["ReadWriteMany"],hostPath={"path":"/mnt/shared/framework-benchmark","sharedMount":true}`,
		"--set-json", fmt.Sprintf(`test={"enabled":false},benchmark={"enabled":true,"image":{"repository":%q,"tag":%q},"writers":4,"bytesPerWriter":"16Mi","checkpointSize":"105Gi"}`, repository, tag))
	out := s.helm("test", release)
	workers := c.Workers()
	assert.Regexp(t, `(?m)^pods on nodes (`+workers[0]+` \(writes\) and `+workers[1]+`|`+workers[1]+` \(writes\) and `+workers[0]+`) \(reads\)$`, out)
	for _, line := range []string{
		`write +[0-9.]+ GB/s   4 ranks, 16\.8 MB each; the slowest took [0-9.]+ s at [0-9.]+ GB/s`,
		`read +[0-9.]+ GB/s   4 ranks, 16\.8 MB each; the slowest took [0-9.]+ s at [0-9.]+ GB/s`,
		`fsync  p50 [0-9.]+ ms, p99 [0-9.]+ ms   after each of 10[0-9]{2} blocks of 4 KiB`,
		`a checkpoint of 105Gi: saved in [0-9.]+ s, read in [0-9.]+ s, at these rates from one node`,
	} {
		assert.Regexp(t, "(?m)^"+line+"$", out)
	}
	assert.NotRegexp(t, ` 0\.0+ (GB/s|s,)`, out, "a figure is nothing")
	assert.Empty(t, run(t, c, "ls -A /mnt/shared/framework-benchmark"), "something is left on the claim")
}

// TestFrameworkOfEveryRank checks that each claim of a store of shards is tested separately.
func TestFrameworkOfEveryRank(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	s := newStore(t, "framework-ranks", "restricted")
	run(t, c, "cd /mnt; rm -rf framework-ranks; mkdir -p framework-ranks/0 framework-ranks/1 framework-ranks/2; chmod 1777 framework-ranks/*")
	s.install("--wait", "--timeout", "60s", "--set-json", fmt.Sprintf(`shards=3,hostPath={"path":"/mnt/framework-ranks/{shard}"},frameworks=["megatron"],`+
		`volume={"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":[%q]}]}]}}}`,
		c.Workers()[0]))
	tables := s.helm("test", release)
	for rank := range 3 {
		assert.Contains(t, tables, fmt.Sprintf("claim framework-ranks/checkpoints-%d: ", rank))
	}
	assert.Equal(t, 3, strings.Count(tables, "the claim can serve\n"), tables)
}
