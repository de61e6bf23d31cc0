package pattern

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMatch asks from several goroutines, twice, for more texts than are remembered, and for long ones.
func TestMatch(t *testing.T) {
	p := New(regexp.MustCompile("^a+$"))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 2 {
				for n := 1; n < 2*most; n++ {
					assert.True(t, p.Match(strings.Repeat("a", n)))
					assert.False(t, p.Match(strings.Repeat("a", n)+"b"))
				}
			}
		})
	}
	wait.Wait()
	remembered := 0
	p.answers.Range(func(text, _ any) bool {
		remembered++
		assert.LessOrEqual(t, len(text.(string)), longest)
		return true
	})
	// Each goroutine may add one at the same time.
	assert.LessOrEqual(t, remembered, most+4)
	assert.False(t, p.Match(""))
}
