package names

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subdomain is what the API server takes for the name of a PersistentVolume or a StorageClass.
var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// pair is where a store is: two pairs are two stores.
type pair struct{ namespace, name string }

// made is the pair's volume in a release of its name.
func (p pair) made() Names {
	return Of(map[string]any{"provisioning": "static", "storageClass": map[string]any{"create": true}}, p.name, p.namespace, "")
}

// TestVolumeNamesAreInjective checks that no two pairs of namespace and name share a volume or a class: made-up pairs,
// and for each its imitations, which spell its volume in every other way.
func TestVolumeNamesAreInjective(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 9))
	owner := map[string]pair{}
	claim := func(p pair) []pair {
		names := p.made()
		for _, name := range []string{names.Volume(Whole), names.Class(), names.Volume(7)} {
			require.LessOrEqual(t, len(name), most)
			require.Regexp(t, subdomain, name)
		}
		name := names.Volume(Whole)
		if other, taken := owner[name]; taken {
			require.Equal(t, other, p, "one name, %s", name)
		}
		owner[name] = p
		require.Equal(t, name, names.Class())
		return imitations(name)
	}
	cuts := 0
	for range 20_000 {
		p := pair{word(random, 63, false), word(random, 53, true)}
		for _, other := range claim(p) {
			claim(other)
		}
		if len(p.namespace)+1+len(p.name) > most {
			cuts++
		}
	}
	assert.Greater(t, cuts, 1000, "few names were cut")
}

// imitations are the pairs that could be meant by a name: it is parted at each dot and each hyphen.
func imitations(name string) []pair {
	var out []pair
	for i := 1; i < len(name)-1; i++ {
		if name[i] != '.' && name[i] != '-' {
			continue
		}
		p := pair{name[:i], name[i+1:]}
		if namespace.MatchString(p.namespace) && subdomain.MatchString(p.name) {
			out = append(out, p)
		}
	}
	return out
}

var namespace = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// word makes up a name of few letters, so that names meet, of any length.
func word(random *rand.Rand, longest int, dots bool) string {
	alphabet := "ab-"
	if dots {
		alphabet = "ab-."
	}
	length := 1 + random.IntN(4)
	if random.IntN(3) == 0 {
		length = 1 + random.IntN(longest)
	}
	for {
		var out strings.Builder
		for range length {
			out.WriteByte(alphabet[random.IntN(len(alphabet))])
		}
		// A hyphen or a dot that nothing surrounds is none.
		name := strings.NewReplacer("..", "aa", ".-", "ab", "-.", "ba").Replace(out.String())
		if name = "a" + name[1:]; len(name) > 1 {
			name = name[:len(name)-1] + "b"
		}
		if subdomain.MatchString(name) {
			return name
		}
	}
}

// TestShardsOfACutName checks that a shard's number never makes it another's name, and that all share one base.
func TestShardsOfACutName(t *testing.T) {
	t.Parallel()
	long := pair{strings.Repeat("n", 63), strings.Repeat("r", 53)}.made()
	base := strings.TrimSuffix(long.Volume(0), "-0")
	assert.NotContains(t, base, ".")
	seen := map[string]bool{long.Volume(Whole): true}
	for shard := range 10_000 {
		name := long.Volume(shard)
		assert.True(t, strings.HasPrefix(name, base+"-"))
		assert.LessOrEqual(t, len(name), most)
		assert.False(t, seen[name], name)
		seen[name] = true
	}
}
