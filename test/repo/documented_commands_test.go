package repo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// programs are those whose command lines are looked at.
var programs = []string{"ckptctl", "helm", "kubectl", "make", "go"}

// generated are pages whose commands are run by the tests that write them, and what names flags of the past.
var generated = []string{"test/install/DOCTOR.md", "test/install/LIFECYCLE.md", "test/install/STORES.md", "charts/checkpoint-storage/CHANGELOG.md"}

// TestDocumentedCommands holds that what the pages say of commands is so.
func TestDocumentedCommands(t *testing.T) {
	tool := ckptctl(t)
	t.Run("exist", func(t *testing.T) { commandsExist(t, tool) })
	t.Run("print", func(t *testing.T) { checkPrints(t, tool) })
	t.Run("print of a fleet", func(t *testing.T) { fleetPrints(t, tool) })
}

// commandsExist holds that every command line of a page has subcommands, flags, targets and files that exist.
func commandsExist(t *testing.T, tool string) {
	t.Helper()
	bin := recorders(t)
	seen := map[string][]string{}
	for _, p := range markdown(t) {
		if slices.Contains(generated, p.file) {
			continue
		}
		for _, script := range scripts(p) {
			for _, command := range recorded(t, bin, p.file, script) {
				seen[strings.Join(command, "\x00")] = append(seen[strings.Join(command, "\x00")], p.file)
			}
		}
	}
	assert.Greater(t, len(seen), 60, "the pages show fewer commands than they did")
	for joined, files := range seen {
		command := strings.Split(joined, "\x00")
		assert.NoError(t, exists(t, tool, command), "%s: %s", files[0], strings.Join(command, " "))
	}
}

// ckptctl builds the tool.
func ckptctl(t *testing.T) string {
	t.Helper()
	tool := filepath.Join(t.TempDir(), "ckptctl")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", tool, filepath.Join(charts.Root(), "tools", "ckptctl")).CombinedOutput()
	require.NoError(t, err, string(out))
	return tool
}

// inCI is a command in the configuration of a CI.
var inCI = regexp.MustCompile(`(?m)^\s*(?:- )?(?:run|script): (.*)$`)

// scripts are what a page has one type into a shell.
func scripts(p page) []string {
	var out []string
	for _, b := range p.blocks {
		switch b.language() {
		case "console":
			out = append(out, typed(b.text))
		case "yaml":
			for _, found := range inCI.FindAllStringSubmatch(b.text, -1) {
				out = append(out, found[1])
			}
		}
	}
	for _, span := range p.spans {
		program, rest, _ := strings.Cut(span, " ")
		if slices.Contains(programs, program) && rest != "" {
			out = append(out, span)
		}
	}
	return out
}

// typed is a block without what the commands print: where lines begin with $, they alone are typed.
func typed(text string) string {
	var prompts []string
	for _, line := range strings.Split(text, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			prompts = append(prompts, command)
		}
	}
	if len(prompts) > 0 {
		return strings.Join(prompts, "\n")
	}
	return text
}

// recorders makes a folder with a program of each name that only writes down what it is called with.
func recorders(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range programs {
		// Written at once: the programs of a pipeline run beside each other.
		script := "#!/bin/sh\nline=$(printf '%s\\037' " + name + " \"$@\")\nprintf '%s\\036' \"$line\" >>\"$RECORD\"\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700))
	}
	return bin
}

// recorded is what a script calls, word by word as the shell takes it apart.
func recorded(t *testing.T, bin, file, script string) [][]string {
	t.Helper()
	record := filepath.Join(t.TempDir(), "record")
	command := exec.CommandContext(t.Context(), "bash", "-c", script)
	command.Dir = t.TempDir()
	// Nothing else is found: other commands do nothing.
	command.Env = []string{"PATH=" + bin, "RECORD=" + record}
	_ = command.Run()
	text, err := os.ReadFile(record)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err, "%s\n%s", file, script)
	var out [][]string
	for _, call := range strings.Split(strings.TrimSuffix(string(text), "\x1e"), "\x1e") {
		out = append(out, strings.Split(strings.TrimSuffix(call, "\x1f"), "\x1f"))
	}
	return out
}

// inRepository is an argument that names a file of this repository.
var inRepository = regexp.MustCompile(`^(\./)?(charts|tools|test|ci)/[-\w./]*$`)

