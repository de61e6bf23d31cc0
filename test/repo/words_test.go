package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "*.go", "*.yaml", "*.md", "*.tpl", "*.txt", "*.sh", "*.awk", "*.py", "*.json", "Makefile")
	list.Dir = charts.Root()
	files, err := list.Output()
	require.NoError(t, err)
	names := strings.Split(strings.TrimSuffix(string(files), "\x00"), "\x00")
	require.Greater(t, len(names), 500)
	for _, name := range names {
		if strings.HasSuffix(name, "words_test.go") || strings.HasSuffix(name, "package-lock.json") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(charts.Root(), name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			assert.Empty(t, unidiomatic.FindString(literal.Replace(line)), "%s:%d", name, i+1)
		}
	}
}
