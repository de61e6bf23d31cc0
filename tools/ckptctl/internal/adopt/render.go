package adopt

import (
	"io/fs"

	"checkpoint-storage/tools/ckptctl/internal/upgrade"

	"sigs.k8s.io/yaml"
)

// OfChart renders with a chart's own templates.
func OfChart(files fs.FS) (render Render, defaults map[string]any, err error) {
	templates, err := upgrade.Load(files)
	if err != nil {
		return nil, nil, err
	}
	text, err := fs.ReadFile(files, "values.yaml")
	if err != nil {
		return nil, nil, err
	}
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		return nil, nil, err
	}
	return func(values map[string]any, release, namespace string) ([]Object, error) {
		// The values as Helm reads them from the file that is written: the numbers of Go are not those of JSON.
		text, err := yaml.Marshal(values)
		if err != nil {
			return nil, err
		}
		read := map[string]any{}
		if err := yaml.Unmarshal(text, &read); err != nil {
			return nil, err
		}
		rendered, err := templates.Render(read, release, namespace)
		if err != nil {
			return nil, err
		}
		var out []Object
		for _, byKey := range rendered {
			for _, object := range byKey {
				out = append(out, object.Object)
			}
		}
		return out, nil
	}, defaults, nil
}
