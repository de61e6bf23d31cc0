package cli

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"

	embedded "checkpoint-storage/charts/checkpoint-storage"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// commit is set by the linker where a release is built; other builds have it from the Go command, if at all.
var commit string

// about says which ckptctl this is. The tool and the chart are released together, under the chart's version.
type about struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Chart    string `json:"chart"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func version() string { return thisBuild().Version }

func thisBuild() about {
	out := about{Version: "unknown", Commit: commit, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	var chart struct{ Name, Version string }
	if text, err := fs.ReadFile(embedded.FS, "Chart.yaml"); err == nil && yaml.Unmarshal(text, &chart) == nil {
		out.Version, out.Chart = chart.Version, chart.Name+" "+chart.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && out.Commit == "" {
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		out.Commit = settings["vcs.revision"]
		if settings["vcs.modified"] == "true" {
			out.Commit += "-dirty"
		}
	}
	if out.Commit == "" {
		out.Commit = "unknown"
	}
	return out
}

func versionCommand() *cobra.Command {
	format := "text"
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the built-in chart",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			me, out := thisBuild(), command.OutOrStdout()
			switch format {
			case "text":
				fmt.Fprintf(out, "ckptctl %s\n  commit  %s\n  chart   %s\n  built   with %s for %s\n", me.Version, me.Commit, me.Chart, me.Go, me.Platform)
				return nil
			case "json":
				encoder := json.NewEncoder(out)
				encoder.SetIndent("", "  ")
				return encoder.Encode(me)
			}
			return fmt.Errorf("-o %s: want text or json", format)
		},
	}
	command.Flags().StringVarP(&format, "output", "o", format, "text or json")
	return command
}