// exists says what a command line names that is not there. Asked for help besides, a program reads its flags and does
// nothing.
func exists(t *testing.T, tool string, command []string) error {
	t.Helper()
	program, args := command[0], command[1:]
	for _, arg := range args {
		if inRepository.MatchString(arg) {
			if _, err := os.Stat(filepath.Join(charts.Root(), strings.TrimSuffix(arg, "/..."))); err != nil {
				return err
			}
		}
	}
	switch {
	case program == "make":
		return targetsExist(args)
	case program == "go" && len(args) > 1 && args[0] == "run" && args[1] == "./tools/ckptctl", program == "helm" && len(args) > 0 && args[0] == "checkpoints":
		return exists(t, tool, append([]string{"ckptctl"}, args[map[string]int{"go": 2, "helm": 1}[program]:]...))
	case program == "go":
		return goExists(args)
	case program == "ckptctl":
		program = tool
	}
	out, err := exec.CommandContext(t.Context(), program, append(args, "--help")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// targetsExist says which target the Makefile does not have.
func targetsExist(args []string) error {
	text, err := os.ReadFile(filepath.Join(charts.Root(), "Makefile"))
	if err != nil {
		return err
	}
	for _, target := range args {
		if !strings.Contains(target, "=") && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).Match(text) {
			return fmt.Errorf("the Makefile has no target %s", target)
		}
	}
	return nil
}

// ofGoTest are flags that go test itself has.
var ofGoTest = []string{"-run", "-skip", "-short", "-timeout", "-parallel", "-v"}

// goExists says what a go command names that no Go file of the folder has: the test that -run picks, or a flag.
func goExists(args []string) error {
	source, folder := "", ""
	for _, arg := range args {
		if inRepository.MatchString(arg) {
			folder = arg
		}
	}
	files, err := filepath.Glob(filepath.Join(charts.Root(), folder, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		source += string(text)
	}
	// What follows a lone -- is for another program.
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	for i, arg := range args {
		name, isFlag := strings.CutPrefix(arg, "-")
		switch {
		case arg == "-run" && i+1 < len(args):
			test, _, _ := strings.Cut(args[i+1], "/")
			if !strings.Contains(source, "func "+test) {
				return fmt.Errorf("%s has no test %s", folder, test)
			}
		case isFlag && !slices.Contains(ofGoTest, arg) && !regexp.MustCompile(`flag\.\w+\("`+regexp.QuoteMeta(name)+`"`).MatchString(source):
			return fmt.Errorf("%s has no flag %s", folder, arg)
		}
	}
	return nil
}

// checkPrints holds that the README shows what ckptctl prints of the values that it shows.
func checkPrints(t *testing.T, tool string) {
	t.Helper()
	dir := t.TempDir()
	p := pageOf(t, "README.md")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "clusters"), 0o700))
	want := ""
	for _, b := range p.blocks {
		if name, _, found := strings.Cut(strings.TrimPrefix(b.text, "# "), "\n"); found && b.language() == "yaml" && strings.HasSuffix(name, ".yaml") {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o600))
		}
		if line, output, found := strings.Cut(b.text, "\n"); found && strings.HasPrefix(line, "$ ckptctl check ") {
			command := exec.CommandContext(t.Context(), tool, strings.Fields(line)[2:]...)
			command.Dir = dir
			out, err := command.CombinedOutput()
			require.Error(t, err, "the values of the README are right")
			want = output
			assert.Equal(t, want, string(out))
		}
	}
	assert.NotEmpty(t, want, "the README shows no check")
}

// fleetRepository makes a repository of the project file that ckptctl's README shows, with a change that is not committed.
func fleetRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, b := range pageOf(t, "tools/ckptctl/README.md").blocks {
		if strings.HasPrefix(b.text, "# ckptctl.yaml\n") {
			write("ckptctl.yaml", b.text)
		}
	}
	write("base.yaml", "backend: nfs\nnfs: {server: 10.0.0.5}\naccessModes: [ReadWriteMany]\n")
	overlay := func(name, size string) {
		write("clusters/"+name+".yaml", "nfs: {path: /export/"+name+"}\nsize: "+size+"\n")
	}
	for _, name := range []string{"berlin", "oslo", "us-east", "us-west"} {
		overlay(name, "4Ti")
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "t"}} {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = dir
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	overlay("berlin", "2Ti")
	overlay("us-east", "3Ti")
	return dir
}

// fleetPrints holds that ckptctl's README shows what ckptctl prints in a project.
func fleetPrints(t *testing.T, tool string) {
	t.Helper()
	dir, printed := fleetRepository(t), 0
	for _, b := range pageOf(t, "tools/ckptctl/README.md").blocks {
		line, output, _ := strings.Cut(b.text, "\n")
		if line != "$ ckptctl check" && !strings.HasPrefix(line, "$ ckptctl diff --against ") {
			continue
		}
		command := exec.CommandContext(t.Context(), tool, strings.Fields(line)[2:]...)
		command.Dir = dir
		out, _ := command.CombinedOutput()
		assert.Equal(t, output, string(out))
		printed++
	}
	assert.Equal(t, 2, printed)
}

// TestDocumentedDiagnosis holds that what ckptctl's README has the doctor say was seen on a cluster.
func TestDocumentedDiagnosis(t *testing.T) {
	seen, err := os.ReadFile(filepath.Join(charts.Root(), "test", "install", "DOCTOR.md"))
	require.NoError(t, err)
	concrete := regexp.MustCompile(`"value":"([0-9a-f]{8}-[-0-9a-f]+|\d+)"`)
	found := 0
	for _, b := range pageOf(t, "tools/ckptctl/README.md").blocks {
		if !strings.HasPrefix(b.text, "$ ckptctl doctor ") {
			continue
		}
		for _, line := range strings.Split(b.text, "\n") {
			line = strings.TrimSpace(line)
			if cause, ok := strings.CutPrefix(line, "cause: "); ok {
				found++
				assert.Contains(t, string(seen), cause)
			}
			if strings.HasPrefix(line, "kubectl ") {
				found++
				general := concrete.ReplaceAllStringFunc(line, func(value string) string {
					if strings.Contains(value, "-") {
						return `"value":"UID"`
					}
					return `"value":"VERSION"`
				})
				assert.Contains(t, string(seen), general)
			}
		}
	}
	assert.GreaterOrEqual(t, found, 2)
}
