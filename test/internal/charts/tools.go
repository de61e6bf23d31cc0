package charts

import (
	"os"
	"path/filepath"
)

// The pinned tools come first on the path of every test, as they do in the Makefile: a test that is started from an
// editor must not meet another Helm.
func init() {
	bin := filepath.Join(Root(), ".build", "bin")
	if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		panic(err)
	}
}
