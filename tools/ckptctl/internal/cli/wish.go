package cli

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	"github.com/spf13/pflag"
)

// wish is what somebody looks for in a backend.
type wish struct {
	family, mode, made string
	can                []string
}

func (w *wish) flags(flags *pflag.FlagSet) {
	flags.StringVar(&w.family, "family", "", "only backends of this `family`, such as aws or azure")
	flags.StringVar(&w.mode, "mode", "", "only backends that serve this access `mode` with a file system, such as ReadWriteMany or RWX")
	flags.StringVar(&w.made, "provisioning", "", "only backends with this `provisioning`: static or dynamic")
	flags.StringSliceVar(&w.can, "can", nil, "only backends whose file system is known to do these `operations`, such as renameDirectory,lock")
}

// granted returns the backends that fulfil the wish. The error names a word that no backend knows.
func (w *wish) granted(backends []catalog.Backend) ([]catalog.Backend, error) {
	operations := map[string]bool{}
	for _, b := range backends {
		for operation := range b.Capabilities.Semantics.Operations {
			operations[operation] = true
		}
	}
	for _, operation := range w.can {
		if !operations[operation] {
			return nil, fmt.Errorf("--can: there is no operation %s%s", operation, suggestion(operation, operations))
		}
	}
	out := slices.DeleteFunc(slices.Clone(backends), func(b catalog.Backend) bool { return !w.fits(b) })
	if len(out) == 0 {
		return nil, fmt.Errorf("no backend is all of that; the families are: %s", strings.Join(catalog.Families, ", "))
	}
	return out, nil
}

func (w *wish) fits(b catalog.Backend) bool {
	c := b.Capabilities
	serves := func(mode string) bool {
		return strings.EqualFold(mode, w.mode) || strings.EqualFold(catalog.ShortMode(mode), w.mode)
	}
	return strings.Contains(strings.ToLower(b.Family), strings.ToLower(w.family)) &&
		(w.mode == "" || slices.ContainsFunc(c.AccessModes["Filesystem"], serves)) &&
		(w.made == "" || c.Serves(w.made)) &&
		!slices.ContainsFunc(w.can, func(operation string) bool { return c.Semantics.Does(operation) != catalog.Yes })
}
