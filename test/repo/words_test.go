package repo

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unidiomatic matches words that a Kubernetes engineer would not write: say who or what it is, again, recreated, passed,
// fix, its own, is.
var unidiomatic = regexp.MustCompile(`(?i)\b(somebody|nobody|anew|told|ways? out|of its own|(comes?|came) to be)\b`)

// literal are the phrases in which one of them is meant literally: the Unix user.
var literal = strings.NewReplacer("nobody (65534)", "", "user nobody", "", "run as nobody", "", "root to nobody", "", "defaults-nobody", "")

// TestWords checks that no text of the repository has an unidiomatic word.
func TestWords(t *testing.T) {
	var names []string
	err := filepath.WalkDir(charts.Root(), func(path string, entry os.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".build") {
			return filepath.SkipDir
		}
		if slices.Contains([]string{".go", ".yaml", ".md", ".tpl", ".txt", ".sh", ".awk", ".py", ".json"}, filepath.Ext(path)) {
			names = append(names, strings.TrimPrefix(path, charts.Root()+"/"))
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(names), 500)
	for _, name := range names {
		if strings.HasSuffix(name, "words_test.go") || strings.HasSuffix(name, "package-lock.json") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(charts.Root(), name))
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			assert.Empty(t, unidiomatic.FindString(literal.Replace(line)), "%s:%d", name, i+1)
		}
	}
}
