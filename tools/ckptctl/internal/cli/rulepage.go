package cli

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/rules"
)

// topics returns the topics of explain with their titles.
func topics(chart string) []string {
	l, err := load(chart)
	if err != nil {
		return nil
	}
	var out []string
	for _, b := range l.Backends {
		out = append(out, b.Name+"\t"+b.Title)
	}
	for id, rule := range l.Rules {
		out = append(out, id+"\t"+rule.Title)
	}
	for _, e := range doctor.Explanations() {
		out = append(out, e.ID+"\t"+e.LooksAt)
	}
	slices.Sort(out)
	return out
}

func explainRule(out io.Writer, id string, rule catalog.Rule, backends []catalog.Backend) error {
	fmt.Fprintf(out, "%s: %s\n\n%s\n", id, rule.Title, rule.Why)
	if rule.Note != "" {
		fmt.Fprintf(out, "%s\n", rule.Note)
	}
	show := func(where string, c catalog.Case) {
		for _, f := range rules.Explained(c) {
			at := where
			if f.Path != "" {
				at += " " + f.Path + ":"
			}
			fmt.Fprintf(out, "\n- %s\n  fix: %s\n", strings.TrimSpace(at+" "+f.Message), f.Hint)
		}
	}
	var names []string
	for name := range rule.Cases {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		show("", rule.Cases[name])
	}
	for _, b := range backends {
		for _, c := range b.Rules {
			if c.Rule == id {
				show("backend "+b.Name+":", c)
			}
		}
	}
	for _, example := range []struct{ title, text string }{{"wrong", rule.Wrong}, {"right", rule.Right}} {
		if example.text != "" {
			fmt.Fprintf(out, "\n%s:\n\n  %s\n", example.title, strings.ReplaceAll(strings.TrimRight(example.text, "\n"), "\n", "\n  "))
		}
	}
	if rule.Source != "" {
		fmt.Fprintf(out, "\nsource: %s\n", rule.Source)
	}
	return nil
}
