package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/report"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGenerations checks that null, and a second document, are read as the Helm that is asked for reads them.
func TestGenerations(t *testing.T) {
	two := file(t, "two.yaml", "hostPath: {path: /mnt, sharedMount: true}\n---\nsize: 10\n")
	_, three := findings(t, "-f", two)
	require.Len(t, three, 1)
	assert.Equal(t, "yaml/several-documents", three[0].Rule)
	_, four := findings(t, "-f", two, "--helm", "4")
	require.Len(t, four, 1)
	assert.Equal(t, []any{"schema/type", 3, 7}, []any{four[0].Rule, four[0].Line, four[0].Column})

	object := []string{"--set-json", `{"size": 10}`}
	code, _, errs := ckptctl(append([]string{"check"}, object...)...)
	assert.Equal(t, Unusable, code, "Helm 3 has no such form")
	assert.Contains(t, errs, "--set-json")
	_, got := findings(t, append(object, "--helm", "4")...)
	require.NotEmpty(t, got)
	assert.Equal(t, "schema/type", got[0].Rule)
}

// TestOptions checks that every option sets what Helm's sets, and is named where it is wrong.
func TestOptions(t *testing.T) {
	size := file(t, "size.txt", "10GB")
	for option, value := range map[string]string{
		"--set": "size=10GB", "--set-string": "size=10", "--set-json": `size="10GB"`, "--set-file": "size=" + size, "--set-literal": "size=a,b",
	} {
		_, got := findings(t, option, value)
		require.Len(t, got, 1, option)
		assert.Equal(t, []string{"schema/value", "size", option + " " + value}, []string{got[0].Rule, got[0].Path, got[0].File})
	}
	code, _, errs := ckptctl("check", "--set-file", "size=nowhere.txt")
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "nowhere.txt: there is no such file")
}

