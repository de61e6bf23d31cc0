package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/project"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkOptions are the options of check.
type checkOptions struct {
	in       check.Inputs
	settings settingFlags
	output   string
	strict   bool
	fix      bool
}

func checkCommand() *cobra.Command {
	var o checkOptions
	command := &cobra.Command{
		Use:   "check [-f FILE]... [--set KEY=VALUE]... [--each GLOB]... [FILE]...",
		Short: "Check values against the schema and against what the backend can do",
		Long: `Check values as Helm would merge them: the chart's defaults, then every -f in order, then every --set.

With --each, or with files that are given without -f, each such file is merged separately over the -f files: a base file
and one overlay for each cluster. If both a folder and the file of the GLOB contain a *, the files of one folder are the
releases of one cluster, named after their files; otherwise every file is a cluster.

Where this folder or one above has a project file, ` + project.Name + `, it says which base and overlays there are and what is known
of each cluster: without arguments all are checked, and a flag takes the place of what the file says.

With --chart PARENT, every checkpoint-storage dependency of that chart is checked, at any depth, under its alias.

A comment accepts a warning, with a reason: # ckptctl:accept W03 the disk is mounted by the node's image

--fix first makes the fixes that are proven to change nothing else: the finding goes, none comes, and all other values,
comments and the order stay. It edits the files that were named, and prints what it changed to the standard error.

Exit code 0: no errors. 1: errors. 2: an input that cannot be read.`,
		Example: `  ckptctl check
  ckptctl check -f base.yaml -f clusters/berlin.yaml
  ckptctl check -f base.yaml --each 'clusters/*.yaml' -o sarif
  ckptctl check -f values.yaml --fix
  ckptctl check --chart charts/training-job -f values.yaml --set checkpoints.size=2Ti`,
		RunE: o.run,
	}
	flags := command.Flags()
	inputFlags(flags, &o.in, &o.settings.Settings)
	o.settings.add(flags)
	flags.StringVar(&o.settings.KubeVersion, "kube-version", "", "`version` of the cluster, such as 1.33: warn of features that it does not have")
	flags.StringVar(&o.settings.Quota, "quota", "", "total `size` that the claims of a cluster may request, such as 10Ti: warn if they request more")
	flags.StringVarP(&o.output, "output", "o", "text", "`format`: "+strings.Join(report.Formats(), ", "))
	flags.BoolVar(&o.fix, "fix", false, "make the fixes that are proven to change nothing else, then check")
	flags.BoolVar(&o.strict, "strict", false, "exit with 1 on warnings too")
	complete(command, "output", report.Formats()...)
	complete(command, "helm", "3", "4")
	return command
}

// inputFlags are the options by which Helm reads values.
func inputFlags(flags *pflag.FlagSet, in *check.Inputs, settings *project.Settings) {
	flags.StringSliceVarP(&in.Files, "values", "f", nil, "values `file`, or - for the standard input; several with commas or one by one, the last one wins")
	flags.StringArrayVar(&in.Set, "set", nil, "set a `key=value`, as Helm does")
	flags.StringArrayVar(&in.SetString, "set-string", nil, "set a `key=value` to a string, as Helm does")
	flags.StringArrayVar(&in.SetJSON, "set-json", nil, "set a `key=value` to a JSON value, as Helm does")
	flags.StringArrayVar(&in.SetFile, "set-file", nil, "set a `key=file` to what the file holds, as Helm does")
	flags.StringArrayVar(&in.SetLiteral, "set-literal", nil, "set a `key=value` to a string as it stands, as Helm does")
	flags.StringVar(&settings.Chart, "chart", "", "`folder` or archive (.tgz) of the chart, or of a parent chart; default: the chart that ckptctl was built with")
	flags.StringVar(&settings.Release, "release", "checkpoints", "`name` of the release")
	flags.StringVarP(&settings.Namespace, "namespace", "n", fromHelm("HELM_NAMESPACE", "default"), "`namespace` of the release")
	flags.IntVar(&settings.Helm, "helm", 3, "`generation` of Helm that reads the values, 3 or 4: they differ in null, and in files of several documents")
}

// fromHelm returns a global flag that Helm passes to its plugins in the environment.
func fromHelm(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}

