package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// storesFile is the table of orphans that TestStores writes.
const storesFile = "STORES.md"

const storesHead = `# Orphans that ckptctl stores lists

Each row was seen on a cluster, with Helm 3 and with Helm 4: a pod wrote a checkpoint, the store lost its release or its claim,
and ` + "`ckptctl stores`" + ` listed it so. The commands were run as printed, with CHART and VALUES filled in; then a release had the
claim, and a pod read the checkpoint back, to the byte. Written by ` + "`go test ./test/install -run TestStores -update`" + `, and
compared by every run without the flag.

| situation | listed as | commands that take it back | bytes kept |
|---|---|---|---|
`

// orphanCase is a way in which a store loses its release or its claim.
type orphanCase struct {
	title string
	// loses installs the store, saves on it, and takes its release or claim away.
	loses func(l *lifecycleStore)
	// release is how the release is listed; claim is listed as the claim, or the claim of a Released volume.
	release, claim string
	volume         bool
	// back are the claims that the bytes of a claim are on in the end, by the claim that they were saved on.
	back map[string]string
	// values are those of VALUES.
	values func(l *lifecycleStore) string
}

var orphanCases = []orphanCase{
	{
		title: "the release was uninstalled and the claim kept",
		loses: func(l *lifecycleStore) {
			l.install()
			l.save(release)
			l.helm("uninstall", release, "--wait")
		},
		release: "gone", claim: release, back: map[string]string{release: release},
	},
	{
		title: "the release of two shards was uninstalled and the claims kept",
		loses: func(l *lifecycleStore) {
			l.twoShards()
			l.helm("uninstall", release, "--wait")
		},
		release: "gone", claim: "checkpoints-1", back: map[string]string{"checkpoints-0": "checkpoints-0", "checkpoints-1": "checkpoints-1"},
		values: func(l *lifecycleStore) string { return l.shards(2) },
	},
	{
		title: "a shard was removed from the values",
		loses: func(l *lifecycleStore) {
			l.twoShards()
			l.use(l.shards(1))
			l.upgrade()
		},
		release: "left", claim: "checkpoints-1", back: map[string]string{"checkpoints-0": "checkpoints-0", "checkpoints-1": "checkpoints-1"},
	},
	{
		title: "the claim was deleted under its release",
		loses: func(l *lifecycleStore) {
			l.install()
			l.save(release)
			l.deleteClaim()
		},
		release: "present", claim: release, volume: true, back: map[string]string{release: release},
	},
	{
		title: "the release was uninstalled and the claim deleted",
		loses: func(l *lifecycleStore) {
			l.install()
			l.save(release)
			l.helm("uninstall", release, "--wait")
			l.deleteClaim()
		},
		release: "gone", claim: release, volume: true, back: map[string]string{release: release},
	},
	{
		title: "a provisioned volume was retained and a new claim has another",
		loses: func(l *lifecycleStore) {
			l.use("backend: csi\nprovisioning: dynamic\nsize: 16Mi\ntest: {enabled: false}\nkeep: false\ncsi: {driver: none.csi.example.com}\n" +
				"storageClass: {create: true, provisioner: rancher.io/local-path, volumeBindingMode: WaitForFirstConsumer, reclaimPolicy: Retain, allowVolumeExpansion: false}\n")
			l.install()
			l.save(release)
			first := l.saved[release]
			l.helm("uninstall", release, "--wait")
			l.install()
			l.save(release)
			l.kept(release)
			l.saved["checkpoints-earlier"], l.read["checkpoints-earlier"] = first, false
		},
		release: "present", claim: release, volume: true, back: map[string]string{"checkpoints-earlier": "checkpoints-earlier"},
	},
}

// twoShards installs a store of two shards, and saves on both.
func (l *lifecycleStore) twoShards() {
	l.rankDirectories(2)
	l.use(l.shards(2))
	l.install()
	l.save("checkpoints-0")
	l.save("checkpoints-1")
}

// listed is what `ckptctl stores -o json` prints.
type listed struct {
	Stores          []listedStore
	ReleasedVolumes []struct {
		Name, Namespace, Claim string
		Release                listedRelease
		TakeBack               []string
	}
	Unread []struct{ Resource, Why string }
}

type listedStore struct {
	Namespace, Claim, Phase, Size string
	Publishers, Pods, TakeBack    []string
	Release                       listedRelease
	Used                          struct {
		Bytes, CapacityBytes *int64
		Unknown              string
	}
	Unused struct{ Since, Unknown string }
}

