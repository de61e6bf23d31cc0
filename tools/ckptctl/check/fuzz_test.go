package check

import (
	"bytes"
	"errors"
	"flag"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/internal/report"
	"checkpoint-storage/tools/ckptctl/internal/values"

	"github.com/stretchr/testify/require"
)

// FuzzCheck holds that any values file whatever is judged, or refused as one that cannot be read, with its name, under
// both releases of Helm, by itself and as the overlay of a cluster, and that what is found can be printed in every format.
// While it looks for new texts, one in eight is laid over a base too, and Helm 4 asked where it reads another thing than
// Helm 3: the rest goes the same way twice.
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
	release := Release{Name: "checkpoints", Namespace: "train"}
	looking := flag.Lookup("test.fuzz").Value.String() != ""
	f.Fuzz(func(t *testing.T, text string) {
		in := Inputs{Files: []string{"/values.yaml"}, Texts: map[string][]byte{"/values.yaml": []byte(text)}}
		aside := !looking || crc32.ChecksumIEEE([]byte(text))%8 == 0
		var before *values.Values
		for _, chart := range charts {
			base, err := chart.read(in.Files, in.Reader(nil))
			if err == nil && looking && before != nil && reflect.DeepEqual(before.Merged, base.Merged) && reflect.DeepEqual(before.Given, base.Given) {
				continue
			}
			before = base
			result, failed := chart.Check(in, release)
			require.Equal(t, err, failed)
			if aside {
				require.NoError(t, os.WriteFile(overlay, []byte(text), 0o600))
				fleet, err := Each(Inputs{}, chart.Overlays([]string{overlay}, false, release), nil, func(int) {})
				require.NoError(t, err)
				require.Equal(t, failed != nil, fleet.Unreadable())
			}
			if failed != nil {
				var unreadable *values.InputError
				if !errors.As(failed, &unreadable) || unreadable.File == "" || unreadable.Message == "" {
					t.Fatalf("%#v", failed)
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