// complete registers the values of a flag for shell completion.
func complete(command *cobra.Command, flag string, words ...string) {
	_ = command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func (o *checkOptions) run(command *cobra.Command, args []string) error {
	if !report.Known(o.output) {
		return fmt.Errorf("-o %s: must be one of: %s", o.output, strings.Join(report.Formats(), ", "))
	}
	s, err := scoped(command, o.settings, o.in, args)
	if err != nil {
		return err
	}
	if s.project == nil && !given(command.Flags(), "values", "set", "set-string", "set-json", "set-file", "set-literal", "chart") && len(s.overlays) == 0 {
		return errNothing
	}
	if s.project != nil {
		if !s.changed("output") && s.project.Output != "" {
			o.output = s.project.Output
		}
		o.strict = o.strict || s.project.Strict && !s.changed("strict")
	}
	out := report.Report{Version: version(), Color: colored(command.OutOrStdout())}
	unreadable := false
	if len(s.overlays) > 0 {
		overlays, err := s.checked()
		if err != nil {
			return err
		}
		shared := check.Release{Stdin: command.InOrStdin()}
		if o.fix {
			if shared, err = fix(command, overlays[0].Chart, s.in, overlays, shared); err != nil {
				return err
			}
		}
		fleet, err := check.Each(s.in, overlays, shared.Stdin, progress(command.ErrOrStderr(), len(overlays)))
		if err != nil {
			return err
		}
		out.Findings, out.Clusters, unreadable = fleet.Findings, fleet.Clusters, fleet.Unreadable()
	} else {
		chart, _, err := s.chart("", s.flags.Settings)
		if err != nil {
			return err
		}
		release, err := s.of(s.flags.Settings)
		if err != nil {
			return err
		}
		release.Stdin = command.InOrStdin()
		if o.fix {
			if release, err = fix(command, chart, s.in, nil, release); err != nil {
				return err
			}
		}
		result, err := chart.Check(s.in, release)
		if err != nil {
			return err
		}
		lines := make([]string, 0, len(result.Stores))
		for _, store := range result.Stores {
			lines = append(lines, "ok: "+plain.Line(store.Summary()))
		}
		out.Findings, out.Closing = result.Findings, strings.Join(lines, "\n")
	}
	if err := report.Write(command.OutOrStdout(), o.output, out); err != nil {
		return err
	}
	if unreadable {
		return errUnreadable
	}
	if found, warnings := report.Count(out.Findings); found > 0 || o.strict && warnings > 0 {
		return errFound
	}
	return nil
}

func generation(helm int) (check.Helm, error) {
	if helm != 3 && helm != 4 {
		return 0, fmt.Errorf("--helm %d: must be 3 or 4", helm)
	}
	return check.Helm(helm), nil
}

// minor reads the second number of a Kubernetes version.
func minor(version string) (int, error) {
	if version == "" {
		return 0, nil
	}
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0, fmt.Errorf("--kube-version %s: write it like 1.33", version)
	}
	n, err := strconv.Atoi(strings.TrimRight(parts[1], "+"))
	if err != nil {
		return 0, fmt.Errorf("--kube-version %s: write it like 1.33", version)
	}
	return n, nil
}

// errNothing is the error of a check that has nothing to check.
var errNothing = fmt.Errorf(`no values are named. Name them:
  ckptctl check -f values.yaml
  ckptctl check -f base.yaml --each 'clusters/*.yaml'
or describe the clusters in a file %s in this folder or above:
  base: base.yaml
  overlays: clusters/*.yaml`, project.Name)

// given reports whether one of the flags was given.
func given(flags *pflag.FlagSet, names ...string) bool {
	return slices.ContainsFunc(names, flags.Changed)
}

// colored reports whether a stream is a terminal and colours are not disabled.
func colored(stream io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(stream)
}

func terminal(stream io.Writer) bool {
	if writer, ok := stream.(plain.Writer); ok {
		return writer.Decorated
	}
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

// progress shows the number of checked overlays on a terminal.
func progress(stream io.Writer, all int) func(int) {
	if !terminal(stream) {
		return func(int) {}
	}
	step := max(1, all/100)
	return func(done int) {
		switch {
		case done == all:
			fmt.Fprint(stream, plain.Rewind)
		case done%step == 0:
			fmt.Fprintf(stream, plain.Rewind+"%d of %d checked", done, all)
		}
	}
}
