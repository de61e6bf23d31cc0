// Package release holds that a release can be built twice the same, installed, verified and run, and that whoever changes a
// byte of it is found out.
package release

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/spdx/tools-golang/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// helms are the programs that have to install what is released.
var helms = []string{"helm", "helm4"}

// here is the platform that the tests run what they build on.
var here = runtime.GOOS + "-" + runtime.GOARCH

// released is a signed release of this checkout, built once for all tests.
var released = sync.OnceValues(func() (string, error) {
	out := filepath.Join(scratch, "release")
	if err := tool("build", "-out", out, "-root", charts.Root()); err != nil {
		return "", err
	}
	if err := newKey(scratch); err != nil {
		return "", err
	}
	return out, tool("sign", "-out", out, "-keyring", filepath.Join(scratch, "secret.gpg"), "-key", "release-test")
})

// scratch is a folder of all tests together.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "release-test"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// tool runs tools/release.
func tool(args ...string) error {
	program := filepath.Join(scratch, "tool")
	if _, err := os.Stat(program); err != nil {
		if out, err := inRoot("go", "build", "-o", program, "./tools/release").CombinedOutput(); err != nil {
			return &failure{err, out}
		}
	}
	if args[0] == "build" {
		args = append(args, "-platforms", strings.Join(built(), ","))
	}
	if out, err := inRoot(program, args...).CombinedOutput(); err != nil {
		return &failure{err, out}
	}
	return nil
}

// built returns the platforms that are built for: of every run, this one's.
var built = func() []string { return []string{runtime.GOOS + "/" + runtime.GOARCH} }

func inRoot(program string, args ...string) *exec.Cmd {
	command := exec.Command(program, args...)
	command.Dir = charts.Root()
	return command
}

// failure is a program's error with what it printed.
type failure struct {
	error
	out []byte
}

func (f *failure) Error() string { return f.error.Error() + "\n" + string(f.out) }

// newKey makes an OpenPGP key: secret.gpg to sign with, public.gpg to verify with.
func newKey(dir string) error {
	key, err := openpgp.NewEntity("release-test", "made for one test", "release-test@example.com", nil)
	if err != nil {
		return err
	}
	var secret, public bytes.Buffer
	if err := key.SerializePrivate(&secret, nil); err != nil {
		return err
	}
	if err := key.Serialize(&public); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.gpg"), secret.Bytes(), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "public.gpg"), public.Bytes(), 0o600)
}

func release(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds a release")
	}
	out, err := released()
	require.NoError(t, err)
	return out
}

func keyring() string { return filepath.Join(scratch, "public.gpg") }

// version is that of the chart under test.
func version(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(charts.Chart(), "Chart.yaml"))
	require.NoError(t, err)
	var chart struct{ Version string }
	require.NoError(t, yaml.Unmarshal(text, &chart))
	return chart.Version
}

// newRegistry starts a registry and returns its address.
func newRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// run runs a program away from the checkout, with nothing of this user's.
func run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = home
	command.Env = append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "KUBECONFIG=/dev/null",
		"HELM_CACHE_HOME="+home+"/cache", "HELM_CONFIG_HOME="+home+"/config", "HELM_DATA_HOME="+home+"/data")
	out, err := command.CombinedOutput()
	return string(out), err
}

// tampered copies a file into a new folder, with one bit of one byte in the middle turned.
func tampered(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	return copied(t, file, data)
}

// copied writes data under a file's name in a new folder, with the file's provenance where it has one.
func copied(t *testing.T, file string, data []byte) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(to, data, 0o600))
	if provenance, err := os.ReadFile(file + ".prov"); err == nil {
		require.NoError(t, os.WriteFile(to+".prov", provenance, 0o600))
	}
	return to
}

// files reads a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
	}
	return out
}

// TestBuiltTwice builds the release from a copy of the sources in another folder, without what git ignores, and holds that
// every file is the same to the byte.
func TestBuiltTwice(t *testing.T) {
	first := release(t)
	root, out := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	listed, err := inRoot("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").Output()
	require.NoError(t, err)
	for _, name := range strings.Split(strings.Trim(string(listed), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(charts.Root(), name))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), data, 0o600))
	}
	var me struct{ Commit string }
	printed, err := exec.CommandContext(t.Context(), unpacked(t), "version", "-o", "json").Output()
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(printed, &me))
	date, err := inRoot("git", "log", "-1", "--format=%ct").Output()
	require.NoError(t, err)
	require.NoError(t, tool("build", "-out", out, "-root", root, "-commit", me.Commit, "-date", strings.TrimSpace(string(date))))

	want, got := files(t, first), files(t, out)
	for name := range want {
		if strings.HasSuffix(name, ".prov") {
			delete(want, name)
		}
	}
	assert.Len(t, got, len(want))
	for name, data := range want {
		assert.Truef(t, bytes.Equal(data, got[name]), "%s differs between two builds", name)
	}
}

