package check

import (
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// accept removes the warnings that comments in the files accept, and reports comments that cannot accept anything.
func (s *Store) accept() {
	// There may be as many comments as findings: each rule is looked for once.
	done := map[string]bool{}
	for _, file := range s.values.Files() {
		for _, a := range file.Accepted {
			rule := strings.ToLower(a.Rule)
			switch {
			case a.Rule == "" || a.Reason == "":
				s.findings = append(s.findings, s.about(a, "accept/reason", "missing"))
			case !canWarn(a.Rule):
				s.findings = append(s.findings, s.about(a, "accept/error", "refused"))
			case !done[rule]:
				done[rule] = true
				before := len(s.findings)
				s.findings = slices.DeleteFunc(s.findings, func(f Finding) bool {
					return f.Severity == report.Warning && strings.EqualFold(f.Rule, a.Rule)
				})
				if len(s.findings) < before {
					s.used = append(s.used, a.At)
					continue
				}
				fallthrough
			default:
				f := s.about(a, "accept/unused", "nothing")
				if s.definition.rules.Alone(a.Rule) {
					f.Fix = &report.Fix{Comment: true}
				}
				s.pending = append(s.pending, f)
			}
		}
	}
}

func (s *Store) about(a values.Acceptance, rule, name string) Finding {
	return s.locate(s.definition.rules.Finding(rule, name, map[string]any{"rule": a.Rule}), nil, a.At)
}

// canWarn says that a rule has warnings.
func canWarn(rule string) bool {
	return strings.HasPrefix(strings.ToUpper(rule), "W") || strings.HasPrefix(rule, "yaml/")
}

// unused are those of the findings about acceptances whose acceptance is not used in any store either.
func unused(pending []Finding, used map[values.Position]bool) []Finding {
	return slices.DeleteFunc(pending, func(f Finding) bool {
		return used[values.Position{File: f.File, Line: f.Line, Column: f.Column}]
	})
}
