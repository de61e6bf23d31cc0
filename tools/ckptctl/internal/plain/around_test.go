package plain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// direct are what print without being given a writer.
var direct = map[string]map[string]bool{
	"os":      {"Stdout": true, "Stderr": true},
	"fmt":     {"Print": true, "Printf": true, "Println": true},
	"syscall": {"Write": true, "Stdout": true, "Stderr": true},
	"log":     {"Print": true, "Printf": true, "Println": true, "Fatal": true, "Fatalf": true, "Fatalln": true},
}

// TestNothingGoesAround checks that all of ckptctl prints to the writers that it is given, and that it is given Writers: the
// process's own streams are named in main alone, and there they are handed to what wraps them.
func TestNothingGoesAround(t *testing.T) {
	root := filepath.Join("..", "..")
	looked, wraps := 0, 0
	require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		fileSet := token.NewFileSet()
		file, err := parser.ParseFile(fileSet, name, nil, 0)
		require.NoError(t, err)
		looked++
		isMain := name == filepath.Join(root, "main.go")
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				of, ok := n.X.(*ast.Ident)
				if ok && direct[of.Name][n.Sel.Name] && !isMain {
					assert.Fail(t, "prints past the Writer", "%s: %s.%s", fileSet.Position(n.Pos()), of.Name, n.Sel.Name)
				}
				if ok && of.Name == "streams" && n.Sel.Name != "In" {
					// Run looks at each stream twice, to wrap it and to see whether it is a terminal.
					wraps++
				}
			case *ast.CallExpr:
				if of, ok := n.Fun.(*ast.Ident); ok && (of.Name == "print" || of.Name == "println") {
					assert.Fail(t, "prints past the Writer", "%s", fileSet.Position(n.Pos()))
				}
			}
			return true
		})
		return nil
	}))
	assert.Greater(t, looked, 50)
	assert.Equal(t, 4, wraps, "the streams are used for something else than a Writer")
}

// TestPrintersClean checks that everything that prints a report prints what it shows of it.
func TestPrintersClean(t *testing.T) {
	// Where, and the functions that begin to print there.
	for file, printers := range map[string][]string{"../report/print.go": {"Write"}, "../doctor/report.go": {"WriteJSON", "WriteText"}} {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		var exported []string
		for _, declaration := range tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(function.Name.Name, "Write") {
				continue
			}
			exported = append(exported, function.Name.Name)
			cleans := false
			ast.Inspect(function, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				cleans = cleans || ok && selector.Sel.Name == "shown"
				return true
			})
			assert.True(t, cleans, "%s: %s prints what it was given", file, function.Name.Name)
		}
		assert.ElementsMatch(t, printers, exported, file)
	}
}