type listedRelease struct{ Name, Namespace, State, Status string }

// stores runs ckptctl stores, as text first: both have to work.
func (s *store) stores(kubeconfig string, args ...string) (string, listed) {
	s.t.Helper()
	tool, err := ctl()
	require.NoError(s.t, err)
	run := func(more ...string) []byte {
		command := exec.CommandContext(s.t.Context(), tool, append(append([]string{"stores"}, args...), more...)...)
		// An option of this name would be in every command of the page.
		command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		out, err := command.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			s.t.Fatalf("%s", exit.Stderr)
		}
		require.NoError(s.t, err)
		return out
	}
	var out listed
	text := run()
	require.NoError(s.t, json.Unmarshal(run("-o", "json"), &out))
	return string(text), out
}

// TestStores makes stores that have lost their release or their claim, and checks that ckptctl stores says so, and that the
// commands which it prints take them back with every byte.
func TestStores(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	var lock sync.Mutex
	rows := map[string]string{}
	t.Cleanup(func() { compareStores(t, rows) })
	for i, a := range orphanCases {
		for _, generation := range generations {
			t.Run(a.title+"/"+generation.program, func(t *testing.T) {
				t.Parallel()
				l := newLifecycleStore(t, c, fmt.Sprintf("stores-%d%s", i, generation.suffix))
				l.program = generation.program
				row := a.prove(l)
				lock.Lock()
				defer lock.Unlock()
				if was := rows[a.title]; was != "" {
					assert.Equal(t, was, row, "the two Helms differ")
				}
				rows[a.title] = row
			})
		}
	}
}

func (a orphanCase) prove(l *lifecycleStore) string {
	t := l.t
	a.loses(l)
	commands, kind := []string(nil), ""
	found := l.until(patience/2, func() bool {
		_, out := l.stores(l.cluster.Kubeconfig(), "-n", l.ns)
		for _, v := range out.ReleasedVolumes {
			if a.volume && v.Claim == a.claim && v.Release.State == a.release {
				commands, kind = v.TakeBack, "a Released volume of claim "+v.Claim
			}
		}
		for _, s := range out.Stores {
			if !a.volume && s.Claim == a.claim && s.Release.State == a.release {
				commands, kind = s.TakeBack, "claim "+s.Claim+", "+s.Phase
			}
		}
		return commands != nil
	})
	text, out := l.stores(l.cluster.Kubeconfig(), "-n", l.ns)
	require.True(t, found, "%s\n%+v", text, out)
	for _, line := range commands {
		assert.Contains(t, text, line)
	}

	dir := t.TempDir()
	words := []string{"CHART", charts.Chart()}
	if a.values != nil {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "values.yaml"), []byte(a.values(l)), 0o600))
		words = append(words, "VALUES", "values.yaml")
	}
	tool, err := ctl()
	require.NoError(t, err)
	t.Log(strings.Join(commands, "\n"))
	for _, line := range commands {
		if !strings.HasPrefix(line, "#") {
			l.typesIn(dir, "PATH="+filepath.Dir(tool)+":$PATH\n"+strings.NewReplacer(words...).Replace(line))
		}
	}
	for claim, on := range a.back {
		l.saved[on] = l.saved[claim]
		l.kept(on)
	}
	l.everythingRead()
	text, out = l.stores(l.cluster.Kubeconfig(), "-n", l.ns)
	assert.Empty(t, out.ReleasedVolumes, text)
	for _, s := range out.Stores {
		assert.Equal(t, "present", s.Release.State, text)
		assert.Empty(t, s.TakeBack, text)
	}
	for _, on := range a.back {
		assert.Contains(t, text, on)
	}

	var cells []string
	for _, line := range commands {
		line = strings.NewReplacer(l.ns, "training", "|", `\|`).Replace(uid.ReplaceAllString(line, "UID"))
		if comment, is := strings.CutPrefix(line, "# "); is {
			cells = append(cells, comment)
		} else {
			cells = append(cells, "`"+line+"`")
		}
	}
	return "| " + strings.Join([]string{a.title, kind + "; release " + a.release, strings.Join(cells, "<br>"), "yes"}, " | ") + " |"
}

// compareStores compares the page with the rows that were seen, or updates it.
func compareStores(t *testing.T, rows map[string]string) {
	t.Helper()
	lines := readRows(t, storesFile)
	text := storesHead
	for _, a := range orphanCases {
		switch row := rows[a.title]; {
		case row != "" && *update:
			lines[a.title] = row
		case row != "":
			assert.Equal(t, lines[a.title], row, "%s is not what is listed; the flag -update writes it", storesFile)
		}
		if lines[a.title] != "" {
			text += lines[a.title] + "\n"
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(storesFile, []byte(text), 0o600))
	}
}

