package values

import (
	"bytes"
	"regexp"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"
)

var (
	// action is what a template's engine would run: of Go, Helm, Jinja or ERB.
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}|\{%.*?%\}|<%.*?%>`)
	// mark is what a tool is to replace, wherever it stands in a value.
	mark = regexp.MustCompile(`\$\{[A-Za-z_.][^}\n]*\}|\$\([A-Za-z_][A-Za-z0-9_]*\)|#\{[A-Za-z_][^}\n]*\}|@@[A-Za-z][A-Za-z0-9_.-]*@@|` +
		`__[A-Z][A-Z0-9_]*[A-Z0-9]__|<[A-Za-z][A-Za-z0-9 _.-]*>|\bref\+[a-z0-9]+://`)
	// whole is what stands for a value by being all of it, or its beginning.
	whole = regexp.MustCompile(`^(\$[A-Z][A-Z0-9_]*(/|$)|%[A-Z][A-Z0-9_]+%(\\|/|$)|@[A-Z][A-Z0-9_]*@$)`)
	// word is what a person wrote for a person.
	word = regexp.MustCompile(`(?i)\b(change[-_]?me|(replace|fill)[-_](me|this|with)|insert[-_].*[-_]here|[a-z0-9]*[-_]?x{4,})\b|^your[-_].|^xxx$|^\?\?\?$`)
	// note is what a person wrote for himself: in small letters it may be a name.
	note = regexp.MustCompile(`^(TODO|TBD|FIXME)\b`)
	// secret is what a tool has encrypted, each value by itself.
	secret = regexp.MustCompile(`^(ENC\[AES256_GCM,|\$ANSIBLE_VAULT;)`)
	// driver is what the driver of the volume fills in by itself, such as ${pvc.metadata.name}.
	driver = regexp.MustCompile(`(?i)^\$\{\.?(pvc?|pod|node|serviceaccount)\b`)
)

// suspicious says that a text may hold something that is to be replaced: most do not, and need not be looked at closely.
func suspicious(text []byte) bool {
	if bytes.ContainsAny(text, "$<%@") {
		return true
	}
	for _, sign := range signs {
		if bytes.Contains(text, sign) {
			return true
		}
	}
	return false
}

// signs are pieces of all that the expressions above find, in the spellings that occur.
var signs = func() (out [][]byte) {
	for _, sign := range strings.Fields("ENC[ {{ #{ __ ref+ hange- hange_ hangeme HANGE eplace EPLACE ill-me ill_me FILL nsert- nsert_ INSERT xxx XXX TODO TBD FIXME ??? your- your_ YOUR") {
		out = append(out, []byte(sign))
	}
	return out
}()

// longestNote is how many bytes a note has that only says that something is to be written.
const longestNote = 200

// placeholder returns what in a value is to be replaced by something else, and what would replace it; "" where nothing is.
// The path tells what only looks so: annotations and the parameters of a class may hold what others fill in.
func placeholder(path Path, text string) (what, how string) {
	ours := len(path) > 0 && !strings.HasPrefix(path[0], "x-")
	free := false
	for _, step := range path {
		ours = ours && step != "annotations" && step != "commonAnnotations"
		free = free || step == "parameters" || step == "volumeAttributes"
	}
	if !ours {
		return "", ""
	}
	if found := secret.FindString(text); found != "" {
		return found + "…", "decrypt it before the chart gets the file"
	}
	// Expressions that may begin anywhere are slow on megabytes, and each begins with one of these.
	if !free && strings.ContainsAny(text, "{<") {
		if found := action.FindString(text); found != "" {
			return found, "render the file first, and check what comes of it"
		}
	}
	var marks []string
	if strings.ContainsAny(text, "$#@_<") || strings.Contains(text, "ref+") {
		marks = mark.FindAllString(text, -1)
	}
	for _, found := range marks {
		if !driver.MatchString(found) && (!free || !strings.HasPrefix(found, "$")) {
			return found, "have it replaced before the chart gets the file, or write the value itself"
		}
	}
	if found := whole.FindString(text); found != "" {
		return strings.TrimRight(found, `/\`), "have it replaced before the chart gets the file, or write the value itself"
	}
	if len(text) <= longestNote && (word.MatchString(text) || note.MatchString(text)) {
		return text, "write the value itself"
	}
	return "", ""
}

// unrendered finds the first line of a text that nothing but templates and placeholders keeps from being YAML; 0 where there
// is none, or where the text would be none without them either.
func unrendered(text []byte) (line int, found string) {
	for number, each := range bytes.Split(text, []byte("\n")) {
		bare := strings.TrimSpace(string(each))
		if m := firstMark(bare); m != "" && !strings.HasPrefix(bare, "#") {
			line, found = number+1, m
			break
		}
	}
	if line == 0 {
		return 0, ""
	}
	// A whole line decides what is there, or brings its own lines along; within a line an action is a value.
	filled := alone.ReplaceAll(text, nil)
	for _, each := range []*regexp.Regexp{action, mark, atSign} {
		filled = each.ReplaceAll(filled, []byte("x"))
	}
	var value any
	if sigsyaml.Unmarshal(filled, &value) != nil {
		return 0, ""
	}
	return line, found
}

var (
	alone  = regexp.MustCompile(`(?m)^[ \t]*(\{\{[^\n]*?\}\}|\{%[^\n]*?%\}|<%[^\n]*?%>)[ \t]*(#[^\n]*)?$`)
	atSign = regexp.MustCompile(`[@%][A-Za-z][A-Za-z0-9_]*[@%]`)
)

func firstMark(line string) string {
	for _, each := range []*regexp.Regexp{action, mark, atSign} {
		if m := each.FindString(line); m != "" {
			return m
		}
	}
	return ""
}
