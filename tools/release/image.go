package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// unprivileged is the user that the image runs as: no name, since there is no /etc/passwd that could give one.
const unprivileged = "65532:65532"

// image is ckptctl and its licences on nothing else, for one platform.
func (b *builder) image(goos, goarch string, files []entry) (mutate.IndexAddendum, error) {
	var layer bytes.Buffer
	// /work is where values are mounted.
	entries := withFolders(append([]entry{{name: "work/", mode: 0o755}}, files...))
	if err := writeTar(&layer, entries, b.when()); err != nil {
		return mutate.IndexAddendum{}, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }
	l, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{
		Layer:   l,
		History: v1.History{Created: v1.Time{Time: b.when()}, CreatedBy: "checkpoint-storage release"},
	})
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	img, err = mutate.ConfigFile(img, b.config(img, goos, goarch))
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: goos, Architecture: goarch}}}, nil
}

func (b *builder) config(img v1.Image, goos, goarch string) *v1.ConfigFile {
	// An image that was just built has a configuration.
	config, _ := img.ConfigFile()
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = goos, goarch, v1.Time{Time: b.when()}
	config.Config = v1.Config{
		Entrypoint: []string{"/ckptctl"}, User: unprivileged, WorkingDir: "/work",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "ckptctl",
			"org.opencontainers.image.version":  b.version,
			"org.opencontainers.image.revision": b.commit,
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return config
}

// writeImage writes an OCI layout with an image of several platforms as one archive.
func (b *builder) writeImage(name string, images []mutate.IndexAddendum) ([]byte, error) {
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), images...)
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": b.version})); err != nil {
		return nil, err
	}
	var entries []entry
	err = filepath.WalkDir(dir, func(path string, file os.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		entries = append(entries, regular(strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(dir)+"/"), data))
		return err
	})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := writeTar(&out, withFolders(entries), b.when()); err != nil {
		return nil, err
	}
	return out.Bytes(), b.write(name, out.Bytes())
}
