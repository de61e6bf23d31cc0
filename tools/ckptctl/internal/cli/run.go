// Package cli is ckptctl's command line.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/spf13/cobra"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// The exit codes.
const (
	// OK: no errors; warnings are no errors.
	OK = 0
	// Found: the values have errors.
	Found = 1
	// Unusable: a usage error, or an input that cannot be read.
	Unusable = 2
)

// errUnreadable ends a command that has already printed what it could not read.
var errUnreadable = errors.New("unreadable")

// errFound ends a command that has already printed what it found.
var errFound = errors.New("found")

// Run runs ckptctl and returns its exit code.
func Run(args []string, streams Streams) int {
	root := &cobra.Command{
		Use:   "ckptctl",
		Short: "Check and size checkpoint stores before they reach a cluster",
		Long: `ckptctl checks the values of the checkpoint-storage chart: against its JSON schema, and against what each storage
backend can do. It reads values as Helm does and points at the line to change. It also says how large a store must be,
how fast, and how often to save to it, and on a cluster, why a claim is not bound or a pod on it has not started.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetIn(streams.In)
	// All output passes these writers, which remove control sequences.
	root.SetOut(plain.Writer{To: streams.Out, Decorated: terminal(streams.Out)})
	root.SetErr(plain.Writer{To: streams.Err, Decorated: terminal(streams.Err)})
	root.SetArgs(args)
	root.SetVersionTemplate("ckptctl {{.Version}}\n")
	root.AddCommand(checkCommand(), diffCommand(), doctorCommand(), storesCommand(), backendsCommand(), explainCommand(), sizeCommand(), adoptCommand(), lspCommand(), versionCommand())
	err := root.ExecuteContext(context.Background())
	switch {
	case err == nil:
		return OK
	case errors.Is(err, errFound):
		return Found
	case errors.Is(err, errUnreadable):
		return Unusable
	}
	fmt.Fprintf(root.ErrOrStderr(), "error: %s\n", plain.Inert(strings.ReplaceAll(plain.Text(err.Error()), "\n", "\n  ")))
	return Unusable
}
