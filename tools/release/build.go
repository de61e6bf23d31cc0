package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"
)

// platforms are those that ckptctl is released for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// sums is the file with the checksums of all others.
const sums = "SHA256SUMS"

// builder writes a release into a folder.
type builder struct {
	root, out, commit, tag string
	platforms              []string
	date                   int64
	version                string
}

func (b *builder) build(ctx context.Context) error {
	if err := b.identify(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(b.out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	store, err := loadChart(filepath.Join(b.root, "charts", "checkpoint-storage"))
	if err != nil {
		return err
	}
	b.version = store.Metadata.Version
	if b.tag != "" && b.tag != "v"+b.version {
		return fmt.Errorf("tag %s does not belong to chart version %s: want v%s", b.tag, b.version, b.version)
	}
	job, err := loadChart(filepath.Join(b.root, "charts", "training-job"), store)
	if err != nil {
		return err
	}
	notes, err := b.notes()
	if err != nil {
		return err
	}
	if err := b.write("RELEASE_NOTES.md", notes); err != nil {
		return err
	}
	for _, c := range []*chart.Chart{store, job} {
		if err := b.chart(c); err != nil {
			return err
		}
	}
	if err := b.programs(ctx); err != nil {
		return err
	}
	return writeSums(b.out)
}

// identify asks git for what the flags leave out.
func (b *builder) identify(ctx context.Context) error {
	if b.commit != "" && b.date != 0 {
		return nil
	}
	out, err := b.command(ctx, nil, "git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return fmt.Errorf("give -commit and -date, or build in a git checkout: %w", err)
	}
	commit, date, _ := strings.Cut(strings.TrimSpace(out), " ")
	changed, err := b.command(ctx, nil, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		commit += "-dirty"
	}
	b.commit = commit
	b.date, err = strconv.ParseInt(date, 10, 64)
	return err
}

func (b *builder) when() time.Time { return time.Unix(b.date, 0).UTC() }

func (b *builder) write(name string, data []byte) error {
	return os.WriteFile(filepath.Join(b.out, name), data, 0o644)
}

func (b *builder) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = b.root, append(os.Environ(), env...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, problems.String())
	}
	return out.String(), nil
}

// goCommand runs Go for a platform, without what the environment of the moment would add.
func (b *builder) goCommand(ctx context.Context, goos, goarch string, args ...string) (string, error) {
	env := []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT="}
	return b.command(ctx, env, "go", args...)
}

// chart packs a chart and says which images and charts are in it.
func (b *builder) chart(c *chart.Chart) error {
	name, err := b.packChart(c)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(b.out, name))
	if err != nil {
		return err
	}
	var components []component
	for _, d := range c.Dependencies() {
		components = append(components, component{name: d.Name(), version: d.Metadata.Version, licence: "Apache-2.0", purl: "pkg:helm/" + d.Name() + "@" + d.Metadata.Version, purpose: "APPLICATION"})
	}
	var images []struct{ Name, Image string }
	if err := yaml.Unmarshal([]byte(c.Metadata.Annotations["artifacthub.io/images"]), &images); err != nil {
		return fmt.Errorf("chart %s: annotation artifacthub.io/images: %w", c.Name(), err)
	}
	for _, i := range images {
		repository, tag, _ := strings.Cut(i.Image, ":")
		components = append(components, component{name: repository, version: tag, licence: "NOASSERTION", purl: "pkg:docker/" + repository + "@" + tag, purpose: "CONTAINER"})
	}
	return b.writeSBOM(name, data, components)
}

// programs builds ckptctl and what it is shipped in: an archive and a plugin for each platform, an image for Linux.
func (b *builder) programs(ctx context.Context) error {
	licence, err := os.ReadFile(filepath.Join(b.root, "LICENSE"))
	if err != nil {
		return err
	}
	var images []mutate.IndexAddendum
	var inImages []module
	for _, platform := range b.platforms {
		goos, goarch, _ := strings.Cut(platform, "/")
		if !slices.Contains(platforms, platform) {
			return fmt.Errorf("%s is none of the platforms %s", platform, strings.Join(platforms, ", "))
		}
		modules, err := b.linked(ctx, goos, goarch)
		if err != nil {
			return err
		}
		program, err := b.compile(ctx, goos, goarch)
		if err != nil {
			return err
		}
		name := "ckptctl"
		if goos == "windows" {
			name += ".exe"
		}
		files := []entry{executable(name, program), regular("LICENSE", licence), regular("THIRD_PARTY_LICENCES.txt", thirdParty(modules))}
		if err := b.archive(goos, goarch, files, modules); err != nil {
			return err
		}
		if err := b.plugin(goos, goarch, name, files, modules); err != nil {
			return err
		}
		if goos == "linux" {
			image, err := b.image(goos, goarch, files)
			if err != nil {
				return err
			}
			images, inImages = append(images, image), union(inImages, modules)
		}
	}
	if len(images) == 0 {
		return nil
	}
	name := "ckptctl-" + b.version + "-image.tar"
	data, err := b.writeImage(name, images)
	if err != nil {
		return err
	}
	return b.writeSBOM(name, data, libraries(inImages))
}

