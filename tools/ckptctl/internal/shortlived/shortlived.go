// Package shortlived has the garbage collector come by less often in a process that is about to end anyway. What the
// libraries build while they are initialized would otherwise be gone through several times, a fifth of a check's time. Its
// path comes before theirs, and so does its initialization: importing it is all there is to do.
package shortlived

import (
	"os"
	"runtime/debug"
)

// percent is GOGC where nobody sets it.
const percent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
