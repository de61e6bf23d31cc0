package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/live"
	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
)

// healing is how long the cluster may take to make use of a repair, and how often it is looked at.
const healing, look = 30 * time.Second, 500 * time.Millisecond

func doctorCommand() *cobra.Command {
	var cluster live.Connection
	var namespace, output string
	var fix bool
	command := &cobra.Command{
		Use:   "doctor RELEASE -n NAMESPACE",
		Short: "Say why a claim is not bound, or a pod on it has not started, on a live cluster",
		Long: `Read a release with its claims, volumes, pods and events, and say in plain words what is wrong, why, and with which command
it is repaired. A cause is named once, and what only follows from it stands with it. Nothing is changed without --fix.

It needs the right to view the namespace, and to list PersistentVolumes; what else it may not read (StorageClasses,
CSIDrivers, CSINodes, VolumeAttachments, Nodes, the namespace's Secrets) it names, and goes on without.

--fix applies those repairs that cannot lose data and give nobody rights, and shows each before it does: a volume forgets
the uid of a claim that is gone, or learns that of its claim; a claim that was deleted is made anew as the release has it;
a reclaim policy becomes Retain. It deletes nothing, changes nothing that is no longer as it was looked at, and makes no
volume: what a release is to have stands in a Secret of its namespace, and a volume leads to storage of the whole cluster.
The command that makes one is printed, with the volume as it would be.

Exit code 0: healthy, warnings or not. 1: not healthy. 2: a usage error, no such release, or a cluster that cannot be asked.`,
		Example: "  ckptctl doctor checkpoints -n training\n  ckptctl doctor checkpoints -n training --fix",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %s: it is text or json", output)
			}
			client, err := cluster.Client()
			if err != nil {
				return err
			}
			return cluster.Explain(examine(command.Context(), cluster, client, command.OutOrStdout(), args[0], namespace, output, fix))
		},
	}
	flags := command.Flags()
	flags.StringVarP(&namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` of the release")
	clusterFlags(flags, &cluster)
	flags.BoolVar(&fix, "fix", false, "apply the repairs that cannot lose data and give nobody rights, after showing them")
	flags.StringVarP(&output, "output", "o", "text", "`format`: text or json")
	complete(command, "output", "text", "json")
	return command
}

// clusterFlags are the options that say which cluster to ask.
func clusterFlags(flags *pflag.FlagSet, cluster *live.Connection) {
	flags.StringVar(&cluster.Kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster")
	flags.StringVar(&cluster.Context, "kube-context", fromHelm("HELM_KUBECONTEXT", ""), "`context` of the kubeconfig")
	flags.DurationVar(&cluster.Timeout, "request-timeout", live.Patience, "`time` that the API server may take for an answer")
}

func examine(ctx context.Context, cluster live.Connection, client kubernetes.Interface, out io.Writer, release, namespace, output string, fix bool) error {
	snapshot, err := read(ctx, cluster, client, release, namespace)
	if err != nil {
		return err
	}
	report := doctor.Of(snapshot)
	if report.Nothing() {
		return fmt.Errorf("there is no release %s in namespace %s, and nothing is labelled as its own; `helm list --namespace %s` shows what is there", release, namespace, paste.Word(namespace))
	}
	if fix && slices.ContainsFunc(report.Diagnoses, func(d doctor.Diagnosis) bool { return d.Safe }) {
		if report, err = repair(ctx, cluster, client, out, report, output); err != nil {
			return err
		}
	}
	write := report.WriteText
	if output == "json" {
		write = report.WriteJSON
	}
	if err := write(out); err != nil {
		return err
	}
	if !report.Healthy {
		return errFound
	}
	return nil
}

// read reads the release in the time that the cluster is given.
func read(ctx context.Context, cluster live.Connection, client kubernetes.Interface, release, namespace string) (*doctor.Snapshot, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	return doctor.Read(ctx, client, release, namespace)
}

// repair applies what is safe, and looks again until nothing more of it is left to do, or the cluster has had its time.
func repair(ctx context.Context, cluster live.Connection, client kubernetes.Interface, out io.Writer, report doctor.Report, output string) (doctor.Report, error) {
	if output == "text" {
		if err := report.WriteText(out); err != nil {
			return report, err
		}
	}
	var done []paste.Line
	err := doctor.Fix(ctx, client, report.Diagnoses, func(d doctor.Diagnosis, c doctor.Change) {
		done = append(done, c.Command)
		if output == "text" {
			fmt.Fprintf(out, "fix: %s: %s\n", plain.Line(d.Object), c.Command)
		}
	})
	if err != nil {
		return report, err
	}
	if output == "text" {
		fmt.Fprintln(out)
	}
	before := report.Diagnoses
	for deadline := time.Now().Add(healing); ; time.Sleep(look) {
		snapshot, err := read(ctx, cluster, client, report.Release, report.Namespace)
		if err != nil {
			return report, err
		}
		report = doctor.Of(snapshot)
		report.Fixed = slices.Compact(done)
		if report.Healthy || settled(before, report.Diagnoses) || time.Now().After(deadline) {
			return report, nil
		}
	}
}

// settled says that what is left is not for --fix, and was there before: it needs no waiting for.
func settled(before, after []doctor.Diagnosis) bool {
	return !slices.ContainsFunc(after, func(d doctor.Diagnosis) bool {
		return d.Safe || !slices.ContainsFunc(before, func(o doctor.Diagnosis) bool { return o.ID == d.ID && o.Object == d.Object })
	})
}
