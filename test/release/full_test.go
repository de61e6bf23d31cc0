// What takes too long for every run: `make release-test` builds with this tag.

//go:build full

package release

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"checkpoint-storage/test/internal/charts"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all are the platforms of a release.
var all = flag.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64", "what is built for, such as linux/amd64")

func init() { built = func() []string { return strings.Split(*all, ",") } }

// TestCosign pushes a release with cosign, and holds that its signatures and attested SBOMs verify, and verify nothing else.
// The key pair is made for the test, and nothing is written to a transparency log.
func TestCosign(t *testing.T) {
	t.Setenv("COSIGN_PASSWORD", "a test's")
	dir, at := release(t), newRegistry(t)
	keys := t.TempDir()
	generate := exec.CommandContext(t.Context(), "cosign", "generate-key-pair")
	generate.Dir = keys
	out, err := generate.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, tool("push", "-out", dir, "-to", at+"/acme", "-plain-http", "-cosign-key", filepath.Join(keys, "cosign.key"), "-log=false"))

	v := version(t)
	pushed := map[string]string{
		"checkpoint-storage:" + v: "checkpoint-storage-" + v + ".tgz", "training-job:" + v: "training-job-" + v + ".tgz",
		"checkpoints:" + v + "-" + here: "checkpoints-" + v + "-" + here + ".tgz", "ckptctl:" + v: "ckptctl-" + v + "-image.tar",
	}
	public := []string{"--key", filepath.Join(keys, "cosign.pub"), "--insecure-ignore-tlog=true", "--allow-http-registry"}
	verify := func(ref string) (string, error) {
		return run(t, "cosign", append([]string{"verify", ref}, public...)...)
	}
	attestation := func(ref string) (string, error) {
		return run(t, "cosign", append([]string{"verify-attestation", "--type", "spdxjson", ref}, public...)...)
	}
	for ref, file := range pushed {
		out, err := verify(at + "/acme/" + ref)
		require.NoError(t, err, "%s\n%s", ref, out)
		out, err = attestation(at + "/acme/" + ref)
		require.NoError(t, err, "%s\n%s", ref, out)
		assert.Contains(t, attested(t, out), `"name":"`+file+`"`, "the attestation of %s is of another file", ref)
	}

	// The same with a byte changed, pushed under the same tags by who has no key.
	changed := t.TempDir()
	for name, data := range files(t, dir) {
		if strings.HasSuffix(name, ".tgz") {
			data = bytes.Clone(data)
			// The time in the head of the archive: whoever pushes it reads all else.
			data[4] ^= 1
		}
		require.NoError(t, os.WriteFile(filepath.Join(changed, name), data, 0o600))
	}
	require.NoError(t, tool("push", "-out", changed, "-to", at+"/acme", "-plain-http", "-cosign=false"))
	image, err := name.ParseReference(at+"/acme/ckptctl:"+v, name.Insecure)
	require.NoError(t, err)
	index, err := remote.Index(image)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(image, mutate.IndexMediaType(mutate.AppendManifests(index, mutate.IndexAddendum{Add: empty.Image}), types.OCIImageIndex)))
	for ref := range pushed {
		out, err := verify(at + "/acme/" + ref)
		require.Error(t, err, "%s is taken with a byte changed\n%s", ref, out)
		out, err = attestation(at + "/acme/" + ref)
		require.Error(t, err, "the attestation of %s is taken with a byte changed\n%s", ref, out)
	}
}

