package cli

import (
	"fmt"
	"io/fs"
	"strings"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/project"

	"github.com/spf13/cobra"
)

func diffCommand() *cobra.Command {
	var old, fresh check.Side
	var settings settingFlags
	var cluster check.Connection
	var output, against string
	command := &cobra.Command{
		Use:   "diff --from FILE... --to FILE... | --release NAME -n NAMESPACE --to FILE... | --against git:REVISION [FILE]...",
		Short: "Check whether an upgrade is possible and keeps the data",
		Long: `Compare the objects of two sets of values, and report what Kubernetes does not change, what Helm would delete, and what
would be left behind. The old side is the files of --from, or the live release when there are none. When the chart changes too,
--from-chart names the chart of the old files.

With --against git:REVISION the old side is the same files at that revision of the repository, with the chart if it is in the
repository too: of the overlays of the project file ` + project.Name + `, or of --to and --each, those that changed are compared. What
is wrong with many clusters is said once. git:main... is where the current branch left main.

Exit code 0: the upgrade goes through and keeps the data. 1: it is refused, or loses data. 2: an input cannot be read.`,
		Example: `  ckptctl diff --from base.yaml --from old/berlin.yaml --to base.yaml --to clusters/berlin.yaml
  ckptctl diff --from values.yaml --from-chart checkpoint-storage-0.1.0.tgz --to values.yaml
  ckptctl diff --against git:origin/main
  ckptctl diff --against git:v1.2 --to base.yaml --each 'clusters/*.yaml'
  ckptctl diff --release checkpoints -n training --to base.yaml --to clusters/berlin.yaml`,
		RunE: func(command *cobra.Command, args []string) error {
			if !report.Known(output) {
				return fmt.Errorf("-o %s: must be one of: %s", output, strings.Join(report.Formats(), ", "))
			}
			if against != "" {
				settings.Chart, settings.Context = fresh.Place, cluster.Context
				return diffAgainst(command, against, settings, old, fresh.Inputs, args, output)
			}
			if len(args)+len(settings.each) > 0 {
				return fmt.Errorf("overlays are compared with a revision: add --against git:main, or name the files with --from and --to")
			}
			generation, err := generation(settings.Helm)
			if err != nil {
				return err
			}
			release := check.Release{Name: settings.Release, Namespace: settings.Namespace}
			if len(old.Files) == 0 && old.Place != "" {
				return fmt.Errorf("--from-chart %s: without --from the old side is the manifest that Helm has stored, and needs no chart; leave it out, or give the old values with --from", old.Place)
			}
			if old.Chart, err = itself("--from-chart", old.Place); err != nil {
				return err
			}
			if fresh.Chart, err = itself("--chart", fresh.Place); err != nil {
				return err
			}
			if fresh.Chart == nil {
				fresh.Chart, fresh.Place = embedded.FS, "./charts/"+check.Name
			}
			findings, err := check.Diff(command.Context(), generation, old, fresh, release, cluster)
			if err != nil {
				return err
			}
			out := report.Report{Findings: findings, Version: version(), Color: colored(command.OutOrStdout()),
				Closing: fmt.Sprintf("ok: %s: the upgrade goes through, and the data stays where it is", release.Name)}
			if err := report.Write(command.OutOrStdout(), output, out); err != nil {
				return err
			}
			if found, _ := report.Count(findings); found > 0 {
				return errFound
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&old.Files, "from", nil, "values `file` of the release as it is; may be given several times; left out, the live release")
	flags.StringSliceVar(&fresh.Files, "to", nil, "values `file` of the release as it is to be; may be given several times")
	flags.StringArrayVar(&fresh.Set, "set", nil, "set a `key=value` on the new side, as Helm does")
	flags.StringVar(&settings.Release, "release", "checkpoints", "`name` of the release")
	flags.StringVarP(&settings.Namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` of the release")
	clusterFlags(flags, &cluster)
	flags.StringVar(&fresh.Place, "chart", "", "`folder` or archive (.tgz) of the chart; default: the chart that ckptctl was built with")
	flags.StringVar(&old.Place, "from-chart", "", "`folder` or archive (.tgz) of the chart that the values of --from are for; left out, the chart of the new side")
	flags.IntVar(&settings.Helm, "helm", 3, "`generation` of Helm that reads the values, 3 or 4")
	flags.StringVar(&against, "against", "", "compare with the same files at a `revision` of the git repository, such as git:main")
	settings.add(flags)
	flags.StringVarP(&output, "output", "o", "text", "`format`: "+strings.Join(report.Formats(), ", "))
	complete(command, "output", report.Formats()...)
	complete(command, "helm", "3", "4")
	return command
}

// itself opens the chart that an option names, and refuses a parent chart; nil if the option is not given.
func itself(option, path string) (fs.FS, error) {
	if path == "" {
		return nil, nil
	}
	name, files, err := open(option, path)
	if err != nil {
		return nil, err
	}
	if name != check.Name {
		return nil, fmt.Errorf("%s %s: diff compares the values of %s itself", option, path, check.Name)
	}
	return files, nil
}
