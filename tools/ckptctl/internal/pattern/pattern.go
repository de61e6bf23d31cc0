// Package pattern remembers which texts match a regular expression: the clusters of a fleet say mostly the same, and to match
// was a third of what checking them took.
package pattern

import (
	"regexp"
	"sync"
	"sync/atomic"
)

const (
	// most is the number of texts that a pattern remembers, longest their size in bytes: what is remembered is bounded,
	// whatever the values are.
	most    = 256
	longest = 128
)

// Pattern is a regular expression with its answers so far. Several goroutines may ask it at once.
type Pattern struct {
	expression *regexp.Regexp
	answers    sync.Map
	count      atomic.Int32
}

// New returns the pattern of an expression.
func New(expression *regexp.Regexp) *Pattern { return &Pattern{expression: expression} }

// Match reports whether the text has a match of the pattern.
func (p *Pattern) Match(text string) bool {
	if known, ok := p.answers.Load(text); ok {
		return known.(bool)
	}
	is := p.expression.MatchString(text)
	if len(text) <= longest && p.count.Load() < most {
		p.count.Add(1)
		p.answers.Store(text, is)
	}
	return is
}
