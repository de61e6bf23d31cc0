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

// healing is how long the cluster may take to act on a repair, look the polling interval.
const healing, look = 30 * time.Second, 500 * time.Millisecond

func doctorCommand() *cobra.Command {
	var cluster live.Connection
	var namespace, output string
	var fix bool
	command := &cobra.Command{
		Use:   "doctor RELEASE -n NAMESPACE",
		Short: "Diagnose a claim that is not bound, or a pod on it that has not started, on a live cluster",
		Long: `Read a release with its claims, volumes, pods and events, and report what is wrong, why, and the commands that repair it.
A cause is reported once, with the pods that it blocks. Nothing is changed without --fix.

It needs the rights to view the namespace and to list PersistentVolumes. Other resources that it may not read
(StorageClasses, CSIDrivers, CSINodes, VolumeAttachments, Nodes, the namespace's Secrets) are listed in the report and skipped.

--fix applies only repairs that cannot lose data or grant rights, and shows each first: it removes the uid of a deleted
claim from a volume's claimRef, or sets it to that of its claim; it recreates a deleted claim from the release's manifest;
it sets the reclaim policy Retain. It deletes nothing, changes no object that has changed since it was read, and creates no
PersistentVolume: the manifest comes from a Secret of the namespace, and a volume can refer to any storage of the cluster.
The command that creates the volume is printed, with the whole volume.

Exit code 0: healthy, with or without warnings. 1: not healthy. 2: a usage error, no such release, or an unreachable cluster.`,
		Example: "  ckptctl doctor checkpoints -n training\n  ckptctl doctor checkpoints -n training --fix",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %s: must be text or json", output)
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
	flags.BoolVar(&fix, "fix", false, "apply the repairs that cannot lose data or grant rights, after showing them")
	flags.StringVarP(&output, "output", "o", "text", "`format`: text or json")
	complete(command, "output", "text", "json")
	return command
}

// clusterFlags adds the flags that select the cluster.
func clusterFlags(flags *pflag.FlagSet, cluster *live.Connection) {
	flags.StringVar(&cluster.Kubeconfig, "kubeconfig", "", "kubeconfig `file`")
	flags.StringVar(&cluster.Context, "kube-context", fromHelm("HELM_KUBECONTEXT", ""), "`context` of the kubeconfig")
	flags.DurationVar(&cluster.Timeout, "request-timeout", live.Patience, "`time` limit for an answer of the API server")
}

func examine(ctx context.Context, cluster live.Connection, client kubernetes.Interface, out io.Writer, release, namespace, output string, fix bool) error {
	snapshot, err := read(ctx, cluster, client, release, namespace)
	if err != nil {
		return err
	}
	report := doctor.Of(snapshot)
	if report.Nothing() {
		return fmt.Errorf("there is no release %s in namespace %s, and no object has its label; `helm list --namespace %s` lists the releases", release, namespace, paste.Word(namespace))
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

// read reads the release within the request timeout.
func read(ctx context.Context, cluster live.Connection, client kubernetes.Interface, release, namespace string) (*doctor.Snapshot, error) {
	ctx, cancel := cluster.Within(ctx)
	defer cancel()
	return doctor.Read(ctx, client, release, namespace)
}

// repair applies the safe repairs, and reads the release again until they have taken effect or time is up.
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

// settled reports whether every remaining diagnosis existed before and is not repaired by --fix.
func settled(before, after []doctor.Diagnosis) bool {
	return !slices.ContainsFunc(after, func(d doctor.Diagnosis) bool {
		return d.Safe || !slices.ContainsFunc(before, func(o doctor.Diagnosis) bool { return o.ID == d.ID && o.Object == d.Object })
	})
}