func union(a, b []module) []module {
	for _, m := range b {
		if !slices.ContainsFunc(a, func(o module) bool { return o.path == m.path }) {
			a = append(a, m)
		}
	}
	return a
}

// compile builds ckptctl. Neither the checkout's place nor the machine is in it.
func (b *builder) compile(ctx context.Context, goos, goarch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "ckptctl")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "ckptctl")
	flags := "-s -w -X checkpoint-storage/tools/ckptctl/internal/cli.commit=" + b.commit
	if _, err := b.goCommand(ctx, goos, goarch, "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", program, "./tools/ckptctl"); err != nil {
		return nil, err
	}
	return os.ReadFile(program)
}

// archive writes the program with its licences as an archive that the platform can open by itself.
func (b *builder) archive(goos, goarch string, files []entry, modules []module) error {
	name := fmt.Sprintf("ckptctl-%s-%s-%s", b.version, goos, goarch)
	data, err := []byte(nil), error(nil)
	if goos == "windows" {
		name += ".zip"
		data, err = zipped(files, b.when())
	} else {
		name += ".tar.gz"
		data, err = tarGz(files, b.when())
	}
	if err != nil {
		return err
	}
	if err := b.write(name, data); err != nil {
		return err
	}
	return b.writeSBOM(name, data, libraries(modules))
}

// pluginFolder is where Helm 4 looks for the plugin in an archive; Helm 3 looks at the archive's root.
const pluginFolder = "checkpoints/"

// plugin writes the Helm plugin with its program. Helm 4 verifies an archive under the name that name and version of
// plugin.yaml make, so the platform is a part of the version.
func (b *builder) plugin(goos, goarch, program string, files []entry, modules []module) error {
	text, err := os.ReadFile(filepath.Join(b.root, "tools", "ckptctl", "plugin.yaml"))
	if err != nil {
		return err
	}
	var plugin map[string]any
	if err := yaml.Unmarshal(text, &plugin); err != nil {
		return err
	}
	version := fmt.Sprintf("%s-%s-%s", b.version, goos, goarch)
	plugin["version"] = version
	// They build from source what is here already.
	delete(plugin, "hooks")
	var entries []entry
	for _, f := range files {
		f.name = pluginFolder + f.name
		entries = append(entries, f)
	}
	for folder, from := range map[string]string{"": pluginFolder, pluginFolder: ""} {
		plugin["command"] = "$HELM_PLUGIN_DIR/" + from + program
		text, err := yaml.Marshal(plugin)
		if err != nil {
			return err
		}
		entries = append(entries, regular(folder+"plugin.yaml", text))
	}
	data, err := tarGz(withFolders(entries), b.when())
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s.tgz", plugin["name"], version)
	if err := b.write(name, data); err != nil {
		return err
	}
	return b.writeSBOM(name, data, libraries(modules))
}

// notes are the changelog's lines of this version.
func (b *builder) notes() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(b.root, "charts", "checkpoint-storage", "CHANGELOG.md"))
	if err != nil {
		return nil, err
	}
	_, section, found := strings.Cut(string(text), "\n## "+b.version+"\n")
	if !found {
		return nil, fmt.Errorf("CHANGELOG.md has no section %s", b.version)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	if strings.TrimSpace(section) == "" {
		return nil, errors.New("CHANGELOG.md says nothing about " + b.version)
	}
	return []byte("# checkpoint-storage " + b.version + "\n\n" + strings.TrimSpace(section) + "\n"), nil
}

// beside is what accompanies a file and is not summed: signatures are new each time.
var beside = regexp.MustCompile(`\.(prov|sigstore\.json)$`)

// writeSums writes the checksum of each file of the folder, as sha256sum does.
func writeSums(folder string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, f := range files {
		if f.Name() == sums || beside.MatchString(f.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(&out, "%s  %s\n", hex.EncodeToString(sum[:]), f.Name())
	}
	return os.WriteFile(filepath.Join(folder, sums), out.Bytes(), 0o644)
}
