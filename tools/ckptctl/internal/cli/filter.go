package cli

import (
	"fmt"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"

	"github.com/spf13/pflag"
)

// filter selects backends.
type filter struct {
	family, mode, provisioning string
	can                        []string
}

func (f *filter) flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.family, "family", "", "only backends of this `family`, such as aws or azure")
	flags.StringVar(&f.mode, "mode", "", "only backends that serve this access `mode` with a file system, such as ReadWriteMany or RWX")
	flags.StringVar(&f.provisioning, "provisioning", "", "only backends with this `provisioning`: static or dynamic")
	flags.StringSliceVar(&f.can, "can", nil, "only backends whose file system is known to do these `operations`, such as renameDirectory,lockExcludes")
}

// apply returns the backends that match the filter, or an error that names an unknown operation.
func (f *filter) apply(backends []catalog.Backend) ([]catalog.Backend, error) {
	operations := map[string]bool{}
	for _, b := range backends {
		for operation := range b.Capabilities.Semantics.Operations {
			operations[operation] = true
		}
	}
	for _, operation := range f.can {
		if !operations[operation] {
			return nil, fmt.Errorf("--can: unknown operation %s%s", operation, suggestion(operation, operations))
		}
	}
	out := slices.DeleteFunc(slices.Clone(backends), func(b catalog.Backend) bool { return !f.fits(b) })
	if len(out) == 0 {
		return nil, fmt.Errorf("no backend matches all filters; the families are: %s", strings.Join(catalog.Families, ", "))
	}
	return out, nil
}

func (f *filter) fits(b catalog.Backend) bool {
	c := b.Capabilities
	serves := func(mode string) bool {
		return strings.EqualFold(mode, f.mode) || strings.EqualFold(catalog.ShortMode(mode), f.mode)
	}
	return strings.Contains(strings.ToLower(b.Family), strings.ToLower(f.family)) &&
		(f.mode == "" || slices.ContainsFunc(c.AccessModes["Filesystem"], serves)) &&
		(f.provisioning == "" || c.Serves(f.provisioning)) &&
		!slices.ContainsFunc(f.can, func(operation string) bool { return c.Semantics.Does(operation) != catalog.Yes })
}
