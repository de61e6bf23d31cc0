package install

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
)

var everyCase = flag.Bool("every-case", false, "prove each case of each CSI backend, and not only as many as show what the cluster can be asked for")

// csiSample chooses the cases to prove: of each backend one static and one dynamic, and as many more as it takes to have
// each trait of a case in one of them.
//
// Which calls Kubernetes makes depends on which fields an object has, not on the texts in them. The texts are compared
// elsewhere: with the API server's types for every fixture, and by the drivers themselves for their verdicts.
func csiSample(t *testing.T, cases []csiCase) []csiCase {
	t.Helper()
	if *everyCase {
		return cases
	}
	shown := map[string]bool{}
	fresh := func(c csiCase) int {
		return len(slices.DeleteFunc(c.traits(t), func(trait string) bool { return shown[trait] }))
	}
	var out, rest []csiCase
	choose := func(c csiCase) {
		out = append(out, c)
		for _, trait := range c.traits(t) {
			shown[trait] = true
		}
	}
	for i := 0; i < len(cases); {
		n := 1
		for i+n < len(cases) && cases[i+n].backend.Name == cases[i].backend.Name && cases[i+n].provisioning == cases[i].provisioning {
			n++
		}
		most := i
		for j := i; j < i+n; j++ {
			if fresh(cases[j]) > fresh(cases[most]) {
				most = j
			}
		}
		choose(cases[most])
		rest = append(append(rest, cases[i:most]...), cases[most+1:i+n]...)
		i += n
	}
	for _, c := range rest {
		if fresh(c) > 0 {
			choose(c)
		}
	}
	return out
}

// traits are what in a case decides what the cluster does: each field that its objects have, and each fact of its driver that
// Kubernetes acts on, in its volume mode and access mode.
func (c csiCase) traits(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(c.golden)
	require.NoError(t, err)
	p := parsePromise(t, string(text))
	facts := c.backend.Capabilities
	group, _ := c.values["podSecurityContext"].(map[string]any)
	found := map[string]bool{
		"attached":                 facts.Attach != catalog.No,
		"not attached":             facts.Attach == catalog.No,
		"knows the pod":            facts.PodInfo == catalog.Yes,
		"fsGroup " + facts.FSGroup: group["fsGroup"] != nil,
		"read-only by attachment":  facts.ReadOnly.Attach == catalog.Yes,
		"read-only by option":      len(facts.ReadOnly.Options) > 0,
	}
	if p.volume != nil {
		source := p.volume.Spec.CSI
		found["secret to stage"] = source.NodeStageSecretRef != nil
		found["secret to publish"] = source.NodePublishSecretRef != nil
		found["secret to attach"] = source.ControllerPublishSecretRef != nil
		found["file system"] = source.FSType != ""
		found["attributes"] = len(source.VolumeAttributes) > 0
		found["mount options"] = len(p.volume.Spec.MountOptions) > 0
		found["node affinity"] = p.volume.Spec.NodeAffinity != nil
	}
	if p.class != nil {
		for name := range p.class.Parameters {
			// Those say where secrets and the file system come from.
			found[name] = strings.HasPrefix(name, ofKubernetes)
		}
		found["mount options"] = len(p.class.MountOptions) > 0
		found["topologies"] = p.class.AllowedTopologies != nil
		waits := p.class.VolumeBindingMode != nil && *p.class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
		found["waits"], found["binds at once"] = waits, !waits
	}
	out := []string{fmt.Sprint(c.provisioning, c.volumeMode, c.mode)}
	for trait, has := range found {
		if has {
			out = append(out, fmt.Sprint(c.provisioning, c.volumeMode, c.mode, trait))
		}
	}
	return out
}

// TestCSICasesAreDocumented holds the reviewed text of every case, of those too that the sample leaves out, to what the backend
// says of its keys: a key is the parameter, or the attribute, of the driver that it names. On the cluster class and volume are
// compared with that text.
func TestCSICasesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, b := range csiBackends(t) {
		for _, c := range csiCases(t, b) {
			text, err := os.ReadFile(c.golden)
			require.NoError(t, err)
			switch p := parsePromise(t, string(text)); {
			case p.class != nil:
				assertDocumented(t, c, "parameter", p.class.Parameters)
			case p.volume != nil:
				assertDocumented(t, c, "attribute", p.volume.Spec.CSI.VolumeAttributes)
			default:
				t.Errorf("%s has neither a class nor a volume", c.golden)
			}
		}
	}
}
