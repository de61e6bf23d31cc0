package cli

import (
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/creachadair/jrpc2/channel"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place is a position, or what lies between two.
type place struct{ Line, Character int }

type stretch struct{ Start, End place }

type diagnosed struct {
	Range           stretch
	Severity        int
	Code, Message   string
	CodeDescription struct{ Href string }
}

type action struct {
	Title, Kind string
	Edit        struct {
		Changes map[string][]struct {
			Range   stretch
			NewText string
		}
	}
}

// editor is a client of the language server, which does what an editor does.
type editor struct {
	t       *testing.T
	channel channel.Channel
	id      int
	texts   map[string]string
	// shown are the diagnostics of each document.
	shown map[string][]diagnosed
	// sent is on its way to the server, which may be sending itself.
	sent chan []byte
	code chan int
}

// edit starts the language server and shakes hands.
func edit(t *testing.T, args ...string) *editor {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	e := &editor{t: t, channel: channel.LSP(fromServer, toServer), texts: map[string]string{}, shown: map[string][]diagnosed{}, sent: make(chan []byte, 100), code: make(chan int, 1)}
	go func() {
		for text := range e.sent {
			if e.channel.Send(text) != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { close(e.sent) })
	go func() {
		code := Run(append([]string{"lsp"}, args...), Streams{In: in, Out: out, Err: io.Discard})
		_ = out.Close()
		e.code <- code
	}()
	var is struct {
		Capabilities struct {
			HoverProvider    bool
			TextDocumentSync struct{ Change int }
		}
	}
	e.ask("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{}}, &is)
	assert.True(t, is.Capabilities.HoverProvider)
	assert.Equal(t, 1, is.Capabilities.TextDocumentSync.Change)
	e.tell("initialized", map[string]any{})
	return e
}

func (e *editor) send(message map[string]any) {
	e.t.Helper()
	message["jsonrpc"] = "2.0"
	text, err := json.Marshal(message)
	require.NoError(e.t, err)
	e.sent <- text
}

func (e *editor) tell(method string, params any) {
	e.t.Helper()
	e.send(map[string]any{"method": method, "params": params})
}

// ask waits for an answer, and takes in the notifications before it.
func (e *editor) ask(method string, params, into any) {
	e.t.Helper()
	e.id++
	e.send(map[string]any{"id": e.id, "method": method, "params": params})
	for {
		text, err := e.channel.Recv()
		require.NoError(e.t, err)
		var message struct {
			ID     *int
			Method string
			Params struct {
				URI         string
				Diagnostics []diagnosed
			}
			Result json.RawMessage
			Error  any
		}
		require.NoError(e.t, json.Unmarshal(text, &message))
		if message.Method == "textDocument/publishDiagnostics" {
			e.shown[message.Params.URI] = message.Params.Diagnostics
			continue
		}
		require.NotNil(e.t, message.ID, string(text))
		require.Equal(e.t, e.id, *message.ID)
		require.Nil(e.t, message.Error, string(text))
		require.NoError(e.t, json.Unmarshal(message.Result, into))
		return
	}
}

// write opens a document, or changes it.
func (e *editor) write(uri, text string) {
	e.t.Helper()
	method, params := "textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}}
	if _, open := e.texts[uri]; open {
		method, params = "textDocument/didChange", map[string]any{
			"textDocument": map[string]any{"uri": uri, "version": 2}, "contentChanges": []map[string]any{{"text": text}}}
	}
	e.texts[uri] = text
	e.tell(method, params)
	// An answer comes after what was sent before it.
	e.hover(uri, place{1000, 0})
}

func (e *editor) hover(uri string, at place) string {
	e.t.Helper()
	var is *struct{ Contents struct{ Value string } }
	e.ask("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": at.json()}, &is)
	if is == nil {
		return ""
	}
	return is.Contents.Value
}

func (p place) json() map[string]any {
	return map[string]any{"line": p.Line, "character": p.Character}
}

// find is where a text stands first in a document.
func (e *editor) find(uri, text string) place {
	e.t.Helper()
	before, _, found := strings.Cut(e.texts[uri], text)
	require.True(e.t, found, text)
	last := before[strings.LastIndexByte(before, '\n')+1:]
	return place{strings.Count(before, "\n"), len(utf16.Encode([]rune(last)))}
}

func (e *editor) actions(uri string, of stretch, only ...string) []action {
	e.t.Helper()
	var out []action
	e.ask("textDocument/codeAction", map[string]any{
		"textDocument": map[string]any{"uri": uri}, "context": map[string]any{"diagnostics": []any{}, "only": only},
		"range": map[string]any{"start": of.Start.json(), "end": of.End.json()},
	}, &out)
	return out
}

// apply makes the edits of an action.
func (e *editor) apply(a action) {
	e.t.Helper()
	for uri, edits := range a.Edit.Changes {
		for _, each := range slices.Backward(edits) {
			text := e.texts[uri]
			from, to := offset(text, each.Range.Start), offset(text, each.Range.End)
			e.write(uri, text[:from]+each.NewText+text[to:])
		}
	}
}

// offset is where a position is in a text: its characters are those of UTF-16.
func offset(text string, at place) int {
	out := 0
	for range at.Line {
		out += strings.IndexByte(text[out:], '\n') + 1
	}
	units := utf16.Encode([]rune(text[out:]))[:at.Character]
	return out + len(string(utf16.Decode(units)))
}

// leave has the server end, and returns its exit code.
func (e *editor) leave() int {
	e.t.Helper()
	var nothing any
	e.ask("shutdown", nil, &nothing)
	e.tell("exit", nil)
	return <-e.code
}

func uriOf(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// TestLSP is an exchange with an editor: what is wrong is shown, explained, and mended by what is offered, until nothing is.
func TestLSP(t *testing.T) {
	e := edit(t)
	uri := uriOf(filepath.Join(t.TempDir(), "values.yaml"))
	e.write(uri, "backend: nfs # 😀 é\nnfs: {sever: \"a\", path: /b} # s\nacessModes: [ReadWriteMany]\n# ckptctl:accept W03 why\n")
	require.Len(t, e.shown[uri], 3)
	first := e.shown[uri][0]
	assert.Equal(t, "schema/unknown-key", first.Code)
	assert.Equal(t, 1, first.Severity)
	assert.Equal(t, "nfs.sever: there is no such key in nfs.\nfix: did you mean server?", first.Message)
	assert.Equal(t, stretch{place{1, 6}, place{1, 11}}, first.Range)

	assert.Contains(t, e.hover(uri, e.find(uri, "path")), "nfs.path: Exported directory.")
	assert.Contains(t, e.hover(uri, e.find(uri, "nfs #")), "nfs: NFS export (")
	assert.Contains(t, e.hover(uri, e.find(uri, "W03")), "W03: ")
	assert.Empty(t, e.hover(uri, e.find(uri, "# s")))

	offered := e.actions(uri, first.Range)
	require.Len(t, offered, 1)
	assert.Equal(t, "nfs.sever: did you mean server?", offered[0].Title)
	assert.Equal(t, "quickfix", offered[0].Kind)
	e.apply(offered[0])
	assert.Equal(t, "backend: nfs # 😀 é\nnfs: {server: \"a\", path: /b} # s\nacessModes: [ReadWriteMany]\n# ckptctl:accept W03 why\n", e.texts[uri])
	require.Len(t, e.shown[uri], 2)

	all := e.actions(uri, stretch{}, "source.fixAll")
	require.Len(t, all, 1)
	e.apply(all[0])
	assert.Equal(t, "backend: nfs # 😀 é\nnfs: {server: \"a\", path: /b} # s\naccessModes: [ReadWriteMany]\n", e.texts[uri])
	assert.Empty(t, e.shown[uri])

	e.write(uri, "backend: nfs\nnfs: [\n")
	require.Len(t, e.shown[uri], 1)
	assert.Contains(t, e.shown[uri][0].Message, "not YAML")
	e.write(uri, "backend: nfs\nnfs: {server: a, path: /b}\naccessModes: [ReadWriteMany]\nvolume: {reclaimPolicy: Delete}\n")
	require.Len(t, e.shown[uri], 1)
	assert.Equal(t, "E01", e.shown[uri][0].Code)
	assert.Contains(t, e.shown[uri][0].CodeDescription.Href, "https://")
	assert.Contains(t, e.hover(uri, e.shown[uri][0].Range.Start), "A static volume keeps its data")

	e.write(uri, "apiVersion: v1\nkind: Pod\n")
	assert.Empty(t, e.shown[uri], "an editor opens files of every kind")
	assert.Equal(t, OK, e.leave())
}

// TestLSPFiles holds that a document is judged over the files of the command line, with what the editor has of them, and that
// a fix may be in another file.
func TestLSPFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "ckptctl-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	base := put(t, dir, "base.yaml", "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {path: /b}\n")
	over := put(t, dir, "over.yaml", "")
	other := put(t, dir, "other.txt", "")
	e := edit(t, "-f", base, "--each", filepath.Join(dir, "o*.yaml"))
	e.write(uriOf(over), "nfs: {sever: a}\n")
	require.Len(t, e.shown[uriOf(over)], 1)
	e.write(uriOf(other), "sze: 1\n")
	assert.Empty(t, e.shown[uriOf(other)])
	e.write(uriOf(base), "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {path: /b, sever: x}\n")
	require.Len(t, e.shown[uriOf(base)], 0, "the overlay has the last word")
	offered := e.actions(uriOf(over), e.shown[uriOf(over)][0].Range)
	require.Len(t, offered, 1)
	e.apply(offered[0])
	assert.Equal(t, "nfs: {server: a}\n", e.texts[uriOf(over)])
	assert.Equal(t, "backend: nfs\naccessModes: [ReadWriteMany]\nnfs: {path: /b, server: x}\n", e.texts[uriOf(base)])
	assert.Empty(t, e.shown[uriOf(over)])
	assert.Equal(t, OK, e.leave())
}

// TestLSPLeft holds that an editor that leaves without a word is an error, and one that only closes its stream is not.
func TestLSPLeft(t *testing.T) {
	e := edit(t)
	e.tell("exit", nil)
	assert.Equal(t, Unusable, <-e.code)
	code, out, errs := ckptctl("lsp")
	assert.Equal(t, OK, code)
	assert.Empty(t, out+errs)
}
