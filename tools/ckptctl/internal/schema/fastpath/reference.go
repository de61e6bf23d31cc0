package fastpath

import (
	"encoding/json"
	"regexp"
	"strings"
)

// refer returns the schema that a reference leads to; what stands beside one does not judge in this draft.
func (c *compiler) refer(ref string) *Validator {
	if done, ok := c.referenced.Load(ref); ok {
		return done.(*Validator)
	}
	at := c.target(ref)
	if at == nil || c.leads(at, ref, map[string]bool{}) {
		c.unsupported.Store(true)
		return c.schema([]byte("false"))
	}
	done, _ := c.referenced.LoadOrStore(ref, c.schema(at))
	return done.(*Validator)
}

// target returns the text that a reference leads to; nil when there is none in the schema, or when the reference is escaped.
func (c *compiler) target(ref string) json.RawMessage {
	pointer, local := strings.CutPrefix(ref, "#")
	if !local || pointer != "" && pointer[0] != '/' || strings.ContainsAny(pointer, "%~") {
		return nil
	}
	at, members := json.RawMessage(c.text), c.members
	for i, step := range strings.Split(pointer, "/")[1:] {
		if i > 0 && json.Unmarshal(at, &members) != nil {
			return nil
		}
		// A map that is there would be added to by the next step.
		at, members = members[step], nil
	}
	return at
}

// reference is a keyword that refers, or a key of the values that has its name.
var reference = regexp.MustCompile(`"\$ref"\s*:\s*"([^"]*)"`)

// leads says whether the references in a text lead to one of them, at any remove: a schema that refers to itself may have no
// end, which the complete validator reports.
func (c *compiler) leads(text json.RawMessage, to string, seen map[string]bool) bool {
	for _, found := range reference.FindAllSubmatch(text, -1) {
		ref := string(found[1])
		if ref == to {
			return true
		}
		if !seen[ref] {
			seen[ref] = true
			if c.leads(c.target(ref), to, seen) {
				return true
			}
		}
	}
	return false
}
