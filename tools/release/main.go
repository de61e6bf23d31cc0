// Command release builds everything that a release consists of, signs it and pushes it to a registry.
//
//	release build -out .build/release
//	release sign  -out .build/release -keyring secret.gpg -key NAME
//	release push  -out .build/release -to REGISTRY/checkpoint-storage
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: release build|sign|push [flags]; -h after one of them lists its flags")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	out := flags.String("out", ".build/release", "folder of the release")
	switch args[0] {
	case "build":
		b := builder{}
		flags.StringVar(&b.root, "root", ".", "checkout")
		platforms := flags.String("platforms", strings.Join(platforms, ","), "for which ckptctl is built")
		flags.StringVar(&b.commit, "commit", "", "commit of the sources (default: as git says)")
		flags.Int64Var(&b.date, "date", 0, "when that was, in seconds since 1970: the time of all that is written (default: as git says)")
		flags.StringVar(&b.tag, "tag", "", "tag that is released, to be compared with the chart's version")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		b.out, b.platforms = *out, strings.Split(*platforms, ",")
		return b.build(ctx)
	case "sign":
		keyring := flags.String("keyring", "", "file with the private OpenPGP key")
		key := flags.String("key", "", "name of the key, or a part of it")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return sign(*out, *keyring, *key, os.Getenv("KEY_PASSPHRASE"))
	case "push":
		p := pusher{out: *out}
		flags.StringVar(&p.to, "to", "", "registry and path, without oci://")
		flags.StringVar(&p.key, "cosign-key", "", "private key for cosign (default: none, the identity of the workflow)")
		flags.BoolVar(&p.cosign, "cosign", true, "have cosign sign what is pushed and attest its SBOM")
		flags.BoolVar(&p.log, "log", true, "write signatures to the public transparency log")
		flags.BoolVar(&p.plain, "plain-http", false, "the registry has no TLS")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		p.out = *out
		return p.push(ctx)
	}
	return fmt.Errorf("%s: want build, sign or push", args[0])
}
