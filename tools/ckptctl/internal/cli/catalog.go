package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/schema"

	"github.com/spf13/cobra"
)

func backendsCommand() *cobra.Command {
	var chart, output string
	var selected filter
	command := &cobra.Command{
		Use:     "backends",
		Short:   "List the storage backends and what each can do",
		Example: "  ckptctl backends --family aws --mode ReadWriteMany\n  ckptctl backends --can renameDirectory,lockExcludes",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			l, err := load(chart)
			if err != nil {
				return err
			}
			backends, err := selected.apply(l.Backends)
			if err != nil {
				return err
			}
			switch output {
			case "json":
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(backends)
			case "text":
				return table(command.OutOrStdout(), backends)
			}
			return fmt.Errorf("-o %s: must be text or json", output)
		},
	}
	command.Flags().StringVar(&chart, "chart", "", "`folder` or archive (.tgz) of the chart; default: the chart that ckptctl was built with")
	command.Flags().StringVarP(&output, "output", "o", "text", "`format`: text or json")
	selected.flags(command.Flags())
	return command
}

func table(out io.Writer, backends []catalog.Backend) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BACKEND\tFAMILY\tSTORAGE\tPROVISIONING\tFILESYSTEM\tBLOCK\tRENAME FILE\tDIRECTORY\tLOCK\tEXPANSION")
	for _, family := range catalog.Families {
		for _, b := range backends {
			if b.Family != family {
				continue
			}
			c := b.Capabilities
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Name, b.Family, b.Title, strings.Join(c.Ways(), ","),
				modes(b, "Filesystem"), modes(b, "Block"),
				c.Semantics.Does("renameFile"), c.Semantics.Does("renameDirectory"), c.Semantics.Does("lockExcludes"), c.Expansion)
		}
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

func explainCommand() *cobra.Command {
	var chart string
	command := &cobra.Command{
		Use:     "explain BACKEND|KEY|FRAMEWORK|RULE|DIAGNOSIS",
		Short:   "Explain a backend's keys and capabilities, a key, what a framework needs, a rule, or a diagnosis of doctor",
		Example: "  ckptctl explain nfs\n  ckptctl explain nfs.server\n  ckptctl explain dcp\n  ckptctl explain E05",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return topics(chart), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(command *cobra.Command, args []string) error {
			l, err := load(chart)
			if err != nil {
				return err
			}
			return explain(command.OutOrStdout(), args[0], l)
		},
	}
	command.Flags().StringVar(&chart, "chart", "", "`folder` or archive (.tgz) of the chart; default: the chart that ckptctl was built with")
	return command
}

// explain prints what is known of a topic.
func explain(out io.Writer, topic string, l check.Catalog) error {
	topics := map[string]bool{}
	for _, b := range l.Backends {
		if b.Name == topic {
			return explainBackend(out, b, l)
		}
		topics[b.Name] = true
	}
	for _, name := range l.Frameworks.Names() {
		if name == topic {
			return explainFramework(out, name, l)
		}
		topics[name] = true
	}
	for id, rule := range l.Rules {
		if strings.EqualFold(id, topic) {
			return explainRule(out, id, rule, l.Backends)
		}
		topics[id] = true
	}
	for _, e := range doctor.Explanations() {
		if e.ID == topic {
			fmt.Fprintf(out, "%s: ckptctl doctor looks for %s.\n", e.ID, e.LooksAt)
			return nil
		}
		topics[e.ID] = true
	}
	if key, ok := l.Key(topic); ok {
		return explainKey(out, key, l)
	}
	return fmt.Errorf("no backend, key, framework, rule or diagnosis has the name %s%s", topic, suggestion(topic, topics))
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
	return "; available: " + strings.Join(list, ", ")
}