// attested decodes what cosign prints of an attestation.
func attested(t *testing.T, out string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\{.*"payload":.*\}$`).FindString(out)
	require.NotEmpty(t, found, out)
	var envelope struct{ Payload []byte }
	require.NoError(t, json.Unmarshal([]byte(found), &envelope))
	return string(envelope.Payload)
}

// TestImage unpacks the image of this platform and runs check in it, as its configuration says: as no user of this machine,
// with nothing but its own files.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(release(t), "ckptctl-"+version(t)+"-image.tar"), "-C", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	outer, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	manifest, err := outer.IndexManifest()
	require.NoError(t, err)
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	manifest, err = index.IndexManifest()
	require.NoError(t, err)
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		require.NoError(t, err)
		require.NoError(t, validate.Image(image))
		config, err := image.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, m.Platform.Architecture, config.Architecture)
		require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, config.Config.User, "the image runs as root, or as a user that it does not know")
		if config.OS+"-"+config.Architecture == here {
			checkInImage(t, image, config)
		}
	}
}

// checkInImage runs check on values that are mounted into the image's working directory.
func checkInImage(t *testing.T, image v1.Image, config *v1.ConfigFile) {
	t.Helper()
	require.Zero(t, os.Getuid(), "another root directory takes root")
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o755))
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", root)
	unpack.Stdin = mutate.Extract(image)
	out, err := unpack.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(filepath.Join(root, config.Config.WorkingDir, "good.yaml"), []byte("hostPath: {path: /mnt, sharedMount: true}\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, config.Config.WorkingDir, "bad.yaml"), []byte("size: 10\n"), 0o644))
	var uid, gid uint32
	_, err = fmt.Sscanf(config.Config.User, "%d:%d", &uid, &gid)
	require.NoError(t, err)
	run := func(values string) (string, error) {
		command := exec.CommandContext(t.Context(), config.Config.Entrypoint[0], "check", "-f", values)
		command.Dir, command.Env = config.Config.WorkingDir, []string{}
		command.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		out, err := command.CombinedOutput()
		return string(out), err
	}
	said, err := run("good.yaml")
	require.NoError(t, err, said)
	assert.Contains(t, said, "ok: checkpoints: backend hostPath")
	said, err = run("bad.yaml")
	require.Error(t, err)
	assert.Contains(t, said, "bad.yaml:1:7: error schema/type")
}

// TestPlatforms holds that each archive has a program for its platform.
func TestPlatforms(t *testing.T) {
	for _, kind := range []string{"ckptctl-*.tar.gz", "ckptctl-*.zip", "checkpoints-*.tgz"} {
		archives, err := filepath.Glob(filepath.Join(release(t), kind))
		require.NoError(t, err)
		for _, archive := range archives {
			dir := t.TempDir()
			unpack := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", dir)
			if filepath.Ext(archive) == ".zip" {
				unpack = exec.CommandContext(t.Context(), "python3", "-m", "zipfile", "-e", archive, dir)
			}
			out, err := unpack.CombinedOutput()
			require.NoError(t, err, string(out))
			programs, err := filepath.Glob(filepath.Join(dir, "ckptctl*"))
			require.NoError(t, err)
			if len(programs) == 0 {
				programs, err = filepath.Glob(filepath.Join(dir, "checkpoints", "ckptctl*"))
				require.NoError(t, err)
			}
			require.Len(t, programs, 1, archive)
			info, err := buildinfo.ReadFile(programs[0])
			require.NoError(t, err, archive)
			settings := map[string]string{}
			for _, s := range info.Settings {
				settings[s.Key] = s.Value
			}
			assert.Contains(t, archive, "-"+settings["GOOS"]+"-"+settings["GOARCH"]+".", archive)
			assert.Equal(t, "0", settings["CGO_ENABLED"], archive)
			assert.FileExists(t, filepath.Join(filepath.Dir(programs[0]), "THIRD_PARTY_LICENCES.txt"))
		}
	}
}

// TestPreCommit runs the hook from a clone, at its commit, as a repository does that lists it.
func TestPreCommit(t *testing.T) {
	commit, err := inRoot("git", "rev-parse", "HEAD").Output()
	require.NoError(t, err)
	dir := t.TempDir()
	clone, user := filepath.Join(dir, "clone"), filepath.Join(dir, "user")
	git := func(in string, args ...string) {
		command := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
		command.Dir = in
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	git(dir, "clone", "--quiet", charts.Root(), clone)
	git(dir, "init", "--quiet", user)
	for name, text := range map[string]string{
		"base.yaml":               "backend: nfs\nnfs: {server: a, path: /b}\naccessModes: [ReadWriteMany]\n",
		"clusters/berlin.yaml":    "nfs: {path: /c}\n",
		".pre-commit-config.yaml": "repos: [{repo: " + clone + ", rev: " + strings.TrimSpace(string(commit)) + ", hooks: [{id: ckptctl-check, files: ^clusters/, args: [-f, base.yaml]}]}]\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(user, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(user, name), []byte(text), 0o600))
	}
	hook := func() (string, error) {
		git(user, "add", "--all")
		command := exec.CommandContext(t.Context(), "pre-commit", "run", "--all-files", "--verbose")
		command.Dir = user
		modules, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
		require.NoError(t, err)
		command.Env = append(os.Environ(), "PRE_COMMIT_HOME="+filepath.Join(dir, "home"), "GOMODCACHE="+strings.TrimSpace(string(modules)))
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := hook()
	require.NoError(t, err, out)
	require.NoError(t, os.WriteFile(filepath.Join(user, "clusters", "berlin.yaml"), []byte("nfs: {pth: /c}\n"), 0o600))
	out, err = hook()
	require.Error(t, err)
	assert.Contains(t, out, "clusters/berlin.yaml:1:7: error schema/unknown-key: nfs.pth")
}
