package cli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersion checks that both formats name the version, the commit and the chart.
func TestVersion(t *testing.T) {
	commit = "0123456789abcdef0123456789abcdef01234567"
	t.Cleanup(func() { commit = "" })
	run := func(args ...string) (string, int) {
		var out bytes.Buffer
		code := Run(append([]string{"version"}, args...), Streams{Out: &out, Err: &out})
		return out.String(), code
	}
	out, code := run()
	require.Equal(t, OK, code, out)
	assert.Regexp(t, `^ckptctl \d+\.\d+\.\d+\n  commit  0123456789abcdef0123456789abcdef01234567\n  chart   checkpoint-storage \d+\.\d+\.\d+\n`, out)
	out, code = run("-o", "json")
	require.Equal(t, OK, code, out)
	var me about
	require.NoError(t, json.Unmarshal([]byte(out), &me))
	assert.Equal(t, thisBuild(), me)
	_, code = run("-o", "sarif")
	assert.Equal(t, Unusable, code)
}
