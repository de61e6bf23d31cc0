package check

import (
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// misshapen reports what the schema does not allow, and returns the warnings of the YAML reader that it does not explain.
func (s *Store) misshapen(mistakes []schema.Mistake) []values.YAMLWarning {
	// spot is a value's full path in a file.
	type spot struct{ path, file string }
	var rest []values.YAMLWarning
	why := map[spot][]values.YAMLWarning{}
	for _, file := range s.values.Files() {
		for _, w := range file.Warnings {
			if here := (spot{w.Path.String(), w.At.File}); w.Rule != "duplicate-key" && len(mistakes) > 0 {
				why[here] = append(why[here], w)
			} else {
				rest = append(rest, w)
			}
		}
	}
	for _, m := range mistakes {
		at := s.values.Where(m.Key || m.Kind == "missing-key", m.At)
		m = asWritten(m, at)
		f := s.locate(Finding{
			Rule: "schema/" + m.Kind, Severity: report.Error, Message: m.Message, Hint: plain.Line(wordHint(s.values.Prefix(), m, at)),
		}, m.Path, at)
		f.Fix = s.fix(m, at)
		if m.Because != nil {
			f.Because = s.because(m.Path, []values.Path{m.Because})
		}
		// What is odd about a value that is wrong is why it is wrong.
		here := spot{f.Path, at.File}
		for _, w := range why[here] {
			f.Hint, f.Fix = w.Hint, fixOf(w.Edits)
			if f.Message = strings.TrimSuffix(f.Message, ".") + ": " + w.Message; w.Rule == "placeholder" {
				// It stands for a value, so what is wrong with it as one says nothing.
				f.Message = w.Message
			}
		}
		delete(why, here)
		s.findings = append(s.findings, f)
	}
	for _, warnings := range why {
		rest = append(rest, warnings...)
	}
	return rest
}

// misread reports warnings of the YAML reader that are about this store's values.
func (s *Store) misread(warnings []values.YAMLWarning) {
	prefix := s.values.Prefix()
	for _, w := range warnings {
		// A path at, above or below the prefix.
		if n := min(len(w.Path), len(prefix)); slices.Equal(w.Path[:n], prefix[:n]) {
			f := Finding{Rule: "yaml/" + w.Rule, Severity: report.Warning, Message: w.Message, Hint: plain.Line(w.Hint)}
			// What is global is not this chart's alone.
			if len(w.Path) > n && w.Path[n] != "global" {
				f.Fix = fixOf(w.Edits)
			}
			s.findings = append(s.findings, s.locate(f, w.Path[n:], w.At))
		}
	}
}