// TestStoresTableIsWhole checks that every orphan has a row, and every row an orphan.
func TestStoresTableIsWhole(t *testing.T) {
	lines := readRows(t, storesFile)
	delete(lines, "situation")
	for _, a := range orphanCases {
		assert.NotEmpty(t, lines[a.title], "%s has no row for %q; the flag -update writes it", storesFile, a.title)
		delete(lines, a.title)
	}
	assert.Empty(t, lines, "%s has rows that are no situation", storesFile)
}

// TestStoresListed checks what is listed of a store in use, of claims that are not the chart's, and to whom.
func TestStoresListed(t *testing.T) {
	t.Parallel()
	c := cluster.Open(t)
	l := newLifecycleStore(t, c, "stores-listed")
	l.install()
	l.claimOfOthers("others")
	l.claimOfOthers("published")
	l.helm("install", "publisher", charts.Chart(), "--set", "provisioning=existing,claim.existing=published,test.enabled=false")
	start := l.podOn(release, "head -c 5242880 /dev/urandom >/checkpoints/shard; sync; echo ready; sleep 3600")
	start.Name = "trainer"
	l.start(start, "ready")

	// The kubelet measures volumes each minute.
	var text string
	var out listed
	measured := l.until(patience, func() bool {
		text, out = l.stores(c.Kubeconfig(), "-n", l.ns)
		return len(out.Stores) == 2 && out.Stores[0].Used.Bytes != nil
	})
	require.True(t, measured, text)
	one, two := out.Stores[0], out.Stores[1]
	assert.Equal(t, []string{release, "Bound", "1Gi"}, []string{one.Claim, one.Phase, one.Size})
	assert.Equal(t, listedRelease{Name: release, Namespace: l.ns, State: "present", Status: "deployed"}, one.Release)
	assert.Equal(t, []string{"trainer"}, one.Pods)
	assert.GreaterOrEqual(t, *one.Used.Bytes, int64(5<<20))
	assert.GreaterOrEqual(t, *one.Used.CapacityBytes, *one.Used.Bytes)
	assert.Empty(t, one.Unused.Since+one.Unused.Unknown, "a pod uses it")
	assert.Equal(t, []string{"published", "Pending", "none"}, []string{two.Claim, two.Phase, two.Release.State}, "another's claim is listed where a release publishes it")
	assert.Equal(t, []string{l.ns + "/publisher"}, two.Publishers)
	assert.Equal(t, "no running pod mounts the claim", two.Used.Unknown)
	assert.NotContains(t, text, "others", "another's claim is no store")
	assert.Empty(t, out.Unread)

	l.kill("trainer")
	ended := l.until(patience, func() bool {
		text, out = l.stores(c.Kubeconfig(), "-n", l.ns)
		return out.Stores[0].Unused.Since != ""
	})
	require.True(t, ended, text)
	assert.Empty(t, out.Stores[0].Pods)

	// In all namespaces, by who may view them, and by who may view only this one.
	_, all := l.stores(c.Kubeconfig(), "-A")
	assert.True(t, slices.ContainsFunc(all.Stores, func(s listedStore) bool {
		return s.Namespace == l.ns && s.Claim == release
	}))
	b := &brokenStore{store: l.store}
	viewer := b.viewer("stores@example.com")
	l.start(func() *corev1.Pod { p := start.DeepCopy(); p.ResourceVersion = ""; return p }(), "ready")
	text, out = l.stores(viewer, "-n", l.ns)
	var unread []string
	for _, u := range out.Unread {
		unread = append(unread, u.Resource)
	}
	assert.Equal(t, []string{"storageclasses", "secrets", "nodes/proxy"}, unread, text)
	assert.Equal(t, "present", out.Stores[0].Release.State, "the ConfigMap of the release is there")
	assert.Equal(t, "nodes/proxy may not be read", out.Stores[0].Used.Unknown)
	l.kill("trainer")
	l.helm("uninstall", release, "--wait")
	_, out = l.stores(viewer, "-n", l.ns)
	assert.Equal(t, "unknown", out.Stores[0].Release.State)
	assert.Empty(t, out.Stores[0].TakeBack, "nothing is taken back of which it is unknown that it is lost")
}
