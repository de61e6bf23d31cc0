// Package check judges the values of a checkpoint store: how Helm reads them, what the schema allows, and what the
// backend can do.
package check

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/rules"
	"checkpoint-storage/tools/ckptctl/internal/schema"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Inputs are the command line's, in Helm's own terms.
type Inputs = values.Inputs

// Finding is one mistake, with where it was made and what to do.
type Finding = report.Finding

// Release is whose values are judged.
type Release struct {
	Name, Namespace string
	// Alias is the path of names by which parent charts know the store, "" for the chart itself.
	Alias string
	// Kubernetes is the cluster's minor version of Kubernetes 1, 0 when it is not known.
	Kubernetes int
	// Quota is the storage, in bytes, that the claims of a cluster may ask for together; 0 when it is not known.
	Quota int64
	// Stdin is what the values file - stands for.
	Stdin io.Reader
}

func (r Release) String() string {
	if r.Alias == "" {
		return r.Name
	}
	return r.Name + "/" + r.Alias
}

// Result is what a check found.
type Result struct {
	// Findings are sorted by where they are.
	Findings []Finding
	// Merged are the values that Helm would give to the templates. Nobody may write to them.
	Merged map[string]any
	// Off says that the parent chart turns this store off.
	Off bool

	release Release
	values  *values.Values
	rules   *rules.Book
	// used are the acceptances that accepted something.
	used []values.Position
	// pending are the findings about acceptances that accepted nothing in this result.
	pending []Finding
}

// Check reads the inputs as Helm would for a release and judges them. The error is a *values.InputError when an input
// cannot be read.
func (c *Chart) Check(in Inputs, release Release) (*Result, error) {
	files, err := open(in.Files, c.helm, release.Stdin)
	if err != nil {
		return nil, err
	}
	read, err := c.defaults.Read(files, in)
	if err != nil {
		return nil, err
	}
	result, err := c.judge(read, release)
	if err == nil {
		result.unused()
		report.Sort(result.Findings)
	}
	return result, err
}

