package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/schema"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func backendsCommand() *cobra.Command {
	var chart, output string
	command := &cobra.Command{
		Use:   "backends",
		Short: "List the storage backends and what each can do",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			l, err := load(chart)
			if err != nil {
				return err
			}
			switch output {
			case "json":
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(l.Book.Backends)
			case "text":
				return table(command.OutOrStdout(), l.Book.Backends)
			}
			return fmt.Errorf("-o %s: it is text or json", output)
		},
	}
	command.Flags().StringVar(&chart, "chart", "", "`folder` of the chart; left out, the chart that ckptctl was built with")
	command.Flags().StringVarP(&output, "output", "o", "text", "`format`: text or json")
	return command
}

func table(out io.Writer, backends []catalog.Backend) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BACKEND\tSTORAGE\tPROVISIONING\tFILESYSTEM\tBLOCK\tMOUNT OPTIONS")
	for _, b := range backends {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Name, b.Title, strings.Join(b.Capabilities.Ways(), ","),
			modes(b, "Filesystem"), modes(b, "Block"), mountOptions(b))
	}
	return w.Flush()
}

func modes(b catalog.Backend, volumeMode string) string {
	list := b.Capabilities.AccessModes[volumeMode]
	if len(list) == 0 {
		return "-"
	}
	var short []string
	for _, mode := range list {
		short = append(short, catalog.ShortMode(mode))
	}
	return strings.Join(short, ",")
}

func mountOptions(b catalog.Backend) string {
	switch {
	case !b.Capabilities.MountOptions.Supported:
		return "refused by kubelet"
	case len(b.Capabilities.MountOptions.Default) == 0:
		return "none"
	}
	return strings.Join(b.Capabilities.MountOptions.Default, ",")
}

func explainCommand() *cobra.Command {
	var chart string
	command := &cobra.Command{
		Use:     "explain BACKEND|RULE",
		Short:   "Explain a backend's keys and abilities, or a rule",
		Example: "  ckptctl explain nfs\n  ckptctl explain E05",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return topics(chart), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, args []string) error {
			l, err := load(chart)
			if err != nil {
				return err
			}
			topics := map[string]bool{}
			for _, b := range l.Book.Backends {
				if b.Name == args[0] {
					return explainBackend(command.OutOrStdout(), b)
				}
				topics[b.Name] = true
			}
			for id, rule := range l.Book.Rules {
				if strings.EqualFold(id, args[0]) {
					return explainRule(command.OutOrStdout(), id, rule, l.Book.Backends)
				}
				topics[id] = true
			}
			return fmt.Errorf("there is no backend and no rule %s%s", args[0], suggestion(args[0], topics))
		},
	}
	command.Flags().StringVar(&chart, "chart", "", "`folder` of the chart; left out, the chart that ckptctl was built with")
	return command
}

func suggestion(word string, topics map[string]bool) string {
	var list []string
	for topic := range topics {
		list = append(list, topic)
	}
	sort.Strings(list)
	if near := schema.Nearest(word, list); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; there are: " + strings.Join(list, ", ")
}

func explainBackend(out io.Writer, b catalog.Backend) error {
	fmt.Fprintf(out, "%s: %s\n\n%s\n\n", b.Name, b.Title, b.Description)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "provisioning\t%s\n", strings.Join(b.Capabilities.Ways(), ", "))
	for _, why := range []struct{ provisioning, text string }{
		{"static", b.Capabilities.WhyNotStatic}, {"dynamic", b.Capabilities.WhyNotDynamic},
	} {
		if why.text != "" {
			fmt.Fprintf(w, "\tnot %s: %s\n", why.provisioning, why.text)
		}
	}
	for _, volumeMode := range []string{"Filesystem", "Block"} {
		list := strings.Join(b.Capabilities.AccessModes[volumeMode], ", ")
		if list == "" {
			list = "no"
		}
		fmt.Fprintf(w, "%s\t%s\n", volumeMode, list)
	}
	fmt.Fprintf(w, "mount options\t%s\n", mountOptions(b))
	fmt.Fprintf(w, "source\t%s\n\nkeys of %s:\n", b.Source, b.Name)
	for _, key := range b.Keys() {
		property := b.Schema.Properties[key]
		fmt.Fprintf(w, "  %s\t%s\t%v\n", key, b.Note(key), property["description"])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, c := range b.Rules {
		fmt.Fprintf(out, "\n%s %s: %s\n  fix: %s\n", c.Rule, c.Path, c.Message, c.Fix)
	}
	example := map[string]any{"backend": b.Name, b.Name: b.Example}
	for key, value := range b.ExampleValues {
		example[key] = value
	}
	text, err := yaml.Marshal(example)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nexample:\n\n%s", text)
	return nil
}
