package repo

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// ranBeside are the commands that a test runs without a cluster, as they are printed, and that test: those of git, and those of
// kubectl that only show an object or need a machine that is off, with the kubectl that is installed.
var ranBeside = map[string]string{
	"git fetch origin %s:%s":                                                          "tools/ckptctl/internal/revision/revision_test.go TestFetch",
	"kubectl --namespace %s get %s %s --output yaml":                                  "tools/ckptctl/internal/cli/recipes_test.go TestRecipesShow",
	"kubectl get %s %s --output yaml":                                                 "tools/ckptctl/internal/cli/recipes_test.go TestRecipesShow",
	"kubectl get storageclass %s --output jsonpath='{.allowVolumeExpansion}'":         "tools/ckptctl/internal/cli/recipes_test.go TestRecipesShow",
	"kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute":  "tools/ckptctl/internal/doctor/doctor_test.go TestTaint",
	"kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute-": "tools/ckptctl/internal/doctor/doctor_test.go TestTaint",
}

// TestCommandsAreRun checks that every command which ckptctl prints to be pasted is run by a test as it is printed; by one on the
// cluster, where it is not in ranBeside: doctor's by TestDoctor, which writes them into DOCTOR.md, those of stores by TestStores, in STORES.md, diff's by TestRecipes, and adopt's by TestAdopt.
func TestCommandsAreRun(t *testing.T) {
	ran := slices.Concat(pageRan(t, "DOCTOR.md"), pageRan(t, "STORES.md"), recipesRan(t), adoptRan(t))
	require.Greater(t, len(ran), 60)
	printed := templates(t)
	require.Greater(t, len(printed), 40)
	for _, template := range printed {
		// An upgrade may have further settings.
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(template), "%s", "(?s:.+)") + "(?: --set.*)?$")
		isRun := slices.ContainsFunc(ran, pattern.MatchString)
		if test, beside := ranBeside[template]; beside {
			file, name, _ := strings.Cut(test, " ")
			text, err := os.ReadFile(filepath.Join(charts.Root(), file))
			require.NoError(t, err)
			assert.Contains(t, string(text), "func "+name+"(")
			delete(ranBeside, template)
			continue
		}
		assert.True(t, isRun, "no test on the cluster runs %q", template)
	}
	assert.Empty(t, ranBeside, "these are not printed any more")
}

// templates are the commands in the source of ckptctl: the constant that each call of paste.Command begins with.
func templates(t *testing.T) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(filepath.Join(charts.Root(), "tools", "ckptctl"), func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		constants := map[string]string{}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && len(spec.Values) == 1 {
				constants[spec.Names[0].Name] = text(spec.Values[0], nil)
			}
			return true
		})
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isCommand(call.Fun) {
				return true
			}
			template := text(call.Args[0], constants)
			assert.NotEmpty(t, template, "%s: a command that is no constant", path)
			if !slices.Contains(out, template) {
				out = append(out, template)
			}
			return true
		})
		return nil
	}))
	return out
}

// isCommand says that a function is paste.Command.
func isCommand(f ast.Expr) bool {
	selector, ok := f.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	return ok && of.Name == "paste" && selector.Sel.Name == "Command"
}

// text is the string that an expression of constants is.
func text(e ast.Expr, constants map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			return ""
		}
		return s
	case *ast.Ident:
		return constants[e.Name]
	case *ast.BinaryExpr:
		return text(e.X, constants) + text(e.Y, constants)
	}
	return ""
}

// pageRan are the commands in the rows of a page that the install tests write.
func pageRan(t *testing.T, name string) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(charts.Root(), "test", "install", name))
	require.NoError(t, err)
	var out []string
	for _, row := range strings.Split(string(page), "\n") {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
		if len(cells) != 6 {
			continue
		}
		for _, line := range strings.Split(cells[3], "<br>") {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "`"); ok {
				out = append(out, strings.ReplaceAll(strings.TrimSuffix(command, "`"), "\x00", "|"))
			}
		}
	}
	return out
}

// adoptRan are the commands that adopt prints for the first store of adopt.yaml.
func adoptRan(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(charts.Root(), "test", "install", "adopt.yaml"))
	require.NoError(t, err)
	var cases []struct{ Manifest string }
	require.NoError(t, yaml.Unmarshal(page, &cases))
	require.NotEmpty(t, cases)
	command := exec.CommandContext(t.Context(), "go", "run", "./tools/ckptctl", "adopt", "-f", "-")
	command.Dir = charts.Root()
	command.Stdin = strings.NewReader(strings.NewReplacer("$DIR", "/mnt", "$NS", "train", "$NODE", "node-1").Replace(cases[0].Manifest))
	var words bytes.Buffer
	command.Stderr = &words
	require.NoError(t, command.Run(), "%s", &words)
	var out []string
	for line := range strings.Lines(words.String()) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// recipesRan are the commands that diff prints for the upgrades of recipes.yaml.
func recipesRan(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(charts.Root(), "test", "install", "recipes.yaml"))
	require.NoError(t, err)
	var cases []struct {
		Title    string
		From, To map[string]any
	}
	require.NoError(t, yaml.Unmarshal(page, &cases))
	var out []string
	for _, c := range cases {
		dir := t.TempDir()
		var files []string
		for name, values := range map[string]map[string]any{"from": c.From, "to": c.To} {
			body, err := yaml.Marshal(values)
			require.NoError(t, err)
			files = append(files, filepath.Join(dir, name))
			require.NoError(t, os.WriteFile(files[len(files)-1], []byte(strings.NewReplacer("$DIR", "/mnt", "$NS", "train").Replace(string(body))), 0o600))
		}
		slices.Sort(files)
		findings, err := check.Diff(t.Context(), check.Helm3, check.Side{Inputs: check.Inputs{Files: files[:1]}},
			check.Side{Inputs: check.Inputs{Files: files}, Chart: os.DirFS(charts.Chart()), Place: charts.Chart()}, check.Release{Name: "checkpoints", Namespace: "train"}, check.Connection{})
		require.NoError(t, err, c.Title)
		for _, f := range findings {
			// Those of warnings are not followed.
			if f.Severity != "error" {
				continue
			}
			for _, line := range strings.Split(f.Hint, "\n") {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	return out
}
