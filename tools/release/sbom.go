package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// component is what a file of the release contains.
type component struct {
	name, version, licence string
	// purl is its package URL.
	purl string
	// purpose is one of SPDX: LIBRARY, CONTAINER, APPLICATION.
	purpose string
}

// notInID is what an SPDX identifier does not take.
var notInID = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// writeSBOM writes what a file of the release contains beside it, as an SPDX document.
func (b *builder) writeSBOM(file string, data []byte, components []component) error {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	root := &spdx.Package{
		PackageName: file, PackageSPDXIdentifier: "file", PackageVersion: b.version, PackageFileName: file,
		PackageDownloadLocation: "NOASSERTION", PackageLicenseConcluded: "Apache-2.0", PackageLicenseDeclared: "Apache-2.0",
		PackageCopyrightText: "NOASSERTION", IsFilesAnalyzedTagPresent: true, PrimaryPackagePurpose: "ARCHIVE",
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: digest}},
	}
	document := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: file,
		// Unique for what is described, and the same whenever it is described.
		DocumentNamespace: "urn:checkpoint-storage:sbom:sha256:" + digest,
		CreationInfo: &spdx.CreationInfo{
			Created:  b.when().UTC().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "checkpoint-storage-release-" + b.version}},
		},
		Packages:      []*spdx.Package{root},
		Relationships: []*spdx.Relationship{{RefA: element("DOCUMENT"), RefB: element("file"), Relationship: common.TypeRelationshipDescribe}},
	}
	for _, c := range components {
		id := common.ElementID(notInID.ReplaceAllString(c.name+"-"+c.version, "-"))
		document.Packages = append(document.Packages, &spdx.Package{
			PackageName: c.name, PackageSPDXIdentifier: id, PackageVersion: c.version, PackageDownloadLocation: "NOASSERTION",
			PackageLicenseConcluded: c.licence, PackageLicenseDeclared: c.licence, PackageCopyrightText: "NOASSERTION",
			IsFilesAnalyzedTagPresent: true, PrimaryPackagePurpose: c.purpose,
			PackageExternalReferences: []*spdx.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: c.purl}},
		})
		document.Relationships = append(document.Relationships,
			&spdx.Relationship{RefA: element("file"), RefB: element(id), Relationship: common.TypeRelationshipContains})
	}
	var out bytes.Buffer
	if err := json.Write(document, &out, json.Indent("  ")); err != nil {
		return fmt.Errorf("SBOM of %s: %w", file, err)
	}
	return b.write(file+".spdx.json", append(bytes.TrimSpace(out.Bytes()), '\n'))
}

func element(id common.ElementID) common.DocElementID { return common.DocElementID{ElementRefID: id} }

// libraries are modules as components.
func libraries(modules []module) []component {
	var out []component
	for _, m := range modules {
		c := component{name: m.path, version: m.version, licence: m.licence, purl: "pkg:golang/" + m.path + "@" + m.version, purpose: "LIBRARY"}
		if m.path == "std" {
			c.purl = "pkg:golang/stdlib@" + m.version
		}
		out = append(out, c)
	}
	return out
}
