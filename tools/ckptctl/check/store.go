package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"
)

// Store is one store of a release, judged.
type Store struct {
	// Merged are the values that Helm would give to the templates. They must not be changed.
	Merged map[string]any
	// Off says that the parent chart turns this store off.
	Off bool

	release    Release
	values     *values.Values
	definition *definition
	findings   []Finding
	// used are the acceptances that accepted something.
	used []values.Position
	// pending are the findings about acceptances that accepted nothing in this store.
	pending []Finding
}

// judge judges values that have been read.
func (d *definition) judge(read *values.Values, release Release) (*Store, error) {
	s := &Store{Merged: read.Merged, values: read, definition: d, release: release}
	mistakes, err := d.schema.Validate(read.Merged, read.Given)
	if err != nil {
		return nil, err
	}
	if s.foreign(len(mistakes) > 0) {
		return s, nil
	}
	s.misread(s.misshapen(mistakes))
	// The rules can be relied on only where the values have the shape that the schema gives them.
	if len(mistakes) == 0 {
		broken, err := d.rules.Check(read.Merged, s.Names(), s.locateRule)
		if err != nil {
			return nil, err
		}
		s.findings = append(s.findings, broken...)
		s.limits()
	}
	s.accept()
	return s, nil
}

// Names are those of the objects that the values make.
func (s *Store) Names() names.Names {
	alias := s.release.Alias[strings.LastIndex(s.release.Alias, ".")+1:]
	return names.Of(s.Merged, s.release.Name, s.release.Namespace, alias)
}

// Summary says in a line what the values would make.
func (s *Store) Summary() string {
	if s.Off {
		return fmt.Sprintf("%s: turned off by its parent chart", s.release)
	}
	modes, _ := s.Merged["accessModes"].([]any)
	words := make([]string, 0, len(modes))
	for _, mode := range modes {
		words = append(words, fmt.Sprint(mode))
	}
	return fmt.Sprintf("%s: backend %v, %v, %v, %s", s.release, s.Merged["backend"], s.Merged["provisioning"], s.Merged["size"], strings.Join(words, " "))
}

// foreign reports the files that are none of values, and says whether there are any. Values for the chart itself are only
// that when the schema refuses them; those for a parent chart it does not see.
func (s *Store) foreign(refused bool) bool {
	if !refused && len(s.values.Prefix()) == 0 {
		return false
	}
	for _, file := range s.values.Files() {
		if is := file.Foreign(s.definition.schema.Backend); is != nil {
			f := s.definition.rules.Finding("schema/no-values", "foreign", map[string]any{"what": is.What, "how": is.How})
			s.findings = append(s.findings, s.locate(f, nil, is.At))
		}
	}
	return len(s.findings) > 0
}

// limits judges what depends on the cluster: its version of Kubernetes, and its quota.
func (s *Store) limits() {
	add := func(rule, name string, args map[string]any, path values.Path) {
		s.findings = append(s.findings, s.locateRule(s.definition.rules.Finding(rule, name, args), path.String(), nil))
	}
	if minor := s.release.Kubernetes; minor > 0 {
		version := map[string]any{"version": fmt.Sprintf("1.%d", minor)}
		claim, _ := s.Merged["claim"].(map[string]any)
		if class, _ := claim["volumeAttributesClassName"].(string); class != "" && minor < 34 {
			add("W08", "attributesClass", version, values.Path{"claim", "volumeAttributesClassName"})
		}
		if modes, _ := s.Merged["accessModes"].([]any); slices.Contains(modes, any("ReadWriteOncePod")) && minor < 29 {
			add("W08", "singlePod", version, values.Path{"accessModes"})
		}
	}
	if asked := s.asked(); s.release.Quota > 0 && asked > s.release.Quota {
		add("W07", "exceeded", exceeded(s.release.String(), asked, s.release.Quota), values.Path{"size"})
	}
}

// locate adds to a finding where it is.
func (s *Store) locate(f Finding, path values.Path, at values.Position) Finding {
	f.Release, f.File, f.Line, f.Column = s.release.String(), at.File, at.Line, at.Column
	f.Path, f.Source = slices.Concat(s.values.Prefix(), path).String(), s.values.Source(at.File, at.Line)
	return f
}

// locateRule adds to a finding of the rules where it is, and the other values that it rests on.
func (s *Store) locateRule(f Finding, path string, read []string) Finding {
	paths := []values.Path{values.ParsePath(path)}
	for _, path := range read {
		paths = append(paths, values.ParsePath(path))
	}
	f.Because = s.because(paths[0], paths[1:])
	if f.Fix != nil {
		f.Fix = fixOf(values.Below(s.values.Prefix(), f.Fix.Edits))
	}
	return s.locate(f, paths[0], s.values.Where(false, paths...))
}

// because says where the values were set that a finding rests on, besides the one that it is about.
func (s *Store) because(about values.Path, paths []values.Path) []report.Because {
	var out []report.Because
	for _, path := range paths {
		at, written := s.values.Written(path)
		if !written || slices.Equal(path, about) {
			continue
		}
		value := any(s.Merged)
		for _, step := range path {
			section, _ := value.(map[string]any)
			value = section[step]
		}
		text, err := json.Marshal(value)
		if err != nil || len(text) > 60 {
			continue
		}
		out = append(out, report.Because{
			Path: slices.Concat(s.values.Prefix(), path).String(), Value: strings.Trim(string(text), `"`), File: at.File, Line: at.Line,
		})
	}
	return out
}
