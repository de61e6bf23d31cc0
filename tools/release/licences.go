package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// module is a Go module that is linked into a binary; the standard library is one too.
type module struct {
	path, version string
	// licence is an SPDX expression.
	licence string
	// texts are licences and notices by their path within the module.
	texts map[string]string
}

// permitted are the licences that may be linked into an Apache-2.0 program which is shipped with their texts, and with
// where the unchanged sources are, as MPL-2.0 wants.
var permitted = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "ISC", "MPL-2.0", "OFL-1.1", "FTL"}

// chosen are modules that offer licences to choose from: the text that is taken.
var chosen = map[string]string{"github.com/golang/freetype": "licenses/ftl.txt"}

var (
	licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([-._].*)?$`)
	noticeFile  = regexp.MustCompile(`(?i)^(notice|patents)([-._].*)?$`)
)

// linked lists the modules that a package is linked from on a platform, with their licences: those at the head of a module,
// and those of the folders that are linked.
func (b *builder) linked(ctx context.Context, goos, goarch string) ([]module, error) {
	format := `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}} {{$.Dir}}{{end}}{{end}}`
	out, err := b.goCommand(ctx, goos, goarch, "list", "-deps", "-f", format, "./tools/ckptctl")
	if err != nil {
		return nil, err
	}
	modules := map[string]*module{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) != 4 {
			continue
		}
		m := modules[fields[0]]
		if m == nil {
			m = &module{path: fields[0], version: fields[1], texts: map[string]string{}}
			modules[fields[0]] = m
		}
		if err := m.collect(fields[2], fields[3]); err != nil {
			return nil, err
		}
		if name, ok := chosen[m.path]; ok {
			text, err := os.ReadFile(filepath.Join(fields[2], filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			m.texts[name] = string(text)
		}
	}
	out, err = b.goCommand(ctx, goos, goarch, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(out), "\n")
	std := &module{path: "std", version: strings.TrimPrefix(version, "go"), texts: map[string]string{}}
	if err := std.collect(root, root); err != nil {
		return nil, err
	}
	modules["std"] = std
	var all []module
	for _, m := range modules {
		if err := m.classify(); err != nil {
			return nil, err
		}
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return all, nil
}

// collect reads licences and notices of a folder and of those above it, up to the module's own.
func (m *module) collect(root, dir string) error {
	for ; strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.IsDir() || filepath.Ext(f.Name()) == ".go" || !licenceFile.MatchString(f.Name()) && !noticeFile.MatchString(f.Name()) {
				continue
			}
			name, err := filepath.Rel(root, filepath.Join(dir, f.Name()))
			if err != nil {
				return err
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return err
			}
			m.texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return nil
}

// classify says which licences the texts are, and fails for one that is not known to be permitted.
func (m *module) classify() error {
	var found []string
	for name, text := range m.texts {
		if !licenceFile.MatchString(filepath.Base(name)) && name != chosen[m.path] {
			continue
		}
		for _, match := range licensecheck.Scan([]byte(text)).Match {
			if !match.IsURL && !slices.Contains(found, match.ID) {
				found = append(found, match.ID)
			}
		}
	}
	slices.Sort(found)
	if len(found) == 0 {
		return fmt.Errorf("%s %s has no licence that is recognized", m.path, m.version)
	}
	for _, id := range found {
		if !slices.Contains(permitted, id) {
			return fmt.Errorf("%s %s: licence %s is not among those that may be linked", m.path, m.version, id)
		}
	}
	m.licence = strings.Join(found, " AND ")
	return nil
}

// thirdParty is the page with all licences and notices of what is linked, which their terms want shipped.
func thirdParty(modules []module) []byte {
	var out bytes.Buffer
	fmt.Fprintln(&out, "ckptctl is linked from these Go modules, unchanged, whose sources are published under path and version.")
	fmt.Fprintln(&out, "Their licences and notices follow.")
	fmt.Fprintln(&out)
	for _, m := range modules {
		fmt.Fprintf(&out, "  %s %s: %s\n", m.path, m.version, m.licence)
	}
	for _, m := range modules {
		var names []string
		for name := range m.texts {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&out, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), m.path, m.version, name, strings.TrimSpace(m.texts[name]))
		}
	}
	return out.Bytes()
}
