package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v4/pkg/registry"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// pusher pushes a release to a registry, signs it there, and attests what is in it. It logs in with what `docker login`
// or `cosign login` has stored.
type pusher struct {
	out, to, key string
	// log wants signatures in the public log, plain a registry without TLS.
	cosign, log, plain bool
}

// layerType is what a plugin's files are stored as.
const layerType = "application/vnd.oci.image.layer.v1.tar"

func (p *pusher) push(ctx context.Context) error {
	if p.to == "" {
		return errors.New("-to names the registry and the path to push to")
	}
	archives, err := filepath.Glob(filepath.Join(p.out, "*.tgz"))
	if err != nil {
		return err
	}
	images, err := filepath.Glob(filepath.Join(p.out, "*-image.tar"))
	if err != nil {
		return err
	}
	if len(archives) == 0 || len(images) == 0 {
		return fmt.Errorf("%s is no release: run release build first", p.out)
	}
	for _, file := range append(archives, images...) {
		ref, err := p.one(ctx, file)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		// One line each for who verifies or lists them.
		fmt.Println(ref)
		if !p.cosign {
			continue
		}
		if err := p.sign(ctx, ref, file+".spdx.json"); err != nil {
			return err
		}
	}
	return nil
}

// one pushes a file of the release, and returns its reference with the digest.
func (p *pusher) one(ctx context.Context, file string) (string, error) {
	if strings.HasSuffix(file, "-image.tar") {
		return p.image(ctx, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	provenance, err := os.ReadFile(file + ".prov")
	if err != nil {
		return "", fmt.Errorf("it is not signed: %w", err)
	}
	if base := filepath.Base(file); strings.HasPrefix(base, strings.TrimSuffix(pluginFolder, "/")+"-") {
		return p.plugin(ctx, base, data, provenance)
	}
	return p.chart(file, data, provenance)
}

// split takes the name of an archive apart, which Helm has made of name and version.
func split(file string) (name, version string, err error) {
	stem := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	for i := range stem {
		if i+1 < len(stem) && stem[i] == '-' && stem[i+1] >= '0' && stem[i+1] <= '9' {
			return stem[:i], stem[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("its name has no version")
}

func (p *pusher) chart(file string, data, provenance []byte) (string, error) {
	chart, version, err := split(file)
	if err != nil {
		return "", err
	}
	options := []registry.ClientOption{registry.ClientOptWriter(io.Discard)}
	if p.plain {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	client, err := registry.NewClient(options...)
	if err != nil {
		return "", err
	}
	created, err := built(data)
	if err != nil {
		return "", err
	}
	repository := p.to + "/" + chart
	result, err := client.Push(data, repository+":"+version, registry.PushOptProvData(provenance), registry.PushOptCreationTime(created))
	if err != nil {
		return "", err
	}
	return repository + "@" + result.Manifest.Digest, nil
}

// built is when the sources of an archive were committed, which all of its files say.
func built(archive []byte) (string, error) {
	unzipped, err := gunzip(archive)
	if err != nil {
		return "", err
	}
	header, err := tar.NewReader(unzipped).Next()
	if err != nil {
		return "", err
	}
	return header.ModTime.UTC().Format(time.RFC3339), nil
}

// plugin pushes what Helm 4 installs by an oci:// reference.
func (p *pusher) plugin(ctx context.Context, file string, data, provenance []byte) (string, error) {
	plugin, version, err := split(file)
	if err != nil {
		return "", err
	}
	created, err := built(data)
	if err != nil {
		return "", err
	}
	store := memory.New()
	var layers []ocispec.Descriptor
	for _, layer := range []struct {
		title string
		data  []byte
	}{{file, data}, {file + ".prov", provenance}} {
		descriptor, err := oras.PushBytes(ctx, store, layerType, layer.data)
		if err != nil {
			return "", err
		}
		descriptor.Annotations = map[string]string{ocispec.AnnotationTitle: layer.title}
		layers = append(layers, descriptor)
	}
	manifest, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, registry.PluginArtifactType, oras.PackManifestOptions{
		Layers: layers, ManifestAnnotations: map[string]string{ocispec.AnnotationCreated: created},
	})
	if err != nil {
		return "", err
	}
	if err := store.Tag(ctx, manifest, version); err != nil {
		return "", err
	}
	repository, err := orasremote.NewRepository(p.to + "/" + plugin)
	if err != nil {
		return "", err
	}
	stored, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return "", err
	}
	repository.PlainHTTP = p.plain
	repository.Client = &auth.Client{Credential: credentials.Credential(stored)}
	if _, err := oras.Copy(ctx, store, version, repository, version, oras.DefaultCopyOptions); err != nil {
		return "", err
	}
	return p.to + "/" + plugin + "@" + manifest.Digest.String(), nil
}

func (p *pusher) image(ctx context.Context, file string) (string, error) {
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	archive, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = archive.Close() }()
	if err := unpackLayout(archive, dir); err != nil {
		return "", err
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return "", err
	}
	listed, err := outer.IndexManifest()
	if err != nil {
		return "", err
	}
	if len(listed.Manifests) != 1 {
		return "", fmt.Errorf("%d images in one archive", len(listed.Manifests))
	}
	image, err := outer.ImageIndex(listed.Manifests[0].Digest)
	if err != nil {
		return "", err
	}
	var options []name.Option
	if p.plain {
		options = append(options, name.Insecure)
	}
	repository := p.to + "/ckptctl"
	ref, err := name.ParseReference(repository+":"+listed.Manifests[0].Annotations[ocispec.AnnotationRefName], options...)
	if err != nil {
		return "", err
	}
	if err := remote.WriteIndex(ref, image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", err
	}
	return repository + "@" + listed.Manifests[0].Digest.String(), nil
}

// unpackLayout unpacks an archive that writeImage has written.
func unpackLayout(archive io.Reader, dir string) error {
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(header.Name) {
			return fmt.Errorf("%s leads out of the archive", header.Name)
		}
		path := filepath.Join(dir, header.Name)
		if header.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
}

// sign has cosign sign what was pushed, and attest its SBOM: by digest, since a tag may move meanwhile.
func (p *pusher) sign(ctx context.Context, ref, sbom string) error {
	common := []string{"--yes"}
	if p.key != "" {
		common = append(common, "--key", p.key)
	}
	if !p.log {
		common = append(common, "--tlog-upload=false", "--use-signing-config=false")
	}
	if p.plain {
		common = append(common, "--allow-http-registry")
	}
	for _, args := range [][]string{{"sign"}, {"attest", "--type", "spdxjson", "--predicate", sbom}} {
		args = append(append(args, common...), ref)
		command := exec.CommandContext(ctx, "cosign", args...)
		var problems bytes.Buffer
		command.Stderr = &problems
		if err := command.Run(); err != nil {
			return fmt.Errorf("cosign %s: %w\n%s", strings.Join(args, " "), err, problems.String())
		}
	}
	return nil
}
