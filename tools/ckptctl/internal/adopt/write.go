package adopt

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v3"
)

// order is that of the keys of a values file; others come after these, and the backend's section after backend.
var order = []string{
	"backend", "", "provisioning", "size", "accessModes", "volumeMode", "storageClassName", "mountOptions", "claim", "volume", "storageClass",
}

// YAML are the values as a file, in the order of the chart's own.
func (a Adoption) YAML() ([]byte, error) {
	section, _ := a.Values["backend"].(string)
	rank := func(key string) int {
		if key == section {
			key = ""
		}
		if at := slices.Index(order, key); at >= 0 {
			return at
		}
		return len(order)
	}
	keys := make([]string, 0, len(a.Values))
	for key := range a.Values {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y string) int {
		if d := rank(x) - rank(y); d != 0 {
			return d
		}
		return bytes.Compare([]byte(x), []byte(y))
	})
	document := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range keys {
		value := &yaml.Node{}
		if err := value.Encode(a.Values[key]); err != nil {
			return nil, err
		}
		document.Content = append(document.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}
