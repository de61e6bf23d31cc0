// Command ckptctl checks and sizes checkpoint stores before they reach a cluster.
package main

import (
	"os"

	"checkpoint-storage/tools/ckptctl/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
