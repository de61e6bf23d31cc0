package check

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/require"
)

// FuzzCheck holds that any values file whatever is judged, or refused as one that cannot be read, with its name, under
// both releases of Helm, by itself and as the overlay of a cluster, and that what is found can be printed in every format.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"", "a: 1", "backend: nfs", "a: &a [*a]", "<<: {a: 1}", "? [a, b]\n: c", "size: 1e400", "size: .nan", "on: yes",
		"shards: 99999999999999999999", "shardOverrides: [{source: {a: 1}}]\nshards: 1", "---\n---\na: b", "\t", "claim: null",
		"hostPath: {path: {}}", "!!binary a: b", "a: !!float x", "accessModes: [null]", "storageClass: []", "volume: {nodeAffinity: []}",
		"shards: 1\nhostPath: {path: '{shard}'}", "\"{shard}\": 1", "a: |\n  b", "\xff\xfe", "a: 'b", "nfs: ~", "mountOptions: [1]",
	} {
		f.Add(seed)
	}
	fixtures, err := fs.Glob(embedded.FS, "templates/backends/*/testdata/_*.values.yaml")
	require.NoError(f, err)
	require.NotEmpty(f, fixtures)
	for _, fixture := range fixtures {
		text, err := fs.ReadFile(embedded.FS, fixture)
		require.NoError(f, err)
		f.Add(string(text))
	}
	charts := make([]*Chart, 0, 2)
	for _, helm := range []Helm{Helm3, Helm4} {
		chart, err := Open(embedded.FS, helm)
		require.NoError(f, err)
		charts = append(charts, chart)
	}
	overlay := filepath.Join(f.TempDir(), "overlay.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		require.NoError(t, os.WriteFile(overlay, []byte(text), 0o600))
		for _, chart := range charts {
			fleet, err := Each(Inputs{}, chart.Overlays([]string{overlay}, false, Release{Name: "checkpoints", Namespace: "train"}), nil, func(int) {})
			require.NoError(t, err)
			result, err := chart.Check(Inputs{Files: []string{"-"}}, Release{Name: "checkpoints", Namespace: "train", Stdin: strings.NewReader(text)})
			require.Equal(t, err != nil, fleet.Unreadable())
			if err != nil {
				var unreadable *values.InputError
				if !errors.As(err, &unreadable) || unreadable.File == "" || unreadable.Message == "" {
					t.Fatalf("%#v", err)
				}
				continue
			}
			for _, found := range result.Findings {
				if found.Rule == "" || found.Message == "" || found.Severity == "" {
					t.Fatalf("%#v", found)
				}
			}
			for _, format := range report.Formats() {
				if err := report.Write(&bytes.Buffer{}, format, report.Report{Findings: result.Findings}); err != nil {
					t.Fatal(format, err)
				}
			}
		}
	})
}
