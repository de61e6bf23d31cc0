package adopt

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

//go:embed intree.yaml
var inTreeText []byte

// handedOver is how the volumes of a type are handed to a CSI driver: see intree.yaml.
type handedOver struct {
	Driver, Zone, Handle, Secret string
	Attributes                   []string
}

// inTree are the types that are handed over, and the field of the source that they then have.
var inTree = sync.OnceValue(func() (out struct {
	Source string
	Types  map[string]handedOver
}) {
	if err := yaml.UnmarshalStrict(inTreeText, &out); err != nil {
		panic(err)
	}
	return out
})

var (
	// accountOfSecret is what Azure's provisioner called the secret of a storage account.
	accountOfSecret = regexp.MustCompile(`^azure-storage-account-(.+)-secret$`)
	inBraces        = regexp.MustCompile(`\{(\w+)\}`)
)

// zoneLabels are those by which Kubernetes names a volume's zone.
var zoneLabels = []string{"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"}

// handOver returns a volume of a type that Kubernetes had itself as one of the CSI driver that it is handed to, and the driver;
// "" where it is of no such type, or says too little.
func handOver(volume Object, kind string, source map[string]any, namespace string) (Object, string) {
	to, is := inTree().Types[kind]
	if !is {
		return volume, ""
	}
	zone := ""
	for _, label := range zoneLabels {
		zone = cmp.Or(zone, text(volume, "metadata", "labels", label))
	}
	words := wordsOf(volume, source, zone, cmp.Or(text(source, "secretNamespace"), text(volume, "spec", "claimRef", "namespace"), namespace))
	short := false
	handle := inBraces.ReplaceAllStringFunc(to.Handle, func(word string) string {
		word = strings.Trim(word, "{}")
		value, known := words[word]
		if !known {
			value = text(source, word)
			short = short || value == ""
		}
		return value
	})
	if short || handle == "" {
		return volume, ""
	}
	driven := map[string]any{"driver": to.Driver, "volumeHandle": handle}
	given := map[string]any{}
	for _, key := range to.Attributes {
		if value := source[key]; value != nil && value != "" && fmt.Sprint(value) != "0" {
			given[key] = fmt.Sprint(value)
		}
	}
	fill(driven, "volumeAttributes", given)
	fill(driven, "fsType", source["fsType"])
	fill(driven, "readOnly", source["readOnly"])
	if to.Secret != "" {
		driven[to.Secret] = map[string]any{"name": text(source, "secretName"), "namespace": words["namespace"]}
	}
	out := Object(copied(volume).(map[string]any))
	spec := dig(out, "spec")
	delete(spec, kind)
	spec[inTree().Source] = driven
	if to.Zone == "" {
		return out, to.Driver
	}
	rename(spec["nodeAffinity"], to.Zone)
	if spec["nodeAffinity"] == nil && zone != "" {
		var zones []any
		for _, each := range strings.Split(zone, "__") {
			zones = append(zones, each)
		}
		spec["nodeAffinity"] = map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{
			map[string]any{"matchExpressions": []any{map[string]any{"key": to.Zone, "operator": "In", "values": zones}}},
		}}}
	}
	return out, to.Driver
}

// wordsOf are what a handle is made of besides the fields of the source.
func wordsOf(volume Object, source map[string]any, zone, namespace string) map[string]string {
	account := text(source, "secretName")
	if found := accountOfSecret.FindStringSubmatch(account); found != nil {
		account = found[1]
	}
	place := "zones/" + cmp.Or(zone, "UNSPECIFIED")
	if first, _, several := strings.Cut(zone, "__"); several {
		place = "regions/" + first[:max(0, strings.LastIndex(first, "-"))]
	}
	// aws://ZONE/ID is how an id was written once.
	id := text(source, "volumeID")
	return map[string]string{
		"account": account, "group": text(volume, "metadata", "annotations", "kubernetes.io/azure-file-resource-group"),
		"id": id[strings.LastIndex(id, "/")+1:], "name": volume.name(), "namespace": namespace, "place": place,
	}
}

// rename gives the zone of a node affinity the label by which the driver knows it.
func rename(affinity any, label string) {
	required, _ := affinity.(map[string]any)
	terms, _ := dig(required, "required")["nodeSelectorTerms"].([]any)
	for _, term := range terms {
		of, _ := term.(map[string]any)
		expressions, _ := of["matchExpressions"].([]any)
		for _, each := range expressions {
			expression, _ := each.(map[string]any)
			for _, old := range zoneLabels {
				if expression["key"] == old {
					expression["key"] = label
				}
			}
		}
	}
}
