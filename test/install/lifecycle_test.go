package install

import (
	"fmt"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
)

// lifecycleCase is an event in the lifecycle of a store.
type lifecycleCase struct {
	title string
	// prove runs the case and returns its result in a word or two; sentences reported by lifecycleStore.saw go into the
	// table.
	prove func(l *lifecycleStore) string
	// one says why one Helm is enough; "" to run the case with both.
	one string
}

// lifecycle are the cases that do not affect the rest of the cluster. A new case is a row here and a function.
var lifecycle = []lifecycleCase{
	{title: "installed, uninstalled, installed again; `keep: true`", prove: reinstalledKept},
	{title: "installed, uninstalled, installed again; `keep: false`", prove: reinstalledNotKept},
	{title: "the same with the store's own class and reclaim policy Retain; `keep: false`", prove: reinstalledDynamic},
	{title: "the claim alone is deleted", prove: claimDeleted},
	{title: "the volume alone is deleted", prove: volumeDeleted},
	{title: "the volume alone is deleted, and its finalizer removed", prove: volumeStripped},
	{title: "a backup tool restores claim and volume, without their binding", prove: backupDropsBinding},
	{title: "the same with the claim's uid in `spec.claimRef` of the volume", prove: backupKeepsUID},
	{title: "the same with all that the binding has written", prove: backupKeepsBinding},
	{title: "an upgrade by replacement: `--force`, `--force-replace`", prove: forced},
	{title: "the same with a provisioned volume", prove: forcedDynamic},
	{title: "an install that fails: `--atomic`, `--rollback-on-failure`; `keep: true`", prove: atomicInstallKept},
	{title: "an install that fails: `--atomic`, `--rollback-on-failure`; `keep: false`", prove: atomicInstallNotKept},
	{title: "an upgrade that fails: `--atomic`, `--rollback-on-failure`", prove: atomicUpgrade},
	{title: "a claim is expanded, and `helm rollback` is to undo it", prove: rollbackOverExpansion},
	{title: "a claim was expanded by hand (`kubectl edit`), and its release is upgraded", prove: grownByHand},
	{title: "labels, annotations, mount options change", prove: upgradedGently},
	{title: "the chart's last release is upgraded to this one", prove: upgradedRelease},
	{title: "the last release is upgraded to this one, with a provisioned volume", prove: upgradedReleaseDynamic},
	{title: "the reclaim policy was set to Delete by hand", prove: policyByHand},
	{title: "a static store changes immutable fields", prove: refusedStatic},
	{title: "a dynamic store changes immutable fields", prove: refusedDynamic},
	{title: "another claim matches the volume, before and after", prove: decoys},
	{title: "two releases name the same storage", prove: sameStorage},
	{title: "a volume and a claim created by hand are adopted: `--take-ownership`; and released", prove: adoptedByFlag},
	{title: "a volume and a claim created by hand are adopted: by labels and annotations", prove: adoptedByLabels},
	{title: "two namespaces have a release of the same name", prove: twoNamespaces},
	{title: "a parent chart has the chart under two aliases", prove: twoAliases},
	{title: "`fullnameOverride` renames the store", prove: renamed},
	{title: "`claim.existing` names the release's own claim", prove: existingOwn},
	{title: "`--wait` with a static volume", prove: waitStatic},
	{title: "`--wait` with a class that binds at once", prove: waitImmediate},
	{title: "`--wait` with a class that waits for the first pod", prove: waitFirstConsumer},
	{title: "a ResourceQuota that is too small", prove: quota},
	{title: "a pod that is not root, with fsGroup and without, under restricted Pod Security", prove: withFSGroup, one: noHelm},
	{title: "ReadWriteOnce on a second node: a disk of one node", prove: elsewhere, one: noHelm},
	{title: "ReadWriteOnce on a second node: storage that is not attached", prove: onceOnTwoNodes, one: noHelm},
	{title: "`shards: 8`, and a StatefulSet with a rank for each", prove: shardsStatefulSet},
	{title: "`shards: 8`, and Jobs with a rank for each", prove: shardsJob},
	{title: "shards are added and removed", prove: scaled},
}

// generations are the Helms that cases run with.
var generations = []struct{ name, program, suffix string }{
	{"Helm 3", "helm", "3"},
	{"Helm 4", "helm4", "4"},
}

// TestLifecycle runs every case, and checks that no data is lost and that every broken claim can be repaired. The results
// are LIFECYCLE.md; `go test ./test/install -run TestLifecycle -update` writes it.
func TestLifecycle(t *testing.T) {
	isHeavy(t)
	t.Parallel()
	runLifecycle(t, cluster.Open(t), lifecycle, true)
}

// runLifecycle runs the cases with each Helm, in parallel or in order, and compares the table.
func runLifecycle(t *testing.T, c cluster.Cluster, cases []lifecycleCase, atOnce bool) {
	seen := newLifecycleTable(cases, lifecycleHeadSeen(t, c))
	t.Cleanup(func() { seen.compare(t) })
	for _, row := range cases {
		for i, generation := range generations {
			if row.one != "" && i > 0 {
				continue
			}
			// Not named by its title: Helm splits file names at commas.
			t.Run(functionName(row.prove)+"/"+generation.program, func(t *testing.T) {
				if atOnce {
					t.Parallel()
				}
				l := newLifecycleStore(t, c, fmt.Sprintf("life-%s-%s", lifecycleID(row), generation.suffix))
				l.program = generation.program
				ended := row.prove(l)
				require.NotEmpty(t, ended)
				l.everythingRead()
				seen.note(row, generation.name, ended, l)
			})
		}
	}
}

// lifecycleID is the part of object names for a case: the name of its function.
func lifecycleID(c lifecycleCase) string { return strings.ToLower(functionName(c.prove)) }
