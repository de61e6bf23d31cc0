// Package sample says how much of a property is tried: all of it, and a tenth under `go test -short`, which `make check`
// runs.
package sample

import "testing"

const every = 10

// Of returns the items to try.
func Of[T any](items []T) []T {
	if !testing.Short() {
		return items
	}
	var some []T
	for i := 0; i < len(items); i += every {
		some = append(some, items[i])
	}
	return some
}

// Count returns how many of n made-up inputs to try.
func Count(n int) int {
	if !testing.Short() {
		return n
	}
	return (n + every - 1) / every
}