// TestContents holds that the release has every file that it should, with its checksum and its SBOM, and that an SBOM of
// ckptctl names just what is linked.
func TestContents(t *testing.T) {
	dir := release(t)
	all := files(t, dir)
	v := version(t)
	want := []string{"checkpoint-storage-" + v + ".tgz", "training-job-" + v + ".tgz", "ckptctl-" + v + "-image.tar"}
	for _, p := range built() {
		p = strings.Replace(p, "/", "-", 1)
		extension := ".tar.gz"
		if strings.HasPrefix(p, "windows") {
			extension = ".zip"
		}
		want = append(want, "ckptctl-"+v+"-"+p+extension, "checkpoints-"+v+"-"+p+".tgz")
	}
	for _, name := range want {
		require.Contains(t, all, name)
		document, err := json.Read(bytes.NewReader(all[name+".spdx.json"]))
		require.NoError(t, err, name)
		require.NotEmpty(t, document.Packages, name)
		sum := sha256.Sum256(all[name])
		assert.Equal(t, hex.EncodeToString(sum[:]), document.Packages[0].PackageChecksums[0].Value, name)
	}
	for name, data := range all {
		if strings.HasSuffix(name, ".prov") || name == "SHA256SUMS" {
			continue
		}
		sum := sha256.Sum256(data)
		assert.Contains(t, string(all["SHA256SUMS"]), hex.EncodeToString(sum[:])+"  "+name+"\n")
	}
	changelog, err := os.ReadFile(filepath.Join(charts.Chart(), "CHANGELOG.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(changelog), "\n## "+v+"\n\n")
	require.True(t, found)
	first, _, _ := strings.Cut(section, "\n")
	assert.Contains(t, string(all["RELEASE_NOTES.md"]), first)

	program := unpacked(t)
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	document, err := json.Read(bytes.NewReader(all["ckptctl-"+v+"-"+here+".tar.gz.spdx.json"]))
	require.NoError(t, err)
	named := map[string]bool{}
	for _, p := range document.Packages[1:] {
		named[p.PackageName+" "+p.PackageVersion] = true
		assert.NotEmpty(t, p.PackageLicenseConcluded, p.PackageName)
	}
	linked := map[string]bool{"std " + strings.TrimPrefix(info.GoVersion, "go"): true}
	for _, d := range info.Deps {
		linked[d.Path+" "+d.Version] = true
	}
	assert.Equal(t, linked, named)
	texts, err := os.ReadFile(filepath.Join(filepath.Dir(program), "THIRD_PARTY_LICENCES.txt"))
	require.NoError(t, err)
	for _, d := range info.Deps {
		assert.Contains(t, string(texts), d.Path+" "+d.Version+": ", "the licence of %s is not shipped", d.Path)
	}
}

// unpacked unpacks the archive of this platform and returns the program.
func unpacked(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(release(t), "ckptctl-"+version(t)+"-"+here+".tar.gz")
	out, err := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(dir, "ckptctl")
}

// TestVersion holds that the program of a release says which commit it was built from.
func TestVersion(t *testing.T) {
	out, err := run(t, unpacked(t), "version")
	require.NoError(t, err, out)
	commit, err := inRoot("git", "rev-parse", "HEAD").Output()
	require.NoError(t, err)
	assert.Contains(t, out, "ckptctl "+version(t)+"\n")
	assert.Contains(t, out, "commit  "+strings.TrimSpace(string(commit)))
	assert.Contains(t, out, "chart   checkpoint-storage "+version(t)+"\n")
}

// TestTag holds that a tag of another version builds nothing.
func TestTag(t *testing.T) {
	release(t)
	err := tool("build", "-out", t.TempDir(), "-root", charts.Root(), "-tag", "v0.0.9")
	require.ErrorContains(t, err, "tag v0.0.9 does not belong to chart version "+version(t))
}

// TestInstall pushes a release to a registry and installs both charts from there, verified, as Helm 3 and Helm 4 do; and
// the plugin, which Helm 4 alone takes from a registry.
func TestInstall(t *testing.T) {
	dir, at := release(t), newRegistry(t)+"/acme"
	require.NoError(t, tool("push", "-out", dir, "-to", at, "-plain-http", "-cosign=false"))
	for _, helm := range helms {
		for chart, shows := range map[string]string{"checkpoint-storage": "kind: PersistentVolume\n", "training-job": "kind: Job\n"} {
			// Verified as for helm install, which would ask a cluster for its version.
			out, err := run(t, helm, "template", "checkpoints", "oci://"+at+"/"+chart, "--version", version(t),
				"--verify", "--keyring", keyring(), "--plain-http")
			require.NoError(t, err, "%s\n%s", helm, out)
			assert.Contains(t, out, shows, helm)
		}
		// Another's signature is none.
		other := t.TempDir()
		require.NoError(t, newKey(other))
		out, err := run(t, helm, "pull", "oci://"+at+"/checkpoint-storage", "--verify", "--keyring", filepath.Join(other, "public.gpg"), "--plain-http")
		require.Error(t, err, "%s takes a signature of an unknown key\n%s", helm, out)
	}
	installPlugin(t, "oci://"+at+"/checkpoints:"+version(t)+"-"+here, "--plain-http")
}

// TestInstallPlugin installs the plugin's archive, and what it unpacks to, without Go.
func TestInstallPlugin(t *testing.T) {
	archive := filepath.Join(release(t), "checkpoints-"+version(t)+"-"+here+".tgz")
	installPlugin(t, archive)

	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	checkWithPlugin(t, "helm", filepath.Join(dir, "checkpoints"))

	// Helm 3 takes archives by http alone, from a server that calls them gzip, and verifies none.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/gzip")
		http.ServeFile(w, r, filepath.Join(release(t), filepath.Base(r.URL.Path)))
	}))
	t.Cleanup(server.Close)
	checkWithPlugin(t, "helm", server.URL+"/"+filepath.Base(archive))
}

