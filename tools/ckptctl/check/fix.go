package check

import (
	"bytes"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/amend"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// fix is what mends a mistake, if its edits are the only way to.
func (s *Store) fix(m schema.Mistake, at values.Position) *report.Fix {
	if word := booleanWord(m, at); word != "" {
		return fixOf(values.Below(s.values.Prefix(), []values.Edit{{To: m.Path, Value: word}}))
	}
	edits := values.Below(s.values.Prefix(), m.Edits)
	for i, e := range m.Edits {
		if !e.Exact {
			return nil
		}
		// A file may have a part only of what is merged there.
		if there, _ := values.Lookup(s.Merged, e.From); e.From != nil && e.To != nil && reflect.DeepEqual(there, e.Value) {
			edits[i].Value = nil
		}
	}
	return fixOf(edits)
}

func fixOf(edits []values.Edit) *report.Fix {
	if len(edits) == 0 {
		return nil
	}
	return &report.Fix{Edits: edits}
}

// Fixer mends findings in the files that have them, in memory. It mends what changes nothing else: the finding goes, none
// comes, and all values stay what they were but for those that the fix is about.
type Fixer struct {
	chart    *Chart
	in       Inputs
	overlays []Overlay
	// files are the overlays' names.
	files   []string
	release Release
	stdin   []byte
	// keys are the canonical names of all files, by the names as they were given.
	keys map[string]string
	// editable are the files that a fix may change, by their canonical name.
	editable map[string]bool
	// judged are the stores of the base, or of each overlay over it, as the texts are now; nil what is to be judged.
	judged [][]*Store
}

// Change is what mended one finding in one file.
type Change struct {
	Finding Finding
	// File is as it was given.
	File string
	// Before and After are its text.
	Before, After []byte
}

// NewFixer returns one for what Check judges or, with overlays, what Each does. The standard input is read once.
func (c *Chart) NewFixer(in Inputs, overlays []Overlay, release Release) (*Fixer, error) {
	f := &Fixer{chart: c, in: in, overlays: overlays, release: release, keys: map[string]string{}, editable: map[string]bool{}}
	for _, overlay := range overlays {
		f.files = append(f.files, overlay.File)
	}
	f.in.Texts = maps.Clone(in.Texts)
	if f.in.Texts == nil {
		f.in.Texts = map[string][]byte{}
	}
	for _, name := range slices.Concat(in.Files, f.files) {
		if strings.TrimSpace(name) == "-" {
			continue
		}
		key := values.Canonical(name)
		f.keys[name] = key
		if _, there := f.in.Texts[key]; !there {
			info, err := os.Stat(key)
			if err != nil || !info.Mode().IsRegular() {
				// Whoever reads it says why it cannot be read.
				continue
			}
			file, err := in.Reader(nil).Open(name, c.helm)
			if err != nil {
				continue
			}
			f.in.Texts[key] = file.Text()
		}
		// To follow its links once is enough.
		f.in.Texts[name] = f.in.Texts[key]
		f.editable[key] = true
	}
	if slices.ContainsFunc(in.Files, func(name string) bool { return strings.TrimSpace(name) == "-" }) && release.Stdin != nil {
		var err error
		if f.stdin, err = io.ReadAll(release.Stdin); err != nil {
			return nil, err
		}
	}
	f.judged = make([][]*Store, max(1, len(overlays)))
	return f, nil
}

// Release is whose values are judged, with the standard input as it was read.
func (f *Fixer) Release() Release {
	release := f.release
	if f.stdin != nil {
		release.Stdin = bytes.NewReader(f.stdin)
	}
	return release
}

// Mend mends what it can of what a check found, and what else comes to light. The findings are those of all overlays, which
// know of each comment whether any needs it.
func (f *Fixer) Mend(findings []Finding) ([]Change, error) {
	var out []Change
	for _, name := range slices.Concat(f.in.Files, f.files) {
		if !f.editable[f.key(name)] {
			continue
		}
		// What was not proven may be once something else is mended.
		for {
			changes, err := f.all(f.fixable(name, findings))
			if err != nil {
				return nil, err
			}
			if len(changes) == 0 {
				break
			}
			out = append(out, changes...)
		}
	}
	return out, nil
}

// all mends several findings of a file: together, or else each half by itself.
func (f *Fixer) all(findings []Finding) ([]Change, error) {
	if len(findings) == 0 {
		return nil, nil
	}
	p, err := f.prove(findings)
	if err != nil {
		return nil, err
	}
	if p != nil {
		f.accept(p)
		return p.changes, nil
	}
	if len(findings) == 1 {
		return nil, nil
	}
	first, err := f.all(findings[:len(findings)/2])
	if err != nil {
		return nil, err
	}
	second, err := f.all(findings[len(findings)/2:])
	return append(first, second...), err
}

// fixable are the findings in a file that say how to mend them, the comments last: to know that one accepts nothing, the
// rules have to be looked at.
func (f *Fixer) fixable(name string, all []Finding) []Finding {
	var found []Finding
	for i := range f.judged {
		if !f.reads(i, name) {
			continue
		}
		stores, err := f.stores(i)
		if err != nil {
			// The check says of what cannot be read why.
			continue
		}
		for _, s := range stores {
			found = append(found, s.findings...)
			for _, p := range s.pending {
				// Its line may have moved.
				if slices.ContainsFunc(all, func(each Finding) bool {
					return each.Rule == p.Rule && each.File == p.File && each.Message == p.Message
				}) {
					found = append(found, p)
				}
			}
		}
	}
	var out, comments []Finding
	for _, finding := range report.Join(found) {
		switch {
		case finding.Fix == nil || finding.File != name:
		case finding.Fix.Comment:
			comments = append(comments, finding)
		default:
			out = append(out, finding)
		}
	}
	if len(out) > 0 {
		return out
	}
	return comments
}

// key is the canonical name of a file.
func (f *Fixer) key(name string) string {
	if key, ok := f.keys[name]; ok {
		return key
	}
	return values.Canonical(name)
}

// reads says that a file is one of the base, or of an overlay.
func (f *Fixer) reads(i int, name string) bool {
	key := f.key(name)
	return f.isBase(key) || len(f.overlays) > 0 && f.key(f.files[i]) == key
}

func (f *Fixer) isBase(key string) bool {
	return slices.ContainsFunc(f.in.Files, func(name string) bool { return f.key(name) == key })
}

// accept takes over what was proven.
func (f *Fixer) accept(p *proof) {
	f.in.Texts = p.texts
	for i, stores := range p.judged {
		f.judged[i] = stores
	}
}

// stores are those that the base makes, or an overlay over it.
func (f *Fixer) stores(i int) ([]*Store, error) {
	if f.judged[i] == nil {
		stores, err := f.judge(i, f.in)
		if err != nil {
			return nil, err
		}
		f.judged[i] = stores
	}
	return f.judged[i], nil
}

func (f *Fixer) judge(i int, in Inputs) ([]*Store, error) {
	chart := f.chart
	if len(f.overlays) > 0 {
		chart = f.overlays[i].Chart
	}
	base, err := chart.read(in.Files, in.Reader(f.Release().Stdin))
	if err != nil {
		return nil, err
	}
	if len(f.overlays) == 0 {
		return chart.stores(base, nil, in, f.Release())
	}
	one := fleet{in: in, overlays: f.overlays, bases: map[*Chart]*values.Values{chart: base}}
	return one.read(i)
}

// Try returns what mends a finding, and changes nothing; nil where that is not proven.
func (f *Fixer) Try(finding Finding) ([]Change, error) {
	if finding.Fix == nil {
		return nil, nil
	}
	p, err := f.prove([]Finding{finding})
	if p == nil || err != nil {
		return nil, err
	}
	return p.changes, nil
}

// proof is what mends some findings and does nothing else.
type proof struct {
	changes []Change
	// texts and judged are what the files then hold, and the stores that read those which have changed.
	texts  map[string][]byte
	judged map[int][]*Store
}

// prove returns what mends findings, all of them and nothing else; nil where that is not proven.
func (f *Fixer) prove(findings []Finding) (*proof, error) {
	p := &proof{texts: maps.Clone(f.in.Texts), judged: map[int][]*Store{}}
	for _, finding := range findings {
		changes, err := f.change(finding, p.texts)
		if changes == nil || err != nil {
			return nil, err
		}
		for _, c := range changes {
			for name, key := range f.keys {
				if key == f.key(c.File) {
					p.texts[name], p.texts[key] = c.After, c.After
				}
			}
		}
		p.changes = append(p.changes, changes...)
	}
	return f.verify(p, findings)
}

// change makes the change of a fix in each file that has it.
func (f *Fixer) change(finding Finding, texts map[string][]byte) ([]Change, error) {
	if !f.editable[f.key(finding.File)] {
		return nil, nil
	}
	before := texts[f.key(finding.File)]
	if finding.Fix.Comment {
		if sure, err := f.acceptsNothing(finding); !sure || err != nil {
			return nil, err
		}
		after, err := amend.Comment(before, finding.Line, finding.Column)
		if err != nil {
			return nil, nil
		}
		return []Change{{Finding: finding, File: finding.File, Before: before, After: after}}, nil
	}
	names := []string{finding.File}
	if edits := finding.Fix.Edits; len(edits) == 1 && edits[0].From != nil {
		// A key that several files spell wrong has to be mended in all of them, to be merged as it was.
		for _, name := range f.beside(finding.File) {
			if file, err := values.Parse(name, texts[f.key(name)], f.chart.helm); err == nil {
				if _, there := values.Lookup(file.Values, edits[0].From); there {
					names = append(names, name)
				}
			}
		}
	}
	var changes []Change
	for _, name := range names {
		before := texts[f.key(name)]
		edits, ok := edits(name, before, finding.Fix.Edits)
		if !ok {
			return nil, nil
		}
		after, err := amend.Edits(before, edits)
		if err != nil {
			return nil, nil
		}
		changes = append(changes, Change{Finding: finding, File: name, Before: before, After: after})
	}
	return changes, nil
}

// acceptsNothing says that it is sure of a comment that it accepts nothing: no other file is laid over its own, and the
// rules were looked at.
func (f *Fixer) acceptsNothing(finding Finding) (bool, error) {
	last := slices.Concat(f.in.Files, f.files)
	if len(f.overlays) == 0 && last[len(last)-1] != finding.File || len(f.overlays) > 0 && !slices.Contains(f.files, finding.File) {
		return false, nil
	}
	for i := range f.judged {
		if f.reads(i, finding.File) {
			stores, err := f.stores(i)
			if err != nil || slices.ContainsFunc(stores, misshapen) {
				return false, err
			}
		}
	}
	return true, nil
}

// misshapen says that the values of a store do not fit the schema: then the rules were not looked at.
func misshapen(s *Store) bool {
	return slices.ContainsFunc(s.findings, func(f Finding) bool { return strings.HasPrefix(f.Rule, "schema/") })
}

// beside are the other files that can be changed and are read wherever a file is.
func (f *Fixer) beside(name string) []string {
	var out []string
	for _, other := range f.in.Files {
		if key := f.key(other); f.editable[key] && key != f.key(name) {
			out = append(out, other)
		}
	}
	return out
}

// edits are those of a fix as edits of a file: what moves is what the file has.
func edits(name string, text []byte, of []values.Edit) ([]values.Edit, bool) {
	file, err := values.Parse(name, text, Helm3)
	if err != nil {
		return nil, false
	}
	out := slices.Clone(of)
	for i, e := range out {
		there, ok := values.Lookup(file.Values, e.From)
		if e.From != nil && !ok {
			return nil, false
		}
		if e.From != nil && e.To != nil && e.Value == nil {
			out[i].Value = there
		}
	}
	return out, true
}

// verify returns the proof if it is one: the findings go, none comes, and no other value changes.
func (f *Fixer) verify(p *proof, findings []Finding) (*proof, error) {
	in := f.in
	in.Texts = p.texts
	var edits []values.Edit
	for _, finding := range findings {
		edits = append(edits, finding.Fix.Edits...)
	}
	mended := map[about]bool{}
	for i := range f.judged {
		if !slices.ContainsFunc(p.changes, func(c Change) bool { return f.reads(i, c.File) }) {
			continue
		}
		before, err := f.stores(i)
		if err != nil {
			return nil, err
		}
		after, err := f.judge(i, in)
		if err != nil || len(before) != len(after) {
			return nil, nil
		}
		for s := range before {
			if !mends(before[s], after[s], findings, p.changes, mended) || !alike(before[s], after[s], edits) {
				return nil, nil
			}
		}
		p.judged[i] = after
	}
	for _, finding := range findings {
		if !mended[aboutOf(finding)] {
			return nil, nil
		}
	}
	return p, nil
}

// about tells findings apart, wherever their lines have moved.
type about struct{ release, rule, severity, file, path string }

func (s *Store) counted() map[about]int {
	out := map[about]int{}
	for _, f := range slices.Concat(s.findings, s.pending) {
		out[aboutOf(f)]++
	}
	return out
}

func aboutOf(f Finding) about { return about{f.Release, f.Rule, f.Severity, f.File, f.Path} }

// mends says whether nothing but the findings went, and nothing came; it notes which went. What the rules find once the
// values fit the schema was there before, and not looked for: it only must not be an error of what the fixes wrote.
func mends(before, after *Store, findings []Finding, changes []Change, mended map[about]bool) bool {
	was, is := before.counted(), after.counted()
	shown := misshapen(before) && !misshapen(after)
	for a, n := range was {
		gone := n - is[a]
		for _, finding := range findings {
			// What two files have is said of the one that is laid over the other.
			if of := aboutOf(finding); gone > 0 && of.rule == a.rule && of.path == a.path && of.release == a.release &&
				slices.ContainsFunc(changes, func(c Change) bool { return c.File == a.file }) {
				mended[of] = true
				gone--
			}
		}
		if gone > 0 && (!shown || a.rule != "accept/unused") {
			return false
		}
	}
	for _, f := range slices.Concat(after.findings, after.pending) {
		if is[aboutOf(f)] <= was[aboutOf(f)] {
			continue
		}
		if !shown || strings.HasPrefix(f.Rule, "schema/") || f.Severity == report.Error && slices.ContainsFunc(findings, func(mended Finding) bool {
			return touches(f, mended.Fix.Edits)
		}) {
			return false
		}
	}
	return true
}

// touches says that a finding is about what edits wrote.
func touches(f Finding, edits []values.Edit) bool {
	paths := []string{f.Path}
	for _, b := range f.Because {
		paths = append(paths, b.Path)
	}
	for _, e := range edits {
		if to := e.To.String(); e.To != nil && slices.ContainsFunc(paths, func(path string) bool {
			return path == to || strings.HasPrefix(path, to+".") || strings.HasPrefix(to, path+".")
		}) {
			return true
		}
	}
	return false
}

// alike says that the values of a store are what they were, but for what edits are about.
func alike(before, after *Store, edits []values.Edit) bool {
	if before.Off != after.Off {
		return false
	}
	was, is := before.Merged, after.Merged
	for _, e := range edits {
		for _, path := range []values.Path{e.From, e.To} {
			if own, ok := below(path, before.values); ok {
				was, is = values.Prune(was, own), values.Prune(is, own)
			}
		}
	}
	return len(was)+len(is) == 0 || reflect.DeepEqual(was, is)
}

// below is a path of the files as one of a store's values, if it leads there.
func below(path values.Path, v *values.Values) (values.Path, bool) {
	if v == nil {
		return nil, false
	}
	prefix := v.Prefix()
	if len(path) <= len(prefix) || !slices.Equal(path[:len(prefix)], prefix) {
		return nil, false
	}
	return path[len(prefix):], true
}

// Lines are the first line that a change is about, counted from 1, and the lines before and after it.
func (c Change) Lines() (line int, before, after []string) {
	before, after = lines(c.Before), lines(c.After)
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
		line++
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	return line + 1, before, after
}

func lines(text []byte) []string {
	var out []string
	for line := range strings.Lines(string(text)) {
		out = append(out, strings.TrimRight(line, "\r\n"))
	}
	return out
}
