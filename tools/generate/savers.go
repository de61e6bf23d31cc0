package main

import (
	"bytes"
	"fmt"
	"strings"

	"checkpoint-storage/tools/catalog"
)

// saversTables shows who needs what, and which backend has it.
func saversTables(backends []catalog.Backend, savers catalog.Savers) []byte {
	var out bytes.Buffer
	out.WriteString("| saver | needs | without it |\n|---|---|---|\n")
	for _, name := range savers.Names() {
		saver := savers.Savers[name]
		var needs []string
		for _, o := range savers.Needed(name) {
			needs = append(needs, fmt.Sprintf("`%s`: %s", o.Name, saver.Needs[o.Name]))
		}
		fmt.Fprintf(&out, "| `%s`: [%s](%s) | %s | %s |\n", name, saver.Title, saver.Source, strings.Join(needs, "<br>"), saver.Instead)
	}
	out.WriteString("\n| backend |")
	for _, name := range savers.Names() {
		fmt.Fprintf(&out, " %s |", name)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(savers.Savers)) + "\n")
	for _, b := range backends {
		fmt.Fprintf(&out, "| `%s` |", b.Name)
		for _, name := range savers.Names() {
			fmt.Fprintf(&out, " %s |", serves(b, savers, name))
		}
		out.WriteString("\n")
	}
	return out.Bytes()
}

func serves(b catalog.Backend, savers catalog.Savers, saver string) string {
	answer, missing := savers.Serves(b, saver)
	switch answer {
	case catalog.Yes:
		return "yes"
	case catalog.No:
		var names []string
		for _, o := range missing {
			names = append(names, "`"+o.Name+"`")
		}
		return "no " + strings.Join(names, " ")
	}
	return "?"
}
