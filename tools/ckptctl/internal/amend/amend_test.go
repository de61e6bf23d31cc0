package amend

import (
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rename(from, to string, value any) values.Edit {
	return values.Edit{From: values.ParsePath(from), To: values.ParsePath(to), Value: value}
}

func set(to string, value any) values.Edit {
	return values.Edit{To: values.ParsePath(to), Value: value}
}

func remove(from string) values.Edit { return values.Edit{From: values.ParsePath(from)} }

// TestEdits holds that an edit is made where it belongs and nowhere else, and that one without a place is not made.
func TestEdits(t *testing.T) {
	for title, c := range map[string]struct {
		text  string
		edits []values.Edit
		// want is "" where the text has no place for the edit.
		want string
	}{
		"a key":                        {"# top\nnfs: # mine\n  sever: a # it\n", []values.Edit{rename("nfs.sever", "nfs.server", "a")}, "# top\nnfs: # mine\n  server: a # it\n"},
		"a quoted key":                 {"'sze': 1\n", []values.Edit{rename("sze", "size", 1.0)}, "'size': 1\n"},
		"a key in braces":              {"nfs: {sever: a, path: /b}\n", []values.Edit{rename("nfs.sever", "nfs.server", "a")}, "nfs: {server: a, path: /b}\n"},
		"a key with its anchor":        {"sze: &s 10Gi\nx-a: *s\n", []values.Edit{rename("sze", "size", "10Gi")}, "size: &s 10Gi\nx-a: *s\n"},
		"Windows line ends":            {"sze: 1\r\nkeep: true\r\n", []values.Edit{rename("sze", "size", 1.0)}, "size: 1\r\nkeep: true\r\n"},
		"a byte order mark":            {"\ufeffsze: 1\n", []values.Edit{rename("sze", "size", 1.0)}, "\ufeffsize: 1\n"},
		"a key and its value":          {"sze: 10GB # big\n", []values.Edit{rename("sze", "size", "10G")}, "size: 10G # big\n"},
		"a key that is taken":          {"sze: 1\nsize: 2\n", []values.Edit{rename("sze", "size", 1.0)}, ""},
		"a key that stands twice":      {"sze: 1\nsze: 2\n", []values.Edit{rename("sze", "size", 2.0)}, ""},
		"a key of an alias":            {"x-a: &a {sze: 1}\nb: *a\n", []values.Edit{rename("b.sze", "b.size", 1.0)}, ""},
		"a key that an alias repeats":  {"x-a: &a {sze: 1}\nb: *a\n", []values.Edit{rename("x-a.sze", "x-a.size", 1.0)}, ""},
		"a key that is merged":         {"x-a: &a {sze: 1}\nb:\n  <<: *a\n", []values.Edit{rename("b.sze", "b.size", 1.0)}, ""},
		"a key of a second document":   {"a: 1\n---\nsze: 1\n", []values.Edit{rename("sze", "size", 1.0)}, ""},
		"a word":                       {"backend: NFS # x\n", []values.Edit{set("backend", "nfs")}, "backend: nfs # x\n"},
		"a word in quotes":             {"backend: 'NFS'\n", []values.Edit{set("backend", "nfs")}, "backend: 'nfs'\n"},
		"an item":                      {"accessModes:\n  - ReadWritemany # x\n", []values.Edit{set("accessModes.[0]", "ReadWriteMany")}, "accessModes:\n  - ReadWriteMany # x\n"},
		"a number in quotes":           {"a: 0755 # mode\n", []values.Edit{set("a", "0755")}, "a: \"0755\" # mode\n"},
		"a number without quotes":      {"a: \"7\"\n", []values.Edit{set("a", 7.0)}, "a: 7\n"},
		"a boolean without quotes":     {"a: 'true'\n", []values.Edit{set("a", true)}, "a: true\n"},
		"a list":                       {"accessModes: ReadWriteMany\n", []values.Edit{set("accessModes", []any{"ReadWriteMany"})}, "accessModes: [ReadWriteMany]\n"},
		"a value with an anchor":       {"a: &a 1\n", []values.Edit{set("a", 2.0)}, ""},
		"a value in a block":           {"a: |\n  b\n", []values.Edit{set("a", "c")}, ""},
		"a removed key":                {"a: 1\n# of c\n\nb: 2\nc: 3\n", []values.Edit{remove("b")}, "a: 1\n# of c\n\nc: 3\n"},
		"a removed section":            {"a:\n  b:\n  - 1\n\n  - 2\n# of c\nc: 3\n", []values.Edit{remove("a")}, "# of c\nc: 3\n"},
		"a removed last key":           {"a:\n  b: 1\nc: 3\n", []values.Edit{remove("a.b")}, "a: {}\nc: 3\n"},
		"a removed key in braces":      {"a: {b: 1, c: 2, d: 3}\n", []values.Edit{remove("a.c")}, "a: {b: 1, d: 3}\n"},
		"a removed last key in braces": {"a: {b: 1}\n", []values.Edit{remove("a.b")}, "a: {}\n"},
		"a removed end in braces":      {"a: {b: 1, c: 2}\n", []values.Edit{remove("a.c")}, "a: {b: 1}\n"},
		"a comment that would go":      {"a: 1 # why\nb: 2\n", []values.Edit{remove("a")}, ""},
		"a comment inside":             {"a:\n  # why\n  b: 1\nc: 2\n", []values.Edit{remove("a")}, ""},
		"a removed literal":            {"a: |\n  x\n\nb: 2\n", []values.Edit{remove("a")}, "\nb: 2\n"},
		"out of a section":             {"claim: # c\n  labels: {a: b}\n  size: 10Gi # big\nkeep: true\n", []values.Edit{rename("claim.size", "size", "10Gi")}, "claim: # c\n  labels: {a: b}\nsize: 10Gi # big\nkeep: true\n"},
		"all of a section":             {"claim:\n  size: 10Gi\nkeep: true\n", []values.Edit{rename("claim.size", "size", "10Gi")}, "claim: {}\nsize: 10Gi\nkeep: true\n"},
		"out of braces":                {"claim: {size: 10Gi, name: a}\n", []values.Edit{rename("claim.size", "size", "10Gi")}, "claim: {name: a}\nsize: 10Gi\n"},
		"into a section": {"nfs:\n    path: /a\n# end\nserver: b\n", []values.Edit{rename("server", "nfs.server", "b")},
			"nfs:\n    path: /a\n    server: b\n# end\n"},
		"into braces": {"nfs: {path: /a}\nserver: b\n", []values.Edit{rename("server", "nfs.server", "b")}, "nfs: {path: /a, server: b}\n"},
		"into a new section": {"backend: nfs\nserver: b # s\npath: /c\nkeep: true\n", []values.Edit{rename("server", "nfs.server", "b"), rename("path", "nfs.path", "/c")},
			"backend: nfs\nnfs:\n  server: b # s\n  path: /c\nkeep: true\n"},
		"under another name": {"existingClaim: a\nclaim: {}\n", []values.Edit{rename("existingClaim", "claim.existing", "a")}, "claim: {existing: a}\n"},
		"a whole section": {"claim:\n  storageClass:\n    # why\n    name: a\n", []values.Edit{rename("claim.storageClass", "storageClass", map[string]any{"name": "a"})},
			"claim: {}\nstorageClass:\n  # why\n  name: a\n"},
		"with Windows line ends":    {"claim:\r\n  size: 1Gi\r\n  name: a\r\n", []values.Edit{rename("claim.size", "size", "1Gi")}, "claim:\r\n  name: a\r\nsize: 1Gi\r\n"},
		"without a last line end":   {"claim:\n  name: a\n  size: 1Gi", []values.Edit{rename("claim.size", "size", "1Gi")}, "claim:\n  name: a\nsize: 1Gi\n"},
		"what another chart writes": {"persistence:\n  size: 1Ti\nkeep: true\n", []values.Edit{remove("persistence"), set("size", "1Ti")}, "size: 1Ti\nkeep: true\n"},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := Edits([]byte(c.text), c.edits)
			if c.want == "" {
				require.Error(t, err, string(got))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
}

// TestComment holds that a comment goes, with its line where it is all of it, and that what only looks like one stays.
func TestComment(t *testing.T) {
	for _, c := range []struct{ text, find, want string }{
		{"a: 1 # x\nb: 2\n", "# x", "a: 1\nb: 2\n"},
		{"a: 1\r\n  # x\r\nb: 2\r\n", "# x", "a: 1\r\nb: 2\r\n"},
		{"a: 1 # y # x", "# x", "a: 1 # y"},
		{"# x", "# x", ""},
		{"a: |\n  # x\n", "# x", "-"},
		{"a: 'b # x'\n", "# x", "-"},
	} {
		before, _, _ := strings.Cut(c.text, c.find)
		line := strings.Count(before, "\n") + 1
		got, err := Comment([]byte(c.text), line, len(before)-strings.LastIndex(before, "\n"))
		if c.want == "-" {
			require.Error(t, err, c.text)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
	}
}
