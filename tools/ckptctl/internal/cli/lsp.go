package cli

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/lsp"
	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/spf13/cobra"
)

func lspCommand() *cobra.Command {
	var in check.Inputs
	var settings settingFlags
	command := &cobra.Command{
		Use:   "lsp [-f FILE]... [--set KEY=VALUE]... [--each GLOB]...",
		Short: "Check values while they are edited: a language server for editors",
		Long: `Speak the Language Server Protocol on standard input and output: what check finds is shown where it is, hovering over a
key, a backend or a rule explains it, and the fixes of check --fix are offered as quick fixes.

A document is merged over the -f files, with what the editor has of them; a document that is one of the -f files is judged
in its place. With --each, or in a project, only the base files and the overlays are judged, and a base file with each of them.`,
		Example: `  ckptctl lsp
  ckptctl lsp -f base.yaml --each 'clusters/*.yaml'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			first, err := scoped(command, settings, in, nil)
			if err != nil {
				return err
			}
			chart, _, err := first.chart("", first.flags.Settings)
			if err != nil {
				return err
			}
			release, err := first.of(first.flags.Settings)
			if err != nil {
				return err
			}
			config := lsp.Config{Chart: chart, Inputs: first.in, Release: release, Version: version()}
			if len(first.overlays) > 0 {
				// Files come and go while an editor runs.
				config.Overlays = func() ([]check.Overlay, error) {
					s, err := scoped(command, settings, in, nil)
					if err != nil {
						return nil, err
					}
					s.charts = first.charts
					return s.checked()
				}
			}
			known := sync.OnceValues(func() (check.Catalog, error) {
				if l, err := load(settings.Chart); err == nil {
					return l, nil
				}
				// A parent chart has no catalog.
				return load("")
			})
			config.Explain = func(topic string) string {
				var out bytes.Buffer
				if l, err := known(); err != nil || explain(&out, topic, l) != nil {
					return ""
				}
				return out.String()
			}
			config.Source = func(rule string) string {
				l, err := known()
				if err != nil || !strings.HasPrefix(l.Rules[rule].Source, "https://") {
					return ""
				}
				return strings.Fields(l.Rules[rule].Source)[0]
			}
			return lsp.Serve(command.InOrStdin(), unfiltered(command.OutOrStdout()), config)
		},
	}
	flags := command.Flags()
	inputFlags(flags, &in, &settings.Settings)
	settings.add(flags)
	flags.StringVar(&settings.KubeVersion, "kube-version", "", "`version` of the cluster, such as 1.33: warn of features that it does not have")
	complete(command, "helm", "3", "4")
	return command
}

// unfiltered is a stream for programs, which are sent JSON: it has no control characters, and its lines end as the protocol says.
func unfiltered(out io.Writer) io.Writer {
	if writer, ok := out.(plain.Writer); ok {
		return writer.To
	}
	return out
}
