package install

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const backends = "templates/backends"

// fixture is a values file of a backend for a real cluster: testdata/_install-<name>.values.yaml. Its variables, such as
// $NODE, stand for what the suite prepares; see provisions.
type fixture struct {
	backend, name string
	text          string
	values        struct {
		AccessModes  []string `json:"accessModes"`
		VolumeMode   string   `json:"volumeMode"`
		Provisioning string   `json:"provisioning"`
		Claim        struct {
			Existing string `json:"existing"`
		} `json:"claim"`
	}
}

// id is the fixture's name as part of Kubernetes names.
func (f fixture) id() string { return strings.ToLower(f.backend + "-" + f.name) }

// many reports whether pods of several nodes use the claim at once.
func (f fixture) many() bool {
	return len(f.values.AccessModes) > 0 && f.values.AccessModes[0] == "ReadWriteMany"
}

func (f fixture) block() bool { return f.values.VolumeMode == "Block" }
func (f fixture) static() bool {
	return f.values.Provisioning == "" || f.values.Provisioning == "static"
}

// fixtures returns the fixtures of all backends.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(charts.Chart(), backends, "*", "testdata", "_install-*.values.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var out []fixture
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		f := fixture{
			backend: filepath.Base(filepath.Dir(filepath.Dir(file))),
			name:    strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "_install-"), ".values.yaml"),
			text:    string(text),
		}
		require.NoError(t, yaml.Unmarshal(text, &f.values), file)
		out = append(out, f)
	}
	return out
}

// storageWord is the prefix of variables for which the storage node is needed.
const storageWord = "$STORAGE_"

// onStorage reports whether the storage node serves and mounts the fixture's volume.
func (f fixture) onStorage() bool { return strings.Contains(f.text, storageWord) }

// nodes returns two nodes that reach the fixture's volume at once; for the storage node, the same node twice.
func (f fixture) nodes(c cluster.Cluster) [2]string {
	if f.onStorage() {
		return [2]string{c.Storage().Node, c.Storage().Node}
	}
	return c.Workers()
}

// provisions are the variables of fixtures: each prepares something on a worker and returns the value of the variable. id is
// unique among concurrent tests.
var provisions = map[string]func(t *testing.T, c cluster.Cluster, id string) string{
	// A worker node.
	"$NODE": func(_ *testing.T, c cluster.Cluster, _ string) string { return c.Workers()[0] },
	// An empty directory on that worker, writable for all.
	"$DIR": func(t *testing.T, c cluster.Cluster, id string) string {
		dir := "/mnt/checkpoints/" + id
		run(t, c, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s", dir))
		return dir
	},
	// An empty directory that every worker has mounted at the same path.
	"$SHARED": func(t *testing.T, c cluster.Cluster, id string) string {
		dir := "/mnt/shared/" + id
		run(t, c, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s", dir))
		return dir
	},
	// A block device of that worker: 64 MiB on a loop device.
	"$DEVICE": func(t *testing.T, c cluster.Cluster, id string) string {
		file := "/mnt/" + id + ".img"
		device := run(t, c, fmt.Sprintf("rm -f %[1]s; truncate -s 64M %[1]s; losetup --find --show %[1]s", file))
		t.Cleanup(func() {
			_, err := c.Exec(cleanup(t), c.Workers()[0], fmt.Sprintf("losetup --detach %s; rm -f %s", device, file))
			require.NoError(t, err)
		})
		return device
	},
	// The node that serves NFS and iSCSI, its address, and its iSCSI target.
	"$STORAGE_NODE":    func(_ *testing.T, c cluster.Cluster, _ string) string { return c.Storage().Node },
	"$STORAGE_ADDRESS": func(_ *testing.T, c cluster.Cluster, _ string) string { return c.Storage().Address },
	"$STORAGE_IQN":     func(_ *testing.T, c cluster.Cluster, _ string) string { return c.Storage().IQN },
	// An empty exported directory.
	"$STORAGE_EXPORT": func(t *testing.T, c cluster.Cluster, id string) string {
		dir := "/srv/export/" + id
		onStorage(t, c, fmt.Sprintf("rm -rf %[1]s; mkdir -p %[1]s; chmod 1777 %[1]s", dir))
		return dir
	},
	// The LUNs of its two blank units of 256 MiB.
	"$STORAGE_LUN_A": func(t *testing.T, c cluster.Cluster, _ string) string { return blank(t, c, "0") },
	"$STORAGE_LUN_B": func(t *testing.T, c cluster.Cluster, _ string) string { return blank(t, c, "1") },
}

// blank clears the start of a unit, where file systems have their superblock.
func blank(t *testing.T, c cluster.Cluster, lun string) string {
	onStorage(t, c, "dd if=/dev/zero of=/srv/lun"+lun+" bs=1M count=16 conv=notrunc,fsync 2>/dev/null")
	return lun
}

func onStorage(t *testing.T, c cluster.Cluster, script string) {
	t.Helper()
	_, err := c.Exec(t.Context(), c.Storage().Node, script)
	require.NoError(t, err)
}

func run(t *testing.T, c cluster.Cluster, script string) string {
	t.Helper()
	out, err := c.Exec(t.Context(), c.Workers()[0], script)
	require.NoError(t, err)
	return out
}

// prepare prepares what the fixture needs and writes its values to a file, with all the frameworks that its backend supports.
func prepare(t *testing.T, c cluster.Cluster, f fixture) string {
	t.Helper()
	words := make([]string, 0, len(provisions))
	for word := range provisions {
		words = append(words, word)
	}
	// Of two variables with the same prefix, the longer comes first.
	sort.Sort(sort.Reverse(sort.StringSlice(words)))
	text := f.text
	for _, word := range words {
		if strings.Contains(text, word) {
			text = strings.ReplaceAll(text, word, provisions[word](t, c, f.id()))
		}
	}
	if !f.block() {
		text = strings.TrimRight(text, "\n") + "\nframeworks: [" + strings.Join(frameworks(t, f.backend), ", ") + "]\n"
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
