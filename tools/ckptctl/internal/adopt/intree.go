package adopt

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// handedOver is how Kubernetes hands the volumes of a type that it had itself to a CSI driver, by the rules of its migration:
// https://github.com/kubernetes/csi-translation-lib/tree/master/plugins
type handedOver struct {
	driver string
	// zone is the node label by which the driver knows zones; empty where it does not.
	zone string
	// source is the CSI source; nil where the volume does not say enough.
	source func(volume Object, source map[string]any, zone, namespace string) map[string]any
}

var handed = map[string]handedOver{
	"awsElasticBlockStore": {"ebs.csi.aws.com", "topology.ebs.csi.aws.com/zone", func(_ Object, source map[string]any, _, _ string) map[string]any {
		// aws://ZONE/ID is how it was written once.
		id := text(source, "volumeID")
		return map[string]any{"volumeHandle": id[strings.LastIndex(id, "/")+1:], "volumeAttributes": attributes("partition", source["partition"])}
	}},
	"azureDisk": {"disk.csi.azure.com", "topology.disk.csi.azure.com/zone", func(_ Object, source map[string]any, _, _ string) map[string]any {
		return map[string]any{"volumeHandle": text(source, "diskURI"), "volumeAttributes": attributes("cachingMode", source["cachingMode"])}
	}},
	"azureFile": {"file.csi.azure.com", "", func(volume Object, source map[string]any, _, namespace string) map[string]any {
		namespace = cmp.Or(text(source, "secretNamespace"), namespace)
		group := text(volume, "metadata", "annotations", "kubernetes.io/azure-file-resource-group")
		account := text(source, "secretName")
		if found := accountOfSecret.FindStringSubmatch(account); found != nil {
			account = found[1]
		}
		return map[string]any{
			"volumeHandle":       strings.Join([]string{group, account, text(source, "shareName"), volume.name(), namespace}, "#"),
			"volumeAttributes":   attributes("shareName", source["shareName"]),
			"nodeStageSecretRef": map[string]any{"name": text(source, "secretName"), "namespace": namespace},
		}
	}},
	"cinder": {"cinder.csi.openstack.org", "topology.cinder.csi.openstack.org/zone", func(_ Object, source map[string]any, _, _ string) map[string]any {
		return map[string]any{"volumeHandle": text(source, "volumeID")}
	}},
	"gcePersistentDisk": {"pd.csi.storage.gke.io", "topology.gke.io/zone", func(_ Object, source map[string]any, zone, _ string) map[string]any {
		place := "zones/" + cmp.Or(zone, "UNSPECIFIED")
		if first, _, several := strings.Cut(zone, "__"); several {
			place = "regions/" + first[:max(0, strings.LastIndex(first, "-"))]
		}
		return map[string]any{
			"volumeHandle":     "projects/UNSPECIFIED/" + place + "/disks/" + text(source, "pdName"),
			"volumeAttributes": attributes("partition", source["partition"]),
		}
	}},
	"portworxVolume": {"pxd.portworx.com", "", func(_ Object, source map[string]any, _, _ string) map[string]any {
		return map[string]any{"volumeHandle": text(source, "volumeID")}
	}},
}

// accountOfSecret is what Azure's provisioner called the secret of a storage account.
var accountOfSecret = regexp.MustCompile(`^azure-storage-account-(.+)-secret$`)

// zoneLabels are those by which Kubernetes names a volume's zone.
var zoneLabels = []string{"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"}

// attributes are volume attributes of one entry, or of none where there is nothing to say.
func attributes(key string, value any) map[string]any {
	if value == nil || fmt.Sprint(value) == "" || fmt.Sprint(value) == "0" {
		return nil
	}
	return map[string]any{key: fmt.Sprint(value)}
}

// handOver returns a volume of a type that Kubernetes had itself as one of the CSI driver that it is handed to, and the driver;
// "" where it is of no such type.
func handOver(volume Object, kind string, source map[string]any, namespace string) (Object, string) {
	to, is := handed[kind]
	if !is {
		return volume, ""
	}
	zone := ""
	for _, label := range zoneLabels {
		zone = cmp.Or(zone, text(volume, "metadata", "labels", label))
	}
	out := Object(copied(volume).(map[string]any))
	csi := to.source(volume, source, zone, cmp.Or(text(volume, "spec", "claimRef", "namespace"), namespace))
	if text(csi, "volumeHandle") == "" {
		return volume, ""
	}
	csi["driver"] = to.driver
	for _, key := range []string{"fsType", "readOnly"} {
		if source[key] != nil {
			csi[key] = source[key]
		}
	}
	if csi["volumeAttributes"] == nil || len(dig(csi, "volumeAttributes")) == 0 {
		delete(csi, "volumeAttributes")
	}
	spec := dig(out, "spec")
	delete(spec, kind)
	spec["csi"] = csi
	if to.zone != "" {
		rename(spec["nodeAffinity"], to.zone)
		if spec["nodeAffinity"] == nil && zone != "" {
			var zones []any
			for _, each := range strings.Split(zone, "__") {
				zones = append(zones, each)
			}
			spec["nodeAffinity"] = map[string]any{"required": map[string]any{"nodeSelectorTerms": []any{
				map[string]any{"matchExpressions": []any{map[string]any{"key": to.zone, "operator": "In", "values": zones}}},
			}}}
		}
	}
	return out, to.driver
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
