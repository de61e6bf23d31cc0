package values

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Foreign is a file of something else than values.
type Foreign struct {
	// What it is, as in "this is …"; How is what to do instead.
	What, How string
	// At is where it begins.
	At Position
}

// foreignText are texts that Helm's reader stumbles over, by what they begin with. Those for whom a word is enough come as
// they are; how to go on stands after the semicolon.
var foreignText = []struct{ prefix, is string }{
	{"\x00GITCRYPT\x00", "is encrypted with git-crypt; run: git-crypt unlock"},
	{"age-encryption.org/", "is encrypted with age; decrypt it first: age --decrypt"},
	{"-----BEGIN AGE ENCRYPTED FILE-----", "is encrypted with age; decrypt it first: age --decrypt"},
	{"-----BEGIN PGP MESSAGE-----", "is encrypted with PGP; decrypt it first: gpg --decrypt"},
	{"-----BEGIN ", "is a key or a certificate in PEM, and no values; give the file that names it"},
	{"$ANSIBLE_VAULT;", "is encrypted with Ansible Vault; decrypt it first: ansible-vault view"},
	{"version https://git-lfs.github.com/spec/", "is a pointer of Git LFS, not the file itself; run: git lfs pull"},
	{"\x1f\x8b", "is a gzip archive, and values are text; a packaged chart goes to --chart"},
	{"PK\x03\x04", "is a zip archive, and values are text; unpack it"},
	{"<!doctype html", "is an HTML page, perhaps one that says what went wrong; download the file itself"},
	{"<html", "is an HTML page, perhaps one that says what went wrong; download the file itself"},
	{"<?xml", "is XML, and values are YAML"},
	{"#!", "is a script, and values are YAML"},
}

// unread says what a text is that is no values file, or "".
func unread(text []byte) string {
	begin := bytes.ToLower(bytes.TrimLeft(text[:min(len(text), 256)], " \t\r\n\ufeff"))
	for _, f := range foreignText {
		if bytes.HasPrefix(begin, []byte(strings.ToLower(f.prefix))) {
			return f.is
		}
	}
	if len(text) > 262 && bytes.Equal(text[257:262], []byte("ustar")) {
		return "is a tar archive, and values are text; a packaged chart goes to --chart"
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		if i < 2 && bytes.Count(text, []byte{0})*3 > len(text) {
			return "is UTF-16 without a byte order mark, which Helm cannot read; save it as UTF-8"
		}
		return "is no text; values are YAML"
	}
	if !utf8.Valid(text) && !bytes.HasPrefix(text, []byte("\xff\xfe")) && !bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return "is not UTF-8, which YAML is written in; save it as UTF-8"
	}
	return ""
}

// broken says which line makes a text none that YAML can read, and what the line is; "" when that is not known.
func broken(text []byte) (line int, what string) {
	number := 0
	for each := range bytes.Lines(text) {
		number++
		for _, marker := range []string{"<<<<<<< ", ">>>>>>> ", "||||||| "} {
			if bytes.HasPrefix(each, []byte(marker)) {
				return number, fmt.Sprintf("a merge that is not finished: %s; keep one side, and remove the markers", bytes.TrimSpace(each))
			}
		}
	}
	if line, command := unrendered(text); line > 0 {
		return line, fmt.Sprintf("a template that nothing has rendered: %s; render the file first, and check what comes of it", command)
	}
	return 0, ""
}

// kindOf is a document that people mistake for values.
type kindOf struct {
	// has says whether it is one.
	has       func(map[string]any) bool
	what, how string
}

var kindsOf = []kindOf{
	{func(d map[string]any) bool {
		_, sops := d["sops"].(map[string]any)
		return sops && (isText(d, "sops", "mac") || isText(d, "sops", "version") || isText(d, "sops", "lastmodified"))
	}, "a file that is encrypted with SOPS", "decrypt it first: sops --decrypt {file} | ckptctl check -f -"},
	{func(d map[string]any) bool {
		return isText(d, "$schema") && (isMap(d, "properties") || isMap(d, "$defs"))
	},
		"a JSON schema", "give the values that it judges"},
	{func(d map[string]any) bool {
		return d["kind"] == nil && isText(d, "apiVersion") && isText(d, "name") && isText(d, "version")
	}, "the metadata of a chart (Chart.yaml)", "give values.yaml; a parent chart goes to --chart"},
	{func(d map[string]any) bool {
		return isList(d, "dependencies") && isText(d, "digest") && isText(d, "generated")
	},
		"the lock of a chart's dependencies (Chart.lock)", "give values.yaml; a parent chart goes to --chart"},
	{func(d map[string]any) bool {
		return d["kind"] == nil && (isList(d, "resources") || isList(d, "helmCharts") || isList(d, "configMapGenerator") || isList(d, "patches"))
	}, "a kustomization", "give the file that its helmCharts or generators name"},
	{func(d map[string]any) bool { return isList(d, "releases") }, "a helmfile", "give the files that the release names under values"},
	{func(d map[string]any) bool {
		services, _ := d["services"].(map[string]any)
		for _, service := range services {
			if s, ok := service.(map[string]any); ok && (s["image"] != nil || s["build"] != nil) {
				return true
			}
		}
		return false
	}, "a file of Docker Compose", "give values: `helm show values` lists the keys"},
	{func(d map[string]any) bool { return isMap(d, "jobs") && (d["on"] != nil || d["true"] != nil) },
		"a workflow of GitHub Actions", "give the values that it passes to Helm"},
	{func(d map[string]any) bool {
		return isText(d, "apiVersion") && isText(d, "kind") && isText(d, "spec", "encryptedData") || d["kind"] == "SealedSecret"
	},
		"a sealed secret", "give values: `helm show values` lists the keys"},
}

