package values

import (
	"bytes"
	"regexp"
)

// Acceptance is a comment that accepts a warning: # ckptctl:accept RULE reason.
type Acceptance struct {
	Rule, Reason string
	At           Position
}

var acceptance = regexp.MustCompile(`#\s*ckptctl:accept(?:\s+(\S+))?[ \t]*([^\r\n]*)`)

// accepted finds the comments that accept a warning.
func accepted(name string, text []byte) []Acceptance {
	if !bytes.Contains(text, []byte("ckptctl:accept")) {
		return nil
	}
	var out []Acceptance
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if m := acceptance.FindSubmatchIndex(line); m != nil {
			a := Acceptance{At: Position{File: name, Line: number, Column: m[0] + 1}}
			if m[2] >= 0 {
				a.Rule = string(line[m[2]:m[3]])
			}
			a.Reason = string(bytes.TrimSpace(line[m[4]:m[5]]))
			out = append(out, a)
		}
	}
	return out
}
