package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive, or a folder where its name ends with a slash. Archives hold nothing that differs from one
// machine to the next: no times but the commit's, no users, one order.
type entry struct {
	name string
	mode fs.FileMode
	data []byte
}

func regular(name string, data []byte) entry    { return entry{name, 0o644, data} }
func executable(name string, data []byte) entry { return entry{name, 0o755, data} }

// withFolders adds the folders that the names imply, each before what is in it: Helm 3 makes none by itself.
func withFolders(entries []entry) []entry {
	known := map[string]bool{}
	for _, e := range entries {
		known[e.name] = true
	}
	for _, e := range entries {
		for folder := path.Dir(strings.TrimSuffix(e.name, "/")); folder != "."; folder = path.Dir(folder) {
			if !known[folder+"/"] {
				known[folder+"/"] = true
				entries = append(entries, entry{name: folder + "/", mode: 0o755})
			}
		}
	}
	return sorted(entries)
}

func sorted(entries []entry) []entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

func writeTar(to io.Writer, entries []entry, when time.Time) error {
	w := tar.NewWriter(to)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: int64(e.mode), Size: int64(len(e.data)), ModTime: when, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(e.data); err != nil {
			return err
		}
	}
	return w.Close()
}

func tarGz(entries []entry, when time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if err := writeTar(w, entries, when); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

func zipped(entries []entry, when time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: when.UTC()}
		header.SetMode(e.mode)
		file, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := file.Write(e.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// untarGz reads an archive that Helm has written.
func untarGz(from io.Reader) ([]entry, error) {
	unzipped, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	var out []entry
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out = append(out, entry{header.Name, header.FileInfo().Mode().Perm(), data})
	}
}

func gunzip(data []byte) (io.Reader, error) { return gzip.NewReader(bytes.NewReader(data)) }
