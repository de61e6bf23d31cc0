package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// again is how long --watch waits before it reads again: a claim is bound within seconds, and the API server has other work.
const again = 2 * time.Second

func doctorCommand() *cobra.Command {
	var cluster live.Connection
	var d examination
	command := &cobra.Command{
		Use:   "doctor [RELEASE] -n NAMESPACE",
		Short: "Diagnose a claim that is not bound, or a pod on it that has not started, on a live cluster",
		Long: `Read a release with its claims, volumes, pods and events, and report what is wrong, why, and the commands that repair it.
A cause is reported once, with the pods that it blocks. Nothing is changed without --fix. Without RELEASE, every release of the
namespace that has, or had, a store is examined.

--watch reads again until everything is healthy, and prints each report that differs from the last; it also waits for a release
that does not exist yet. --timeout ends it.

It needs the rights to view the namespace and to list PersistentVolumes. Other resources that it may not read
(StorageClasses, CSIDrivers, CSINodes, VolumeAttachments, Nodes, the namespace's Secrets) are listed in the report and skipped.

--fix applies only repairs that cannot lose data or grant rights, and shows each first: it removes the uid of a deleted
claim from a volume's claimRef, or sets it to that of its claim; it recreates a deleted claim from the release's manifest;
it sets the reclaim policy Retain. It deletes nothing, changes no object that has changed since it was read, and creates no
PersistentVolume: the manifest comes from a Secret of the namespace, and a volume can refer to any storage of the cluster.
The command that creates the volume is printed, with the whole volume.

Exit code 0: healthy, with or without warnings. 1: not healthy, also when --timeout is over. 2: a usage error, no such release, or
an unreachable cluster.`,
		Example: "  ckptctl doctor checkpoints -n training\n  ckptctl doctor checkpoints -n training --fix\n  ckptctl doctor -n training --watch --timeout 10m",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if d.output != "text" && d.output != "json" {
				return fmt.Errorf("-o %s: must be text or json", d.output)
			}
			if len(args) > 0 {
				d.release = args[0]
			}
			switch {
			case d.fix && d.release == "":
				return errors.New("--fix repairs one release: name it")
			case d.fix && d.watch:
				return errors.New("--fix waits for its repairs by itself: leave out --watch")
			case command.Flags().Changed("timeout") && !d.watch:
				return errors.New("--timeout ends --watch, which is not given; --request-timeout limits one request")
			}
			client, err := cluster.Client()
			if err != nil {
				return err
			}
			d.cluster, d.client, d.out = cluster, client, command.OutOrStdout()
			return cluster.Explain(d.examine(command.Context()))
		},
	}
	flags := command.Flags()
	flags.StringVarP(&d.namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` of the release, or of all that are examined")
	clusterFlags(flags, &cluster)
	flags.BoolVar(&d.fix, "fix", false, "apply the repairs that cannot lose data or grant rights, after showing them")
	flags.BoolVar(&d.watch, "watch", false, "read again until everything is healthy")
	flags.DurationVar(&d.timeout, "timeout", 0, "`time` after which --watch ends; 0: never")
	flags.StringVarP(&d.output, "output", "o", "text", "`format`: text or json")
	complete(command, "output", "text", "json")
	return command
}

// clusterFlags adds the flags that select the cluster.
func clusterFlags(flags *pflag.FlagSet, cluster *live.Connection) {
	flags.StringVar(&cluster.Kubeconfig, "kubeconfig", "", "kubeconfig `file`")
	flags.StringVar(&cluster.Context, "kube-context", fromHelm("HELM_KUBECONTEXT", ""), "`context` of the kubeconfig")
	flags.DurationVar(&cluster.Timeout, "request-timeout", live.Patience, "`time` limit for an answer of the API server")
}

// examination is one run of doctor.
type examination struct {
	cluster live.Connection
	client  kubernetes.Interface
	out     io.Writer
	// release is "" for all of the namespace.
	release, namespace, output string
	fix, watch                 bool
	timeout                    time.Duration
}

// result is one report, or those of a namespace.
type result interface {
	WriteText(io.Writer) error
	WriteJSON(io.Writer) error
}

func (d examination) examine(ctx context.Context) error {
	if d.watch {
		return d.follow(ctx)
	}
	found, healthy, err := d.once(ctx)
	if err != nil {
		return err
	}
	if err := d.write(d.out, found); err != nil {
		return err
	}
	if !healthy {
		return errFound
	}
	return nil
}

// once examines the release, or the namespace.
func (d examination) once(ctx context.Context) (result, bool, error) {
	if d.release == "" {
		return d.all(ctx)
	}
	snapshot, err := read(ctx, d.cluster, d.client, d.release, d.namespace)
	if err != nil {
		return nil, false, err
	}
	report := doctor.Of(snapshot).Via(d.cluster.Named())
	if report.Nothing() {
		return nil, false, absentError{fmt.Errorf("there is no release %s in namespace %s, and no object has its label; `helm list --namespace %s` lists the releases", d.release, d.namespace, paste.Word(d.namespace))}
	}
	if d.fix && slices.ContainsFunc(report.Diagnoses, func(d doctor.Diagnosis) bool { return d.Safe }) {
		if report, err = repair(ctx, d.cluster, d.client, d.out, report, d.output); err != nil {
			return nil, false, err
		}
	}
	return report, report.Healthy, nil
}

// absentError says that there is nothing to examine; --watch waits for it.
type absentError struct{ error }

// all examines every release of the namespace.
func (d examination) all(ctx context.Context) (result, bool, error) {
	limited, cancel := d.cluster.Within(ctx)
	defer cancel()
	names, err := doctor.Releases(limited, d.client, d.namespace)
	if err != nil {
		return nil, false, err
	}
	if len(names) == 0 {
		return nil, false, absentError{fmt.Errorf("no release of namespace %s has a store; `ckptctl stores -A` lists the stores of the cluster", d.namespace)}
	}
	out := doctor.Namespace{Namespace: d.namespace, Healthy: true}
	for _, name := range names {
		snapshot, err := read(ctx, d.cluster, d.client, name, d.namespace)
		if err != nil {
			return nil, false, err
		}
		report := doctor.Of(snapshot).Via(d.cluster.Named())
		out.Releases = append(out.Releases, report)
		out.Healthy = out.Healthy && report.Healthy
	}
	return out, out.Healthy, nil
}

func (d examination) write(out io.Writer, found result) error {
	if d.output == "json" {
		return found.WriteJSON(out)
	}
	return found.WriteText(out)
}

// follow examines until everything is healthy or the time is over, and prints each result that differs from the last.
func (d examination) follow(ctx context.Context) error {
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	last, end := "", errFound
	for {
		found, healthy, err := d.once(ctx)
		var absent absentError
		switch {
		case err != nil && ctx.Err() != nil:
			return end
		case errors.As(err, &absent):
			// It may be installed yet.
			end = err
		case err != nil:
			return err
		default:
			var text strings.Builder
			if err := d.write(&text, found); err != nil {
				return err
			}
			if text.String() != last {
				last = text.String()
				if _, err := io.WriteString(d.out, last); err != nil {
					return err
				}
			}
			if healthy {
				return nil
			}
			end = errFound
		}
		select {
		case <-ctx.Done():
			return end
		case <-time.After(again):
		}
	}
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
		done = append(done, c.Command.Via(cluster.Named()))
		if output == "text" {
			fmt.Fprintf(out, "fix: %s: %s\n", plain.Line(d.Object), c.Command.Via(cluster.Named()))
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
		report = doctor.Of(snapshot).Via(cluster.Named())
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
