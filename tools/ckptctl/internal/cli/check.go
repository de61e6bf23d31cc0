package cli

import (
	"fmt"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/spf13/cobra"
)

func checkCommand() *cobra.Command {
	var in check.Inputs
	var chart, output, release string
	var strict bool
	command := &cobra.Command{
		Use:   "check [-f FILE]... [--set KEY=VALUE]...",
		Short: "Check values against the schema and against what the backend can do",
		Long: `Check values as Helm would merge them: the chart's defaults, then every -f in order, then every --set.

Exit code 0: no errors. 1: errors. 2: an input that cannot be read.`,
		Example: `  ckptctl check -f base.yaml -f clusters/berlin.yaml
  ckptctl check -f values.yaml --set size=2Ti -o json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("-o %s: it is text or json", output)
			}
			c, err := load(chart)
			if err != nil {
				return err
			}
			result, err := c.Check(in, release)
			if err != nil {
				return err
			}
			if output == "json" {
				err = report.JSON(command.OutOrStdout(), result.Findings)
			} else {
				report.Text(command.OutOrStdout(), result.Findings, "ok: "+result.Summary())
			}
			if err != nil {
				return err
			}
			if found, warnings := report.Count(result.Findings); found > 0 || strict && warnings > 0 {
				return errFound
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&in.Files, "values", "f", nil, "values `file`; may be given several times, the last one wins")
	flags.StringArrayVar(&in.Set, "set", nil, "set a `key=value`, as Helm does")
	flags.StringArrayVar(&in.SetString, "set-string", nil, "set a `key=value` to a string, as Helm does")
	flags.StringArrayVar(&in.JSON, "set-json", nil, "set a `key=value` to a JSON value, as Helm does")
	flags.StringVar(&chart, "chart", "", "`folder` of the chart; left out, the chart that ckptctl was built with")
	flags.StringVar(&release, "release", "checkpoints", "`name` of the release")
	flags.StringVarP(&output, "output", "o", "text", "`format`: text or json")
	flags.BoolVar(&strict, "strict", false, "exit with 1 on warnings too")
	return command
}