// installPlugin installs the plugin with Helm 4, which verifies it, and checks values with it.
func installPlugin(t *testing.T, source string, flags ...string) {
	t.Helper()
	checkWithPlugin(t, "helm4", source, append(flags, "--keyring", keyring())...)
}

func checkWithPlugin(t *testing.T, helm, source string, flags ...string) {
	t.Helper()
	home := t.TempDir()
	path, err := exec.LookPath(helm)
	require.NoError(t, err)
	values := filepath.Join(home, "values.yaml")
	require.NoError(t, os.WriteFile(values, []byte("hostPath: {path: /mnt, sharedMount: true}\n"), 0o600))
	for _, args := range [][]string{
		append([]string{"plugin", "install", source}, flags...),
		{"checkpoints", "check", "-f", values},
	} {
		command := exec.CommandContext(t.Context(), path, args...)
		// Nothing is on the PATH, Go least of all.
		command.Env = []string{"PATH=/nowhere", "HOME=" + home, "HELM_DATA_HOME=" + home + "/data", "HELM_CACHE_HOME=" + home + "/cache", "HELM_CONFIG_HOME=" + home + "/config"}
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s %s\n%s", helm, strings.Join(args, " "), out)
		if args[0] == "checkpoints" {
			assert.Contains(t, string(out), "ok: checkpoints: backend hostPath")
		}
	}
}

// TestTampered changes one byte of what is released, and holds that it is refused wherever it is verified.
func TestTampered(t *testing.T) {
	dir := release(t)
	chart := filepath.Join(dir, "checkpoint-storage-"+version(t)+".tgz")
	plugin := filepath.Join(dir, "checkpoints-"+version(t)+"-"+here+".tgz")

	t.Run("checksums", func(t *testing.T) {
		folder := t.TempDir()
		for name, data := range files(t, dir) {
			if name == filepath.Base(plugin) {
				data = bytes.Clone(data)
				data[len(data)/2] ^= 1
			}
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
		}
		command := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", "SHA256SUMS")
		command.Dir = folder
		out, err := command.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), filepath.Base(plugin)+": FAILED\n")
		assert.Equal(t, 1, strings.Count(string(out), ": FAILED\n"), string(out))
	})
	for _, helm := range helms {
		t.Run(helm+" verify", func(t *testing.T) {
			out, err := run(t, helm, "verify", chart, "--keyring", keyring())
			require.NoError(t, err, out)
			out, err = run(t, helm, "verify", tampered(t, chart), "--keyring", keyring())
			require.Error(t, err)
			assert.Contains(t, out, "sha256 sum does not match")
		})
		t.Run(helm+" from a registry", func(t *testing.T) {
			at := newRegistry(t)
			// Still a chart, and so one that the registry and Helm take: the time in the head of the archive is another.
			data, err := os.ReadFile(chart)
			require.NoError(t, err)
			data[4] ^= 1
			out, err := run(t, helm, "push", copied(t, chart, data), "oci://"+at, "--plain-http")
			require.NoError(t, err, out)
			args := []string{"template", "checkpoints", "oci://" + at + "/checkpoint-storage", "--plain-http"}
			out, err = run(t, helm, args...)
			require.NoError(t, err, "changed in more than the signed bytes\n%s", out)
			out, err = run(t, helm, append(args, "--verify", "--keyring", keyring())...)
			require.Error(t, err)
			assert.Contains(t, out, "sha256 sum does not match")
		})
	}
	t.Run("plugin", func(t *testing.T) {
		out, err := run(t, "helm4", "plugin", "install", tampered(t, plugin), "--keyring", keyring())
		require.Error(t, err)
		assert.Contains(t, out, "sha256 sum does not match")
	})
}
