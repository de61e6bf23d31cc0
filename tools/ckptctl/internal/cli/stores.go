package cli

import (
	"errors"
	"fmt"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/stores"

	"github.com/spf13/cobra"
)

func storesCommand() *cobra.Command {
	var cluster live.Connection
	var namespace, output string
	var everywhere bool
	command := &cobra.Command{
		Use:   "stores -n NAMESPACE | -A",
		Short: "List the stores of a cluster: release, phase, size, used bytes, pods, and what has no release",
		Long: `List the claims that the chart made or publishes, each with its release, and the Released volumes of claims that are gone.
Nothing is changed. For an orphan, whose release is gone or no longer has it, the commands that take it back are printed.

Used bytes are those that the kubelet of a node with a running pod reports. They are those of the file system: where the volume
is a directory of a larger one, as an NFS share may be, those of all of it. Since when a claim is unused is what its condition
Unused says, which Kubernetes writes from 1.37 on.

It needs the rights to view the namespace and to list PersistentVolumes; with -A, to view all namespaces. Without the right to
list Secrets it is unknown whether a release is gone, and without the right to get nodes/proxy, how much is used.

Exit code 0: the list is printed. 2: a usage error, or an unreachable cluster.`,
		Example: "  ckptctl stores -n training\n  ckptctl stores -A -o json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %s: must be text or json", output)
			}
			if everywhere && command.Flags().Changed("namespace") {
				return errors.New("-A lists all namespaces, and -n one: give one of them")
			}
			if everywhere {
				namespace = ""
			}
			client, err := cluster.Client()
			if err != nil {
				return err
			}
			ctx, cancel := cluster.Within(command.Context())
			defer cancel()
			report, err := stores.Read(ctx, client, namespace, stores.Kubelets(client))
			if err != nil {
				return cluster.Explain(err)
			}
			report = report.Via(cluster.Named())
			if output == "json" {
				return report.WriteJSON(command.OutOrStdout())
			}
			return report.WriteText(command.OutOrStdout(), time.Now())
		},
	}
	flags := command.Flags()
	flags.StringVarP(&namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` to list")
	flags.BoolVarP(&everywhere, "all-namespaces", "A", false, "list all namespaces")
	clusterFlags(flags, &cluster)
	flags.StringVarP(&output, "output", "o", "text", "`format`: text or json")
	complete(command, "output", "text", "json")
	return command
}