// parent makes a chart with two stores in it, the second of which is on or off.
func parent(t *testing.T, values string) string {
	t.Helper()
	dir := t.TempDir()
	chart, err := filepath.Abs(chartFolder)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte(`apiVersion: v2
name: training-job
version: 0.1.0
dependencies:
  - {name: checkpoint-storage, alias: checkpoints, version: ">=0.0.0-0", repository: "file://`+chart+`", condition: checkpoints.enabled}
  - {name: checkpoint-storage, alias: fastTier, version: ">=0.0.0-0", repository: "file://`+chart+`", condition: fastTier.enabled}
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "values.yaml"), []byte(values), 0o600))
	return dir
}

// TestParent checks that every store of a parent chart is judged under its alias, with the parent's values and files.
func TestParent(t *testing.T) {
	for _, helm := range []string{"3", "4"} {
		dir := parent(t, "global: {region: north}\ncheckpoints:\n  enabled: true\n  backend: nfs\n  nfs:\n    sever: a\n    path: /b\nfastTier:\n  enabled: false\n  size: 10\n")
		_, got := findings(t, "--chart", dir, "--helm", helm)
		require.Len(t, got, 1, "a store that is off is not judged")
		assert.Equal(t, []any{"checkpoints.nfs.sever", filepath.Join(dir, "values.yaml"), 6, 5, "checkpoints/checkpoints"},
			[]any{got[0].Path, got[0].File, got[0].Line, got[0].Column, got[0].Release})
		assert.Equal(t, "did you mean server?", got[0].Hint)

		// The overlay corrects it, and has another mistake in the other store, which it enables.
		dir = parent(t, "checkpoints:\n  enabled: true\n  backend: nfs\n  nfs:\n    path: /b\nfastTier:\n  enabled: false\n  size: 10\n")
		overlay := file(t, "overlay.yaml", "checkpoints:\n  nfs: {server: a}\nfastTier:\n  enabled: true\n")
		_, got = findings(t, "--chart", dir, "--helm", helm, "-f", overlay)
		require.Len(t, got, 1)
		assert.Equal(t, []any{"fastTier.size", filepath.Join(dir, "values.yaml"), 8}, []any{got[0].Path, got[0].File, got[0].Line})
		_, got = findings(t, "--chart", dir, "--helm", helm, "-f", overlay, "--set", "fastTier.size=20")
		require.Len(t, got, 1)
		assert.Equal(t, "--set fastTier.size=20", got[0].File)
		code, out, _ := ckptctl("check", "--chart", dir, "--helm", helm, "-f", overlay, "--set", "fastTier.size=1Gi", "--set", "fastTier.hostPath.path=/a,fastTier.hostPath.sharedMount=true")
		assert.Equal(t, OK, code)
		assert.Contains(t, out, "ok: checkpoints/checkpoints: backend nfs")
		assert.Contains(t, out, "ok: checkpoints/fastTier: backend hostPath")
	}
	code, _, errs := ckptctl("check", "--chart", parent(t, "checkpoints: none\n"))
	assert.Equal(t, Unusable, code)
	assert.Contains(t, errs, "checkpoints")
}

// TestAccept checks that a comment accepts a warning and never an error.
func TestAccept(t *testing.T) {
	const accept = "# ckptctl:accept W03 the node's image mounts a disk there\n"
	_, got := findings(t, "-f", file(t, "v.yaml", accept+"hostPath: {path: /mnt/data}\n"))
	assert.Empty(t, got)
	_, got = findings(t, "-f", file(t, "v.yaml", "hostPath: {path: /mnt/data}  "+accept))
	assert.Empty(t, got)
	code, got := findings(t, "-f", file(t, "v.yaml", "# ckptctl:accept E05 we know\naccessModes: [ReadWriteMany]\nhostPath: {path: /mnt}\n"))
	assert.Equal(t, Found, code)
	require.Len(t, got, 2)
	assert.Equal(t, []string{"accept/error", "E05"}, []string{got[0].Rule, got[1].Rule})
}

// TestFleet checks what is found in many overlays on one base, and between them.
func TestFleet(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("base.yaml", "backend: nfs\nsize: 10\nnfs: {server: s, path: /shared}\naccessModes: [ReadWriteMany]\n")
	write("clusters/berlin.yaml", "size: 1Gi\nnfs: {path: /berlin}\n")
	write("clusters/oslo.yaml", "nfs: {pth: /oslo}\n")
	write("clusters/paris.yaml", "nfs: {path: /paris}\n")
	run := func(args ...string) (int, string, report.Report) {
		code, out, errs := ckptctl(append([]string{"check", "-o", "json", "-f", filepath.Join(dir, "base.yaml")}, args...)...)
		var got report.Report
		require.NoError(t, json.Unmarshal([]byte(out), &got), errs)
		return code, out, got
	}
	code, first, got := run("--each", filepath.Join(dir, "clusters", "*.yaml"))
	assert.Equal(t, Found, code)
	require.Len(t, got.Findings, 2)
	assert.Equal(t, []any{"size", 2, []string{"oslo", "paris"}}, []any{got.Findings[0].Path, got.Findings[0].Line, got.Findings[0].Clusters}, "a base's mistake is said once")
	assert.Equal(t, []string{"oslo"}, got.Findings[1].Clusters)
	require.Len(t, got.Clusters, 3)
	assert.Equal(t, report.Cluster{Name: "berlin", File: filepath.Join(dir, "clusters", "berlin.yaml"), Summary: "checkpoints: backend nfs, static, 1Gi, ReadWriteMany"}, got.Clusters[0])
	for range 5 {
		_, again, _ := run("--each", filepath.Join(dir, "clusters", "*.yaml"))
		require.Equal(t, first, again)
	}

	write("clusters/rome.yaml", "\tx")
	code, _, got = run("--each", filepath.Join(dir, "clusters", "*.yaml"))
	assert.Equal(t, Unusable, code)
	assert.Contains(t, got.Clusters[3].Unreadable, "rome.yaml:1")
	require.Len(t, got.Findings, 2, "the others are checked all the same")
}

// TestAcross checks what only several overlays together show.
func TestAcross(t *testing.T) {
	const local = "backend: hostPath\nhostPath: {path: /mnt, sharedMount: true}\n"
	const base = "backend: nfs\nnfs: {server: s, path: /a}\naccessModes: [ReadWriteMany]\n"
	for name, c := range map[string]struct {
		files map[string]string
		glob  string
		want  []string
	}{
		"one share in two clusters":             {map[string]string{"c/a.yaml": "", "c/b.yaml": "size: 1Ti\n"}, "c/*.yaml", []string{"W11"}},
		"accepted":                              {map[string]string{"c/a.yaml": "", "c/b.yaml": "# ckptctl:accept W11 both only read\n"}, "c/*.yaml", nil},
		"one path on the nodes of two clusters": {map[string]string{"c/a.yaml": local, "c/b.yaml": local}, "c/*.yaml", nil},
		"one path on the nodes of one cluster":  {map[string]string{"c/a.yaml": local, "c/b.yaml": local}, "[c]/*.yaml", []string{"E08"}},
		"two shares":                            {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /b}\n"}, "c/*.yaml", nil},
		"one share twice in one cluster":        {map[string]string{"c/a.yaml": "", "c/b.yaml": ""}, "[c]/*.yaml", []string{"E08"}},
		"one name twice in one cluster":         {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /b}\nfullnameOverride: a\n"}, "[c]/*.yaml", []string{"E08"}},
		"one name in two namespaces":            {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /b}\nfullnameOverride: a\nnamespaceOverride: other\n"}, "[c]/*.yaml", nil},
		"one share in two namespaces":           {map[string]string{"c/a.yaml": "", "c/b.yaml": "namespaceOverride: other\n"}, "[c]/*.yaml", []string{"W15"}},
		"one share, and one that reads":         {map[string]string{"c/a.yaml": "", "c/b.yaml": "readOnly: true\n"}, "[c]/*.yaml", nil},
		"one share, and a cluster that reads":   {map[string]string{"c/a.yaml": "", "c/b.yaml": "readOnly: true\n"}, "c/*.yaml", nil},
		"another spelling":                      {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {server: S., path: /a/./}\n"}, "[c]/*.yaml", []string{"E08"}},
		"another backend":                       {map[string]string{"c/a.yaml": "", "c/b.yaml": "backend: nfsCsi\nnfsCsi: {server: s, share: /, subDir: a}\n"}, "[c]/*.yaml", []string{"E08"}},
		"another port":                          {map[string]string{"c/a.yaml": "", "c/b.yaml": "mountOptions: [port=2050, nconnect=4]\n"}, "[c]/*.yaml", nil},
		"a directory in the other's":            {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /a/b}\n"}, "[c]/*.yaml", []string{"W15"}},
		"accepted beside another":               {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /a/b} # ckptctl:accept W15 the outer one is never cleaned up\n"}, "[c]/*.yaml", nil},
		"one server with two nconnects":         {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /b}\nmountOptions: [nfsvers=4.1, nconnect=16]\n"}, "[c]/*.yaml", []string{"W10"}},
		"two clusters with two nconnects":       {map[string]string{"c/a.yaml": "", "c/b.yaml": "nfs: {path: /b}\nmountOptions: [nfsvers=4.1, nconnect=16]\n"}, "c/*.yaml", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "c"), 0o700))
			for name, text := range c.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			_, got := findings(t, "-f", file(t, "base.yaml", base), "--each", filepath.Join(dir, c.glob))
			var rules []string
			for _, f := range got {
				rules = append(rules, f.Rule)
				assert.NotContains(t, f.Message+f.Hint, "{", "a word is not filled in")
			}
			assert.Equal(t, c.want, rules)
		})
	}
}

// TestFormatsOfCommand checks that every format is offered, and that a report in it is printed.
func TestFormatsOfCommand(t *testing.T) {
	for _, format := range report.Formats() {
		code, out, errs := ckptctl("check", "-o", format, "-f", file(t, "v.yaml", "size: 10\n"))
		assert.Equal(t, Found, code, errs)
		assert.True(t, strings.Contains(out, "schema/type"), out)
	}
}

// TestBecause checks that a finding names the value that makes it one, and where that was set.
func TestBecause(t *testing.T) {
	base := file(t, "base.yaml", "size: 1Gi\nbackend: nfs\n")
	overlay := file(t, "berlin.yaml", "nfs: {path: /b}\n")
	_, out, _ := ckptctl("check", "-f", base, "-f", overlay)
	assert.Equal(t, overlay+`:1:1: error schema/missing-key: nfs.server: is missing, and backend nfs needs it.
     1 | nfs: {path: /b}
       | ^
  because backend is nfs (`+base+`:2)
  fix: set nfs.server: "10.0.0.5"

1 error, 0 warnings
`, out)
	_, out, _ = ckptctl("check", "-f", file(t, "v.yaml", "volume: {reclaimPolicy: Delete}\nprovisioning: static\n"))
	assert.Contains(t, out, "because provisioning is static (")
}

// TestQuota checks that what the stores of one cluster ask for is added up, and that of two clusters is not.
func TestQuota(t *testing.T) {
	const pinned = "volume: {nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [gpu-01]}]}]}}}\n"
	for name, c := range map[string]struct {
		files map[string]string
		glob  string
		want  string
	}{
		"together too much":         {map[string]string{"c/a.yaml": "size: 600Gi\n", "c/b.yaml": "size: 500Gi\n"}, "[c]/*.yaml", "the claims of a, b ask for 1100Gi together, and the quota is 1Ti."},
		"one alone":                 {map[string]string{"c/a.yaml": "size: 2Ti\n", "c/b.yaml": "size: 1Gi\n"}, "[c]/*.yaml", "the claims of a ask for 2Ti together, and the quota is 1Ti."},
		"each in its own cluster":   {map[string]string{"c/a.yaml": "size: 600Gi\n", "c/b.yaml": "size: 500Gi\n"}, "c/*.yaml", ""},
		"exactly that much":         {map[string]string{"c/a.yaml": "size: 512Gi\n", "c/b.yaml": "size: 512Gi\n"}, "[c]/*.yaml", ""},
		"accepted":                  {map[string]string{"c/a.yaml": "size: 2Ti # ckptctl:accept W07 the quota is being raised\n"}, "c/*.yaml", ""},
		"claims of another release": {map[string]string{"c/a.yaml": "size: 2Ti\nprovisioning: existing\nclaim: {existing: theirs}\n"}, "c/*.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
				if !strings.Contains(text, "existing") {
					text += "backend: local\nlocal: {path: /" + name + "}\n" + pinned
				}
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			_, got := findings(t, "--quota", "1Ti", "--each", filepath.Join(dir, c.glob))
			if c.want == "" {
				assert.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			assert.Equal(t, "W07", got[0].Rule)
			assert.Equal(t, c.want, got[0].Message)
		})
	}
}
