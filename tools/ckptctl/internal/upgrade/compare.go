package upgrade

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

//go:embed fields.yaml
var tableText []byte

// field is something that an upgrade may not change.
type field struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
	Change string   `json:"change"`
	Recipe string   `json:"recipe"`
}

type table struct {
	Fields  map[string][]field `json:"fields"`
	Common  []string           `json:"common"`
	Recipes map[string]string  `json:"recipes"`
}

// Change is something that the upgrade does to an object, and should not.
type Change struct {
	// Rule is E10 or E11, Severity error or warning.
	Rule, Severity string
	// Values are the keys of the chart's values that may have decided it; {backend} stands for the chosen section.
	Values []string
	// Message says what changes, Recipe what to do.
	Message, Recipe string
}

// comparison compares the objects of two sets of values.
type comparison struct {
	table
	release, namespace string
	from, to           Objects
	changes            []Change
}

// Compare lists what stands in the way of an upgrade from one set of objects to another.
func Compare(from, to Objects, release, namespace string) ([]Change, error) {
	c := &comparison{release: release, namespace: namespace, from: from, to: to}
	if err := yaml.UnmarshalStrict(tableText, &c.table); err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		for _, name := range names(from[kind]) {
			old := from[kind][name]
			fresh, there := to[kind][name]
			if !there {
				c.gone(kind, old)
				continue
			}
			c.fields(kind, old, fresh)
			if kind == "PersistentVolumeClaim" {
				c.size(old, fresh)
			}
			if kept(old) && !kept(fresh) && kind == "PersistentVolumeClaim" {
				c.add("warning", []string{"keep"}, "", fmt.Sprintf("claim %s is no longer kept: the next `helm uninstall` deletes it.", name), old)
			}
		}
	}
	return c.changes, nil
}

func names(objects map[string]unstructured.Unstructured) []string {
	out := make([]string, 0, len(objects))
	for name := range objects {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// fields compares what cannot change.
func (c *comparison) fields(kind string, old, fresh unstructured.Unstructured) {
	for _, f := range c.Fields[kind] {
		before, after := c.at(old, f.Path), c.at(fresh, f.Path)
		if reflect.DeepEqual(before, after) || f.Change == "once" && before == nil {
			continue
		}
		c.add("error", f.Values, f.Recipe,
			fmt.Sprintf("%s of %s %s cannot change from %s to %s.", f.Path, kind, old.GetName(), show(before), show(after)), old)
	}
}

// at returns what stands at a path; the source of a volume is what is left of its spec without its common parts.
func (c *comparison) at(object unstructured.Unstructured, path string) any {
	if path == "spec.source" {
		spec, _, _ := unstructured.NestedMap(object.Object, "spec")
		for _, key := range c.Common {
			delete(spec, key)
		}
		return any(spec)
	}
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	return value
}

func show(value any) string {
	if value == nil {
		return "nothing"
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	flat := strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ", ")), " ")
	if value == "" {
		return `""`
	}
	return "{" + flat + "}"
}

// size compares what a claim asks for.
func (c *comparison) size(old, fresh unstructured.Unstructured) {
	before, after := request(old), request(fresh)
	grows := after.Cmp(before)
	static := c.at(old, "spec.volumeName") != nil
	words := map[string]string{"old": before.String(), "new": after.String()}
	name := old.GetName()
	switch {
	case grows == 0:
	case static:
		c.addWith("E11", "error", []string{"size"}, "size", fmt.Sprintf("claim %s is static, and Kubernetes refuses to resize it from %s to %s.", name, &before, &after), old, words)
	case grows < 0:
		c.addWith("E11", "error", []string{"size"}, "shrink", fmt.Sprintf("claim %s cannot shrink from %s to %s.", name, &before, &after), old, words)
	default:
		class, _ := c.at(old, "spec.storageClassName").(string)
		made, known := c.from["StorageClass"][class]
		if expands, _ := c.at(made, "allowVolumeExpansion").(bool); known && !expands {
			c.addWith("E11", "error", []string{"size"}, "expansion", fmt.Sprintf("claim %s cannot grow from %s to %s: its class %s does not allow it.", name, &before, &after, class), old, words)
		} else if !known {
			c.addWith("E11", "warning", []string{"size"}, "", fmt.Sprintf("claim %s grows from %s to %s only if its class has allowVolumeExpansion and the claim is Bound.", name, &before, &after), old, words)
		}
	}
}

func request(claim unstructured.Unstructured) resource.Quantity {
	text, _, _ := unstructured.NestedString(claim.Object, "spec", "resources", "requests", "storage")
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return resource.Quantity{}
	}
	return quantity
}

func kept(object unstructured.Unstructured) bool {
	return object.GetAnnotations()["helm.sh/resource-policy"] == "keep"
}

// gone judges an object that the new values do not make any more.
func (c *comparison) gone(kind string, old unstructured.Unstructured) {
	name := old.GetName()
	if kind != "PersistentVolumeClaim" {
		// A volume goes with its claim; a class is not asked once its volumes are made.
		return
	}
	static := c.at(old, "spec.volumeName") != nil
	renamed := len(c.to[kind]) > 0 && !slices.ContainsFunc(names(c.to[kind]), func(n string) bool { _, before := c.from[kind][n]; return before })
	values := []string{"claim.name", "fullnameOverride", "nameOverride", "shards", "provisioning"}
	switch {
	case renamed && static && kept(old):
		c.add("warning", values, "", fmt.Sprintf("claim %s is not made any more; it and its volume stay, beside new ones on the same storage.", name), old)
	case renamed:
		c.add("error", values, "rename", fmt.Sprintf("claim %s is renamed, and its checkpoints stay behind.", name), old)
	case kept(old):
		c.add("warning", values, "", fmt.Sprintf("claim %s is not made any more; it and its volume stay on the cluster.", name), old)
	default:
		c.add("error", values, "disappear", fmt.Sprintf("claim %s is not made any more and not kept: Helm deletes it.", name), old)
	}
}

// add reports something that cannot change.
func (c *comparison) add(severity string, values []string, recipe, message string, object unstructured.Unstructured) {
	c.addWith("E10", severity, values, recipe, message, object, nil)
}

// addWith fills in the recipe with the user's own names.
func (c *comparison) addWith(rule, severity string, values []string, recipe, message string, object unstructured.Unstructured, words map[string]string) {
	claim, volume, class := object.GetName(), "", ""
	switch object.GetKind() {
	case "PersistentVolume":
		volume = object.GetName()
		claim, _, _ = unstructured.NestedString(object.Object, "spec", "claimRef", "name")
	case "PersistentVolumeClaim":
		volume, _ = c.at(object, "spec.volumeName").(string)
	case "StorageClass":
		class = object.GetName()
		if claims := names(c.from["PersistentVolumeClaim"]); len(claims) > 0 {
			claim = claims[0]
		}
	}
	// A recipe has commands, and the names of the old side may come from a cluster.
	pairs := []string{"{claim}", paste.Word(claim), "{volume}", paste.Word(volume), "{class}", paste.Word(class), "{namespace}", paste.Word(c.namespace), "{release}", paste.Word(c.release)}
	for _, word := range []string{"old", "new"} {
		pairs = append(pairs, "{"+word+"}", paste.Word(words[word]))
	}
	text := c.Recipes[recipe]
	if text == "" {
		text = "nothing, if that is what you want"
	}
	c.changes = append(c.changes, Change{
		Rule: rule, Severity: severity, Values: values, Message: message, Recipe: strings.NewReplacer(pairs...).Replace(text),
	})
}
