package driver

import (
	"path/filepath"
	"testing"
)

// TestStagers holds that a device which two nodes share is released by the last of them, and only then.
func TestStagers(t *testing.T) {
	s := stagers{filepath.Join(t.TempDir(), "devices", "volume")}
	released := 0
	release := func() error { released++; return nil }
	for _, step := range []struct {
		what, node string
		want       int
	}{
		{"unstage", "never-staged", 0},
		{"stage", "a", 0},
		{"stage", "a", 0},
		{"stage", "b", 0},
		{"unstage", "a", 0},
		{"unstage", "a", 0},
		{"unstage", "never-staged", 0},
		{"unstage", "b", 1},
		{"unstage", "b", 1},
		{"stage", "b", 1},
		{"unstage", "b", 2},
	} {
		var err error
		if step.what == "stage" {
			err = s.add(step.node, func() error { return nil })
		} else {
			err = s.remove(step.node, release)
		}
		if err != nil || released != step.want {
			t.Fatalf("%s on node %s: released %d times, want %d; error %v", step.what, step.node, released, step.want, err)
		}
	}
}
