package install

import (
	"fmt"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/cluster"

	"github.com/stretchr/testify/require"
)

// lifeCase is something that befalls a store in its life, and what it comes to.
type lifeCase struct {
	title string
	// prove lets it happen and returns in a word or two how it ended; what it reports by life.saw becomes the table's text.
	prove func(l *life) string
	// one says why one Helm is enough; "" where both are to show what they do.
	one string
}

// lifecycle are the cases that leave the rest of the cluster alone. A new one is a row here and a function.
var lifecycle = []lifeCase{
	{title: "installed, uninstalled, installed again; `keep: true`", prove: reinstalledKept},
	{title: "installed, uninstalled, installed again; `keep: false`", prove: reinstalledNotKept},
	{title: "the same with a class of the store's own, which retains its volumes; `keep: false`", prove: reinstalledDynamic},
	{title: "the claim alone is deleted", prove: claimDeleted},
	{title: "the volume alone is deleted", prove: volumeDeleted},
	{title: "the volume alone is deleted, and its finalizer taken away", prove: volumeStripped},
	{title: "an upgrade by replacement: `--force`, `--force-replace`", prove: forced},
	{title: "the same where the volume was made for the claim", prove: forcedDynamic},
	{title: "an install that fails: `--atomic`, `--rollback-on-failure`; `keep: true`", prove: atomicInstallKept},
	{title: "an install that fails: `--atomic`, `--rollback-on-failure`; `keep: false`", prove: atomicInstallNotKept},
	{title: "an upgrade that fails: `--atomic`, `--rollback-on-failure`", prove: atomicUpgrade},
	{title: "a claim grows, and `helm rollback` is to undo it", prove: rollbackOverExpansion},
	{title: "a claim was grown by hand (`kubectl edit`), and its release is upgraded", prove: grownByHand},
	{title: "labels, annotations, mount options change", prove: upgradedGently},
	{title: "the reclaim policy was set to Delete by hand", prove: policyByHand},
	{title: "a static store is to change what cannot change", prove: refusedStatic},
	{title: "a dynamic store is to change what cannot change", prove: refusedDynamic},
	{title: "another claim wants the volume, before and after", prove: decoys},
	{title: "two releases name the same storage", prove: sameStorage},
	{title: "a volume and a claim made by hand are taken over: `--take-ownership`; and given back", prove: adoptedByFlag},
	{title: "a volume and a claim made by hand are taken over: by labels and annotations", prove: adoptedByLabels},
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
	{title: "ReadWriteOnce on a second node: storage that is attached to none", prove: onceOnTwoNodes, one: noHelm},
	{title: "`shards: 8`, and a StatefulSet with a rank for each", prove: shardsStatefulSet},
	{title: "`shards: 8`, and Jobs with a rank for each", prove: shardsJob},
	{title: "shards are added, and taken away", prove: scaled},
}

// generations are the Helms that each case is shown with.
var generations = []struct{ name, program, suffix string }{
	{"Helm 3", "helm", "3"},
	{"Helm 4", "helm4", "4"},
}

// TestLifecycle lets happen to a store what happens to stores, and holds that no byte is lost and no claim left without
// a way out. What it saw is LIFECYCLE.md; `go test ./test/install -run TestLifecycle -update` writes it anew.
func TestLifecycle(t *testing.T) {
	isHeavy(t)
	t.Parallel()
	runLifecycle(t, cluster.Open(t), lifecycle, true)
}

// runLifecycle proves the cases with each Helm, all at once or one after the other, and compares the table with them.
func runLifecycle(t *testing.T, c cluster.Cluster, cases []lifeCase, atOnce bool) {
	seen := newLifeTable(cases, lifeHeadSeen(t, c))
	t.Cleanup(func() { seen.compare(t) })
	for _, row := range cases {
		for i, generation := range generations {
			if row.one != "" && i > 0 {
				continue
			}
			// Not by its title: Helm takes a comma in a path for the end of one.
			t.Run(functionName(row.prove)+"/"+generation.program, func(t *testing.T) {
				if atOnce {
					t.Parallel()
				}
				l := newLife(t, c, fmt.Sprintf("life-%s-%s", lifeID(row), generation.suffix))
				l.program = generation.program
				ended := row.prove(l)
				require.NotEmpty(t, ended)
				l.everythingRead()
				seen.note(row, generation.name, ended, l)
			})
		}
	}
}

// lifeID is the case as part of the names of its objects: its function is called like nothing else.
func lifeID(c lifeCase) string { return strings.ToLower(functionName(c.prove)) }
