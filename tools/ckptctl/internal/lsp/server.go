// Package lsp shows what check finds in an editor, by the Language Server Protocol.
package lsp

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
)

// Config says how the documents of an editor are judged.
type Config struct {
	Chart *check.Chart
	// Inputs are what documents are laid over: files, with the text that the editor has of them, and options.
	Inputs check.Inputs
	// Overlays lists the files that are laid over the base, each by itself; nil where any document may be one.
	Overlays func() ([]check.Overlay, error)
	Release  check.Release
	// Explain returns what is known of a key, a backend, a framework or a rule; "" where it is none.
	Explain func(topic string) string
	// Source returns the address of what a rule rests on, or "".
	Source  func(rule string) string
	Version string
}

// server is one editor's.
type server struct {
	Config
	rpc *jrpc2.Server
	// documents are what the editor has open, by the canonical name of the file.
	documents map[string]*document
	// order are the names of the documents as they were opened.
	order []string
	// markdown says that the editor shows Markdown.
	markdown bool
	// down says that the editor has asked for a shutdown; left is closed when it has left.
	down bool
	left chan struct{}
}

// document is one that the editor has open.
type document struct {
	uri, name, text string
	// shown are the diagnostics that the editor has, each with its finding.
	shown    []diagnostic
	findings []check.Finding
}

// ErrNoShutdown ends a server whose editor has left without asking it to shut down.
var ErrNoShutdown = errors.New("the editor left without a shutdown")

// Serve answers an editor until it leaves.
func Serve(in io.Reader, out io.Writer, config Config) error {
	s := &server{Config: config, documents: map[string]*document{}, left: make(chan struct{})}
	// One request after the other: an answer is about the text before it.
	s.rpc = jrpc2.NewServer(s.methods(), &jrpc2.ServerOptions{AllowPush: true, Concurrency: 1})
	s.rpc.Start(channel.LSP(in, closer{out}))
	ended := make(chan error, 1)
	go func() { ended <- s.rpc.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-s.left:
	}
	// The editor may keep its end of the stream open, and a reader of it would wait.
	if !s.down {
		return ErrNoShutdown
	}
	return nil
}

// closer leaves the output open.
type closer struct{ io.Writer }

func (closer) Close() error { return nil }

func (s *server) methods() handler.Map {
	ignored := handler.New(func(context.Context) error { return nil })
	return handler.Map{
		"initialize":  handler.New(s.initialize),
		"initialized": ignored,
		"shutdown": handler.New(func(context.Context) (any, error) {
			s.down = true
			return nil, nil
		}),
		"exit": handler.New(func(context.Context) error {
			close(s.left)
			return nil
		}),
		"textDocument/didOpen": handler.New(func(ctx context.Context, p didOpenParams) error {
			return s.open(ctx, p.TextDocument.URI, p.TextDocument.Text)
		}),
		"textDocument/didChange": handler.New(func(ctx context.Context, p didChangeParams) error {
			if len(p.ContentChanges) == 0 {
				return nil
			}
			return s.open(ctx, p.TextDocument.URI, p.ContentChanges[len(p.ContentChanges)-1].Text)
		}),
		"textDocument/didSave":            handler.New(func(ctx context.Context, _ documentParams) error { return s.publish(ctx) }),
		"textDocument/didClose":           handler.New(s.close),
		"workspace/didChangeWatchedFiles": handler.New(func(ctx context.Context, _ map[string]any) error { return s.publish(ctx) }),
		"textDocument/hover":              handler.New(s.hover),
		"textDocument/codeAction":         handler.New(s.codeActions),
	}
}

func (s *server) initialize(_ context.Context, p initializeParams) (map[string]any, error) {
	s.markdown = slices.Contains(p.Capabilities.TextDocument.Hover.ContentFormat, "markdown")
	const whole = 1
	return map[string]any{
		"capabilities": map[string]any{
			"textDocumentSync":   map[string]any{"openClose": true, "change": whole, "save": true},
			"hoverProvider":      true,
			"codeActionProvider": map[string]any{"codeActionKinds": []string{quickFix, fixAll}},
		},
		"serverInfo": map[string]any{"name": "ckptctl", "version": s.Version},
	}, nil
}

// open takes over the text of a document. What is laid over it changes too.
func (s *server) open(ctx context.Context, uri, text string) error {
	name := nameOf(uri)
	key := values.Canonical(name)
	if s.documents[key] == nil {
		s.documents[key] = &document{}
		s.order = append(s.order, key)
	}
	d := s.documents[key]
	d.uri, d.name, d.text = uri, name, text
	return s.publish(ctx)
}

func (s *server) close(ctx context.Context, p documentParams) error {
	key := values.Canonical(nameOf(p.TextDocument.URI))
	delete(s.documents, key)
	s.order = slices.DeleteFunc(s.order, func(other string) bool { return other == key })
	if err := s.rpc.Notify(ctx, "textDocument/publishDiagnostics", publishDiagnosticsParams{p.TextDocument.URI, []diagnostic{}}); err != nil {
		return err
	}
	return s.publish(ctx)
}

// publish judges every document, and shows the editor what was found in each.
func (s *server) publish(ctx context.Context) error {
	for _, key := range s.order {
		d := s.documents[key]
		s.judge(d)
		if err := s.rpc.Notify(ctx, "textDocument/publishDiagnostics", publishDiagnosticsParams{d.uri, d.shown}); err != nil {
			return err
		}
	}
	return nil
}