// places are where documents of other kinds keep values for a chart; * is each item, and a text is YAML by itself.
var places = []Path{
	{"spec", "values"},
	{"spec", "source", "helm", "valuesObject"},
	{"spec", "source", "helm", "values"},
	{"spec", "sources", "*", "helm", "valuesObject"},
	{"spec", "sources", "*", "helm", "values"},
	{"spec", "template", "spec", "source", "helm", "valuesObject"},
	{"spec", "template", "spec", "source", "helm", "values"},
	{"spec", "template", "spec", "sources", "*", "helm", "valuesObject"},
	{"spec", "template", "spec", "sources", "*", "helm", "values"},
	{"spec", "valuesContent"},
	{"spec", "forProvider", "values"},
	{"spec", "helm", "values"},
	{"helm", "values"},
	{"helmCharts", "*", "valuesInline"},
	{"releases", "*", "values", "*"},
	{"data", "values.yaml"},
	{"stringData", "values.yaml"},
}

// Foreign says what the file is, when it is a file of something else whatever chart it is for; nil otherwise.
// backend says whether the chart has a backend of a name.
func (f *File) Foreign(backend func(name string) bool) *Foreign {
	if f.chart {
		return nil
	}
	kind, ok := f.kind(backend)
	if !ok {
		return nil
	}
	out := &Foreign{What: kind.what, How: kind.how, At: Position{File: f.Name, Line: 1, Column: 1}}
	if len(f.documents) > 0 {
		out.At = position(f.Name, f.documents[0].root, f.documents[0].shift)
	}
	for _, place := range places {
		path, value := inside(f.Values, place)
		text, isText := value.(string)
		if section, ok := value.(map[string]any); !ok && !isText || len(section) == 0 && strings.TrimSpace(text) == "" {
			continue
		}
		line := ""
		if o := f.origins().at(path); o != nil {
			line = fmt.Sprintf(" in line %d", o.key.Line)
		}
		out.How = fmt.Sprintf("its values are those of %s%s: yq %s %s | ckptctl check -f -", path, line, quoted(expression(path)), quoted(f.Name))
		break
	}
	out.How = strings.ReplaceAll(out.How, "{file}", quoted(f.Name))
	return out
}

func (f *File) kind(backend func(string) bool) (kindOf, bool) {
	for i, k := range kindsOf {
		// What has the chart's own first key is a values file, whatever else is in it; encrypted it is none.
		if k.has(f.Values) && (i == 0 || f.Values["backend"] == nil) {
			return k, true
		}
	}
	if !isText(f.Values, "apiVersion") || !isText(f.Values, "kind") {
		return kindOf{}, false
	}
	kind := f.Values["kind"].(string)
	name, _ := lookup(f.Values, Path{"metadata", "name"}).(string)
	k := kindOf{what: "a manifest of Kubernetes, of kind " + kind, how: "apply it with kubectl, and give values: `helm show values` lists the keys"}
	if name == "" {
		name = "NAME"
	}
	switch kind {
	case "PersistentVolumeClaim":
		k.how = fmt.Sprintf("to use that claim, apply it and set provisioning: existing and claim.existing: %s; or write spec.resources.requests.storage "+
			"as size, and spec.accessModes as accessModes", name)
	case "StorageClass":
		k.how = fmt.Sprintf("apply it, and set provisioning: dynamic and storageClassName: %s; or write its parameters under storageClass.parameters, "+
			"with storageClass.create: true", name)
	case "PersistentVolume":
		k.how = "write spec.capacity.storage as size, spec.accessModes as accessModes, and what the volume is as the section of a backend; " +
			"`ckptctl backends` lists them"
		spec, _ := f.Values["spec"].(map[string]any)
		for _, source := range slices.Sorted(maps.Keys(spec)) {
			if isMap(spec, source) && backend(source) {
				k.how = fmt.Sprintf("set backend: %s and write spec.%s as the section %s, spec.capacity.storage as size, and spec.accessModes as accessModes",
					source, source, source)
			}
		}
	}
	return k, true
}

// inside finds the first value at a path with * in it, and the path that leads there.
func inside(value any, path Path) (Path, any) {
	var at Path
	for i, step := range path {
		if step == "*" {
			list, _ := value.([]any)
			for n, item := range list {
				if below, found := inside(item, path[i+1:]); found != nil {
					return slices.Concat(at, Path{index(n)}, below), found
				}
			}
			return nil, nil
		}
		section, _ := value.(map[string]any)
		value = section[step]
		at = at.To(step)
	}
	return at, value
}

// expression is a path as yq takes it.
func expression(path Path) string {
	var out strings.Builder
	for _, step := range path {
		switch {
		case strings.HasPrefix(step, "["):
			out.WriteString(step)
		case strings.Contains(step, "."):
			fmt.Fprintf(&out, ".%q", step)
		default:
			out.WriteString("." + step)
		}
	}
	return out.String()
}

// wordsOf says what a document is that is no map.
func wordsOf(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case string:
		return "a text; a key and its value are parted by a colon and a space"
	}
	return fmt.Sprintf("the value %v", value)
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+-]+$`)

func isText(value map[string]any, path ...string) bool {
	text, ok := lookup(value, path).(string)
	return ok && text != ""
}

func isMap(value map[string]any, key string) bool { _, ok := value[key].(map[string]any); return ok }

func isList(value map[string]any, key string) bool { _, ok := value[key].([]any); return ok }
