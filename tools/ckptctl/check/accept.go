package check

import (
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// accept removes the warnings that comments in the files accept, and reports comments that cannot accept anything.
func (c *Chart) accept(r *Result) {
	// There may be as many comments as findings: each rule is looked for once.
	done := map[string]bool{}
	for _, file := range r.values.Files() {
		for _, a := range file.Accepted {
			rule := strings.ToLower(a.Rule)
			switch {
			case a.Rule == "" || a.Reason == "":
				r.Findings = append(r.Findings, c.about(r, a, "accept/reason", "missing"))
			case !c.canWarn(a.Rule):
				r.Findings = append(r.Findings, c.about(r, a, "accept/error", "refused"))
			case !done[rule]:
				done[rule] = true
				before := len(r.Findings)
				r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
					return f.Severity == report.Warning && strings.EqualFold(f.Rule, a.Rule)
				})
				if len(r.Findings) < before {
					r.used = append(r.used, a.At)
					continue
				}
				fallthrough
			default:
				r.pending = append(r.pending, c.about(r, a, "accept/unused", "nothing"))
			}
		}
	}
}

func (c *Chart) about(r *Result, a values.Acceptance, rule, name string) Finding {
	severity, message, fix := c.rules.Words(rule, name, map[string]any{"rule": a.Rule})
	return r.finding(rule, severity, nil, a.At, message, fix)
}

// canWarn says that a rule has warnings.
func (c *Chart) canWarn(rule string) bool {
	return strings.HasPrefix(strings.ToUpper(rule), "W") || strings.HasPrefix(rule, "yaml/")
}

// unused reports what accepted nothing.
func (r *Result) unused() {
	r.Findings = append(r.Findings, r.pending...)
}
