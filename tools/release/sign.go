package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"helm.sh/helm/v4/pkg/provenance"
)

// sign writes the provenance that Helm verifies beside each chart and each plugin. The passphrase is asked of the
// environment, so that no list of processes shows it.
func sign(folder, keyring, key, passphrase string) error {
	signer, err := provenance.NewFromKeyring(keyring, key)
	if err != nil {
		return fmt.Errorf("keyring %s: %w", keyring, err)
	}
	if err := signer.DecryptKey(func(string) ([]byte, error) { return []byte(passphrase), nil }); err != nil {
		return fmt.Errorf("key %q of %s (KEY_PASSPHRASE has its passphrase): %w", key, keyring, err)
	}
	archives, err := filepath.Glob(filepath.Join(folder, "*.tgz"))
	if err != nil {
		return err
	}
	if len(archives) == 0 {
		return fmt.Errorf("%s has nothing to sign: run release build first", folder)
	}
	for _, archive := range archives {
		data, err := os.ReadFile(archive)
		if err != nil {
			return err
		}
		metadata, err := metadataOf(data)
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		signed, err := signer.ClearSign(data, filepath.Base(archive), metadata)
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		if err := os.WriteFile(archive+".prov", []byte(signed), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// metadataOf returns the file of a chart or plugin that the provenance repeats.
func metadataOf(archive []byte) ([]byte, error) {
	entries, err := untarGz(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := path.Base(e.name); name == "Chart.yaml" || name == "plugin.yaml" {
			return e.data, nil
		}
	}
	return nil, fmt.Errorf("neither a chart nor a plugin")
}