func open(names []string, helm Helm, stdin io.Reader) ([]*values.File, error) {
	files := make([]*values.File, 0, len(names))
	for _, name := range names {
		file, err := values.Open(name, helm, stdin)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// judge judges values that have been read.
func (c *Chart) judge(read *values.Values, release Release) (*Result, error) {
	r := &Result{Merged: read.Merged, values: read, rules: c.rules, release: release}
	var odd []values.YAMLWarning
	for _, file := range read.Files() {
		odd = append(odd, file.Warnings...)
	}
	mistakes, err := c.schema.Validate(read.Merged, read.Given)
	if err != nil {
		return nil, err
	}
	if c.foreign(r, len(mistakes) > 0) {
		return r, nil
	}
	why, said := map[spot][]int{}, make([]bool, len(odd))
	for i, o := range odd {
		if o.Rule != "duplicate-key" && len(mistakes) > 0 {
			here := spot{o.Path.String(), o.At.File}
			why[here] = append(why[here], i)
		}
	}
	for _, m := range mistakes {
		at := read.Where(m.Key || m.Kind == "missing-key", m.At)
		f := r.finding("schema/"+m.Kind, report.Error, m.Path, at, m.Message, wordHint(read.Prefix(), m, at))
		if m.Because != nil {
			f.Because = r.because(m.Path, []values.Path{m.Because})
		}
		// What is odd about a value that is wrong is why it is wrong.
		here := spot{f.Path, at.File}
		for _, i := range why[here] {
			f.Hint, said[i] = odd[i].Hint, true
			if f.Message = strings.TrimSuffix(f.Message, ".") + ": " + odd[i].Message; odd[i].Rule == "placeholder" {
				// It stands for a value, so what is wrong with it as one says nothing.
				f.Message = odd[i].Message
			}
		}
		delete(why, here)
		r.Findings = append(r.Findings, f)
	}
	for i, o := range odd {
		if !said[i] && belongs(o.Path, read.Prefix()) {
			path := o.Path[min(len(o.Path), len(read.Prefix())):]
			r.Findings = append(r.Findings, r.finding("yaml/"+o.Rule, report.Warning, path, o.At, o.Message, o.Hint))
		}
	}
	// The rules can be relied on only where the values have the shape that the schema gives them.
	if len(mistakes) == 0 {
		if err := c.rulesOf(r); err != nil {
			return nil, err
		}
	}
	c.accept(r)
	return r, nil
}

// spot is a value's full path in a file.
type spot struct{ path, file string }

// foreign reports the files that are none of values, and says whether there are any. Values for the chart itself are only
// that when the schema refuses them; those for a parent chart it does not see.
func (c *Chart) foreign(r *Result, refused bool) bool {
	if !refused && len(r.values.Prefix()) == 0 {
		return false
	}
	for _, file := range r.values.Files() {
		if is := file.Foreign(c.schema.Backend); is != nil {
			severity, message, fix := c.rules.Words("schema/no-values", "foreign", map[string]any{"what": is.What, "how": is.How})
			r.Findings = append(r.Findings, r.finding("schema/no-values", severity, nil, is.At, message, fix))
		}
	}
	return len(r.Findings) > 0
}

// Names are those of the objects that the values make.
func (r *Result) Names() names.Names {
	alias := r.release.Alias[strings.LastIndex(r.release.Alias, ".")+1:]
	return names.Of(r.Merged, names.Release{Name: r.release.Name, Namespace: r.release.Namespace, Alias: alias})
}

// belongs says that a path is at, above or below the prefix.
func belongs(path, prefix values.Path) bool {
	n := min(len(path), len(prefix))
	return slices.Equal(path[:n], prefix[:n])
}

// rulesOf judges the rules.
func (c *Chart) rulesOf(r *Result) error {
	broken, err := c.rules.Check(r.Merged, r.Names())
	if err != nil {
		return err
	}
	for _, b := range broken {
		paths := []values.Path{values.ParsePath(b.Path)}
		for _, because := range b.Because {
			paths = append(paths, c.given(r, values.ParsePath(because)))
		}
		at := r.values.Where(false, paths...)
		f := r.finding(b.Rule, b.Severity, paths[0], at, b.Message, b.Fix)
		f.Because = r.because(paths[0], paths[1:])
		r.Findings = append(r.Findings, f)
	}
	c.kubernetes(r)
	if asked := r.asked(); r.release.Quota > 0 && asked > r.release.Quota {
		severity, message, fix := c.rules.Words("W07", "exceeded", exceeded(r.release.String(), asked, r.release.Quota))
		size := values.Path{"size"}
		r.Findings = append(r.Findings, r.finding("W07", severity, size, r.values.Where(false, size), message, fix))
	}
	return nil
}

// given turns a path that rules use for the chosen backend's section into the values' own.
func (c *Chart) given(r *Result, path values.Path) values.Path {
	if len(path) > 1 && path[0] == "section" {
		if backend, ok := r.Merged["backend"].(string); ok {
			return append(values.Path{backend}, path[1:]...)
		}
	}
	return path
}

// kubernetes judges what needs a newer cluster, where its version is known.
func (c *Chart) kubernetes(r *Result) {
	minor := r.release.Kubernetes
	report := func(name string, path values.Path) {
		severity, message, fix := c.rules.Words("W08", name, map[string]any{"version": fmt.Sprintf("1.%d", minor)})
		r.Findings = append(r.Findings, r.finding("W08", severity, path, r.values.Where(false, path), message, fix))
	}
	if minor == 0 {
		return
	}
	claim, _ := r.Merged["claim"].(map[string]any)
	if class, _ := claim["volumeAttributesClassName"].(string); class != "" && minor < 34 {
		report("attributesClass", values.Path{"claim", "volumeAttributesClassName"})
	}
	if modes, _ := r.Merged["accessModes"].([]any); slices.Contains(modes, any("ReadWriteOncePod")) && minor < 29 {
		report("singlePod", values.Path{"accessModes"})
	}
}

// finding makes a finding whose hint is one line, whatever it quotes.
func (r *Result) finding(rule, severity string, path values.Path, at values.Position, message, hint string) Finding {
	return Finding{
		Rule: rule, Severity: severity, Release: r.release.String(), File: at.File, Line: at.Line, Column: at.Column,
		Path: slices.Concat(r.values.Prefix(), path).String(), Message: message, Hint: plain.Line(hint), Source: r.values.Source(at.File, at.Line),
	}
}

// because says where the values were set that a finding rests on, besides the one that it is about.
func (r *Result) because(about values.Path, paths []values.Path) []report.Because {
	var out []report.Because
	for _, path := range paths {
		at, written := r.values.Written(path)
		if !written || slices.Equal(path, about) {
			continue
		}
		value := any(r.Merged)
		for _, step := range path {
			section, _ := value.(map[string]any)
			value = section[step]
		}
		text, err := json.Marshal(value)
		if err != nil || len(text) > 60 {
			continue
		}
		out = append(out, report.Because{
			Path: slices.Concat(r.values.Prefix(), path).String(), Value: strings.Trim(string(text), `"`), File: at.File, Line: at.Line,
		})
	}
	return out
}

// wordHint knows the words that Helm's YAML takes for booleans though nobody meant one.
func wordHint(prefix values.Path, m schema.Mistake, at values.Position) string {
	switch strings.ToLower(at.Text) {
	case "yes", "no", "on", "off", "y", "n":
		if m.Kind == "type" && !at.Quoted {
			return fmt.Sprintf("YAML reads the word %s as a boolean; put it in quotes: %q", at.Text, at.Text)
		}
	}
	return optionHint(prefix, m, at)
}

// optionHint says what an option has to be, where an option made the mistake.
func optionHint(prefix values.Path, m schema.Mistake, at values.Position) string {
	if at.Line > 0 || !strings.HasPrefix(at.File, "--set") {
		return m.Hint
	}
	var options []string
	for _, e := range m.Edits {
		if e.To != nil {
			options = append(options, values.Setting(slices.Concat(prefix, e.To), e.Value))
		}
	}
	switch {
	case len(options) == 0:
		return m.Hint
	case m.Kind == "type" && len(m.Edits) > 1 && m.Edits[0].To == nil && len(m.Edits[0].From) > 1:
		// The option took the dots of a key for steps.
		return `write the dots of a key as \.: ` + strings.Join(options, " ")
	case strings.HasPrefix(m.Hint, "write it like "):
		return "write it like " + strings.Join(options, " ")
	}
	return "write instead: " + strings.Join(options, " ")
}

// Summary says in a line what the values would make.
func (r *Result) Summary() string {
	if r.Off {
		return fmt.Sprintf("%s: turned off by its parent chart", r.release)
	}
	modes, _ := r.Merged["accessModes"].([]any)
	words := make([]string, 0, len(modes))
	for _, mode := range modes {
		words = append(words, fmt.Sprint(mode))
	}
	return fmt.Sprintf("%s: backend %v, %v, %v, %s", r.release, r.Merged["backend"], r.Merged["provisioning"], r.Merged["size"], strings.Join(words, " "))
}
