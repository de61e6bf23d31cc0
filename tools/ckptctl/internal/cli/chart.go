package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/yaml"
)

// load reads the catalog of a chart, or of the chart that ckptctl was built with.
func load(chart string) (check.Catalog, error) {
	if chart == "" {
		return check.LoadCatalog(embedded.FS)
	}
	_, files, err := open("--chart", chart)
	if err != nil {
		return check.Catalog{}, err
	}
	if files, err = documented(files); err != nil {
		return check.Catalog{}, err
	}
	return check.LoadCatalog(files)
}

// documented are a chart's files; where it is packaged, with the built-in chart's documentation of rules and backends, which
// a package leaves out.
func documented(files fs.FS) (fs.FS, error) {
	own, err := fs.Glob(files, path.Join(catalog.Root, "*", catalog.SchemaFile))
	if err != nil || len(own) > 0 {
		return files, err
	}
	read := map[string][]byte{}
	for _, from := range []fs.FS{embedded.FS, files} {
		err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			read[name], err = fs.ReadFile(from, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return check.Files(read), nil
}

// target opens the chart whose values are checked, of which there are the files: the built-in chart, another version of it,
// or a parent chart.
func target(path string, files fs.FS, helm check.Helm) (*check.Chart, error) {
	about, err := metadataOf("--chart", path, files)
	if err != nil {
		return nil, err
	}
	if about.Name != check.Name {
		return check.OpenParent(path, helm), nil
	}
	return check.Open(files, helm)
}

// open opens a chart's folder, or its archive, which an option names, and reads the chart's name; "" is the built-in chart.
func open(option, path string) (name string, files fs.FS, err error) {
	if path == "" {
		return check.Name, embedded.FS, nil
	}
	files = os.DirFS(path)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		if files, err = unpack(path); err != nil {
			return "", nil, fmt.Errorf("%s %s: it is neither a chart's folder nor its archive: %w", option, path, err)
		}
	}
	metadata, err := metadataOf(option, path, files)
	return metadata.Name, files, err
}

// metadata are the parts of a Chart.yaml that are looked at.
type metadata struct{ Name, Version string }

func metadataOf(option, path string, files fs.FS) (m metadata, err error) {
	text, err := fs.ReadFile(files, "Chart.yaml")
	if err != nil {
		return m, fmt.Errorf("%s %s: there is no Chart.yaml in it", option, path)
	}
	if err := yaml.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s %s: its Chart.yaml cannot be read: %w", option, path, err)
	}
	return m, nil
}

// unpack reads an archive that `helm package` has made.
func unpack(path string) (fs.FS, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	packed, err := loader.LoadArchiveFiles(file)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, each := range packed {
		files[each.Name] = each.Data
	}
	return check.Files(files), nil
}