// inputs are how a document is judged: as a part of the base, with every overlay, or laid over the base; ok is false where
// it is neither a part of the base nor an overlay.
func (s *server) inputs(d *document) (in check.Inputs, over []check.Overlay, ok bool) {
	in = s.Inputs
	in.Texts = map[string][]byte{}
	for key, open := range s.documents {
		in.Texts[key] = []byte(open.text)
	}
	same := func(name string) bool { return values.Canonical(name) == values.Canonical(d.name) }
	base := slices.ContainsFunc(in.Files, same)
	if s.Overlays == nil {
		if !base {
			in.Files = append(slices.Clone(in.Files), d.name)
		}
		return in, over, true
	}
	// Where none matches, there is the base.
	over, _ = s.Overlays()
	if base {
		return in, over, true
	}
	i := slices.IndexFunc(over, func(o check.Overlay) bool { return same(o.File) })
	if i < 0 {
		return in, over, false
	}
	return in, over[i : i+1], true
}

// found are what a check finds.
func (s *server) found(in check.Inputs, over []check.Overlay) ([]check.Finding, error) {
	if len(over) == 0 {
		result, err := s.Chart.Check(in, s.Release)
		if err != nil {
			return nil, err
		}
		return result.Findings, nil
	}
	fleet, err := check.Each(in, over, s.Release.Stdin, func(int) {})
	if err != nil {
		return nil, err
	}
	findings := fleet.Findings
	for _, c := range fleet.Clusters {
		if c.Unreadable != "" && len(over) == 1 {
			// Each says it in words only.
			in.Files = append(slices.Clone(in.Files), c.File)
			_, err := s.Chart.Check(in, s.Release)
			return findings, err
		}
	}
	return findings, nil
}

// judge finds what is wrong in a document.
func (s *server) judge(d *document) {
	d.shown, d.findings = []diagnostic{}, nil
	in, over, ok := s.inputs(d)
	if !ok {
		return
	}
	findings, err := s.found(in, over)
	var unreadable *values.InputError
	switch {
	case errors.As(err, &unreadable):
		f := check.Finding{Severity: "error", File: unreadable.File, Line: unreadable.Line, Column: unreadable.Column, Message: unreadable.Message}
		if values.Canonical(f.File) != values.Canonical(d.name) {
			f = check.Finding{Severity: "error", File: d.name, Message: unreadable.Error()}
		}
		findings = append(findings, f)
	case err != nil:
		findings = append(findings, check.Finding{Severity: "error", File: d.name, Message: err.Error()})
	}
	for _, f := range findings {
		if values.Canonical(f.File) != values.Canonical(d.name) {
			continue
		}
		if s.Overlays == nil && f.Rule == "schema/no-values" && !slices.ContainsFunc(s.Inputs.Files, func(name string) bool {
			return values.Canonical(name) == values.Canonical(d.name)
		}) {
			// An editor opens files of every kind.
			d.shown, d.findings = []diagnostic{}, nil
			return
		}
		d.findings = append(d.findings, f)
		d.shown = append(d.shown, s.diagnostic(d, f))
	}
}

// codeActions offers the fixes that are proven for what is wrong in a range, and all of them together.
func (s *server) codeActions(_ context.Context, p codeActionParams) ([]codeAction, error) {
	out := []codeAction{}
	d := s.documents[values.Canonical(nameOf(p.TextDocument.URI))]
	if d == nil {
		return out, nil
	}
	in, over, ok := s.inputs(d)
	if !ok {
		return out, nil
	}
	fixer, err := s.Chart.NewFixer(in, over, s.Release)
	if err != nil {
		return nil, err
	}
	if wanted(p.Context.Only, quickFix) {
		for i, f := range d.findings {
			if !meets(d.shown[i].Range, p.Range) {
				continue
			}
			changes, err := fixer.Try(f)
			if err != nil {
				return nil, err
			}
			if len(changes) > 0 {
				out = append(out, codeAction{Title: title(f), Kind: quickFix, Diagnostics: d.shown[i : i+1], IsPreferred: true, Edit: s.edit(changes)})
			}
		}
	}
	if len(p.Context.Only) > 0 && wanted(p.Context.Only, fixAll) {
		changes, err := fixer.Mend(d.findings)
		if err != nil {
			return nil, err
		}
		if len(changes) > 0 {
			out = append(out, codeAction{Title: "Make all fixes of ckptctl", Kind: fixAll, Edit: s.edit(changes)})
		}
	}
	return out, nil
}

// wanted says whether an editor asks for actions of a kind, by its name or the beginning of it.
func wanted(only []string, kind string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(each string) bool { return kind == each || strings.HasPrefix(kind, each+".") })
}

// edit has an editor make changes: one edit in each file.
func (s *server) edit(changes []check.Change) workspaceEdit {
	out := workspaceEdit{Changes: map[string][]textEdit{}}
	before, after := map[string]string{}, map[string]string{}
	for _, c := range changes {
		uri := s.uriOf(c.File)
		if _, seen := before[uri]; !seen {
			before[uri] = string(c.Before)
		}
		after[uri] = string(c.After)
	}
	for uri, text := range before {
		out.Changes[uri] = []textEdit{difference(text, after[uri])}
	}
	return out
}
