package cli

import (
	"encoding/json"
	"testing"

	"checkpoint-storage/tools/catalog"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFilter checks that filters select the backends that are known to match, and no others.
func TestFilter(t *testing.T) {
	list := func(args ...string) []catalog.Backend {
		code, out, errs := ckptctl(append([]string{"backends", "-o", "json"}, args...)...)
		require.Equal(t, OK, code, errs)
		var backends []catalog.Backend
		require.NoError(t, json.Unmarshal([]byte(out), &backends))
		require.NotEmpty(t, backends)
		return backends
	}
	all := list()
	for _, b := range list("--family", "aws") {
		assert.Equal(t, "AWS", b.Family)
	}
	assert.Equal(t, list("--mode", "ReadWriteMany"), list("--mode", "rwx"))
	for _, b := range list("--mode", "RWX", "--provisioning", "dynamic", "--can", "renameDirectory,lockExcludes") {
		assert.Contains(t, b.Capabilities.AccessModes["Filesystem"], "ReadWriteMany")
		assert.True(t, b.Capabilities.Serves("dynamic"))
		assert.Equal(t, catalog.Yes, b.Capabilities.Semantics.Does("lockExcludes"))
	}
	assert.Less(t, len(list("--can", "renameFile")), len(all))

	for _, args := range [][]string{{"--can", "renameDirectry"}, {"--family", "aws", "--mode", "none"}} {
		code, _, errs := ckptctl(append([]string{"backends"}, args...)...)
		assert.Equal(t, Unusable, code)
		assert.NotEmpty(t, errs)
	}
}

// TestExplainSaysWhereAFactStands checks that a reader can follow every key to the driver's own word for it.
func TestExplainSaysWhereAFactStands(t *testing.T) {
	_, out, _ := ckptctl("explain", "azureFile")
	for _, want := range []string{
		"volume attribute shareName", "nodeStage secret", "mount option uid={}", "with protocol nfs: hard", "source  ",
		"over NFS; the option nobrl", "expand: yes",
	} {
		assert.Contains(t, out, want)
	}
}
