package repo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	markup "github.com/yuin/goldmark/text"

	"checkpoint-storage/test/internal/charts"
)

// page is a Markdown file of the repository.
type page struct {
	// file is its path from the repository's root.
	file, source string
	blocks       []block
	// spans are pieces of code in a line.
	spans   []string
	links   []string
	anchors map[string]bool
}

// block is a fenced block of code with the words behind its fence: the language first.
type block struct{ info, text string }

func (b block) language() string {
	language, _, _ := strings.Cut(b.info, " ")
	return language
}

// markdown reads every Markdown file of the repository.
func markdown(t *testing.T) []page {
	t.Helper()
	var out []page
	require.NoError(t, filepath.WalkDir(charts.Root(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".build" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := filepath.Rel(charts.Root(), path)
		out = append(out, readPage(file, source))
		return err
	}))
	require.Greater(t, len(out), len(backends(t)))
	return out
}

// pageOf reads one Markdown file by its path from the root.
func pageOf(t *testing.T, file string) page {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(charts.Root(), file))
	require.NoError(t, err)
	return readPage(file, source)
}

func readPage(file string, source []byte) page {
	p := page{file: file, source: string(source), anchors: map[string]bool{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(markup.NewReader(source))
	// The visitor returns no error.
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			info := ""
			if n.Info != nil {
				info = string(n.Info.Value(source))
			}
			p.blocks = append(p.blocks, block{info, string(n.Lines().Value(source))})
		case *ast.CodeSpan:
			p.spans = append(p.spans, words(n, source))
		case *ast.Link:
			p.links = append(p.links, string(n.Destination))
		case *ast.Image:
			p.links = append(p.links, string(n.Destination))
		case *ast.Heading:
			p.anchor(words(n, source))
		}
		return ast.WalkContinue, nil
	})
	return p
}

// words is the text of a node, without its marks.
func words(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, ok := n.(*ast.Text); ok && entering {
			out.Write(leaf.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// notInAnchor is what GitHub leaves out of a heading's anchor.
var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`)

// anchor notes a heading's anchor as GitHub makes it; a second one of the same text has a number.
func (p *page) anchor(heading string) {
	name := strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
	unique := name
	for i := 1; p.anchors[unique]; i++ {
		unique = fmt.Sprintf("%s-%d", name, i)
	}
	p.anchors[unique] = true
}

// TestLinks holds that every relative link of a page leads to a file, and to a heading of it where it names one.
func TestLinks(t *testing.T) {
	pages := map[string]page{}
	for _, p := range markdown(t) {
		pages[p.file] = p
	}
	seen := 0
	for _, p := range pages {
		for _, link := range p.links {
			if strings.Contains(link, "://") {
				continue
			}
			seen++
			path, anchor, _ := strings.Cut(link, "#")
			target := p.file
			if path != "" {
				target = filepath.Join(filepath.Dir(p.file), filepath.FromSlash(path))
				assert.FileExistsf(t, fileAt(target), "%s: link %s", p.file, link)
			}
			if anchor != "" {
				assert.Truef(t, pages[target].anchors[anchor], "%s: link %s: no such heading", p.file, link)
			}
		}
	}
	assert.Greater(t, seen, 200)
}

// fileAt is the file behind a path; of a folder any file will do.
func fileAt(path string) string {
	full := filepath.Join(charts.Root(), path)
	if entries, err := os.ReadDir(full); err == nil {
		for _, entry := range entries {
			if !entry.IsDir() {
				return filepath.Join(full, entry.Name())
			}
		}
		if len(entries) > 0 {
			return fileAt(filepath.Join(path, entries[0].Name()))
		}
	}
	return full
}

// TestReadmeIsShort holds that the README stays a page that one reads.
func TestReadmeIsShort(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(charts.Root(), "README.md"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(source), 8<<10)
}

// TestOneTableOfBackends holds that backends are listed in one place: elsewhere a second list would go stale.
func TestOneTableOfBackends(t *testing.T) {
	all := backends(t)
	for _, p := range markdown(t) {
		source, err := os.ReadFile(filepath.Join(charts.Root(), p.file))
		require.NoError(t, err)
		rows := 0
		for _, b := range all {
			if regexp.MustCompile("(?m)^\\|[^|\n]*(\\|[^|\n]*)?`" + b.Name + "`").Match(source) {
				rows++
			}
		}
		if p.file == "charts/checkpoint-storage/docs/choosing-a-backend.md" {
			assert.Equal(t, len(all), rows)
			continue
		}
		assert.Less(t, rows, len(all)/2, "%s lists the backends too", p.file)
	}
}
