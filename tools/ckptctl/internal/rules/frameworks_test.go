package rules

import (
	"os"
	"testing"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/names"
	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFrameworks judges declared frameworks on storage that lacks an operation, has it, or where that is unknown.
func TestFrameworks(t *testing.T) {
	chart := os.DirFS("../../../../charts/checkpoint-storage")
	rules, err := catalog.LoadRules(chart)
	require.NoError(t, err)
	frameworks, err := catalog.LoadFrameworks(chart)
	require.NoError(t, err)
	bucket := catalog.Backend{Name: "bucket", Capabilities: catalog.Capabilities{
		Provisioning: []string{"static"}, AccessModes: map[string][]string{"Filesystem": {"ReadWriteMany"}},
		Semantics: catalog.Semantics{Operations: map[string]catalog.Support{
			"renameDirectory": catalog.No, "renameFile": catalog.No, "overwrite": catalog.Yes, "unlink": catalog.Yes,
		}},
	}}
	check := func(semantics catalog.Semantics, values map[string]any) []report.Finding {
		b := bucket
		b.Capabilities.Semantics = semantics
		merged := map[string]any{"backend": "bucket", "provisioning": "static", "accessModes": []any{"ReadWriteMany"}, "volumeMode": "Filesystem"}
		for key, value := range values {
			merged[key] = value
		}
		set, err := New(rules.Rules, nil, Source{
			Facts:      func(string) (catalog.Facts, error) { return b.Facts(), nil },
			Frameworks: func() (catalog.Frameworks, error) { return frameworks, nil },
		})
		require.NoError(t, err)
		got, err := set.Check(merged, names.Names{Fullname: "checkpoints"}, func(f report.Finding, path string, _ []string) report.Finding {
			f.Path = path
			return f
		})
		require.NoError(t, err)
		return got
	}
	able := bucket.Capabilities.Semantics

	got := check(able, map[string]any{"frameworks": []any{"orbax", "deepspeed", "dcp"}})
	require.Len(t, got, 2, "deepspeed renames nothing")
	assert.Equal(t, "dcp needs to rename a file, and backend bucket cannot.", got[0].Message)
	assert.Contains(t, got[0].Hint, "s3torchconnector")
	assert.Equal(t, "orbax needs to rename a file, rename a directory, and backend bucket cannot.", got[1].Message)
	assert.Equal(t, report.Finding{Rule: "E22", Severity: "error", Path: "frameworks"}, report.Finding{Rule: got[1].Rule, Severity: got[1].Severity, Path: got[1].Path})

	assert.Empty(t, check(able, nil), "no framework is declared")
	assert.Empty(t, check(able, map[string]any{"frameworks": []any{"lightning"}}), "what is unknown is for the test to find out")
	assert.Empty(t, check(able, map[string]any{"frameworks": []any{"dcp"}, "provisioning": "existing", "claim": map[string]any{"existing": "theirs"}}))

	able.When = catalog.Condition{"flat": true}
	assert.Empty(t, check(able, map[string]any{"frameworks": []any{"dcp"}}), "the answers hold only where the condition does")
	assert.Len(t, check(able, map[string]any{"frameworks": []any{"dcp"}, "flat": true}), 1)
}
