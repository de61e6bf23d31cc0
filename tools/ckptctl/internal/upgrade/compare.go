package upgrade

import (
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

//go:embed fields.yaml
var tableText []byte

// claimRef is the field that reserves a volume.
const claimRef = "spec.claimRef"

// field is an immutable field of fields.yaml.
type field struct {
	Path    string   `json:"path"`
	Values  []string `json:"values"`
	Change  string   `json:"change"`
	Default any      `json:"default"`
}

// Upgrade is a release and the arguments of its `helm upgrade`.
type Upgrade struct {
	Release, Namespace string
	// Earlier is the release that the current objects belong to, if the upgrade makes another.
	Earlier *Owner
	// Chart is the path of the chart, Files and Settings are the new values. OldChart is the path of the current chart; "" if
	// it is the same.
	Chart, OldChart string
	// OldVersion is the version of the current chart, if it is another, and the place of that chart is unknown.
	OldVersion string
	Files      []string
	Settings   []Setting
	// Cluster is what the commands name.
	Cluster paste.Cluster
	// Gone says that the release itself is to go: there are no new values.
	Gone bool
	// Expands says that the values set allowVolumeExpansion.
	Expands bool
	// Live is the state of the cluster; nil if only values are compared.
	Live *Live
	// Was and Is are what the values say of the volumes' storage before and after, by their names.
	Was, Is map[string]Place
	// Below is the directory of the claim that pods save to by the new values, "" for its root. WasBelow is that of the current
	// ones; nil if only the cluster knows it.
	Below    string
	WasBelow *string
	// Try returns the objects of the new values with further settings; not ok if those are refused. Recipes that keep names
	// are tried with it; without it the first is taken.
	Try func(further []Setting) (made Objects, ok bool)
}

// Owner is a release that has objects.
type Owner struct{ Release, Namespace string }

// Setting is an argument of Helm's --set, or of --set-string and the like if Kind is string, json, file or literal.
type Setting struct{ Kind, Text string }

// further are the settings of a recipe. A name that would be read as a number, or as true, stays a string.
func further(sets []string) []Setting {
	out := make([]Setting, len(sets))
	for i, text := range sets {
		out[i].Text = text
		if key, value, _ := strings.Cut(text, "="); (strings.HasSuffix(key, "ame") || strings.HasSuffix(key, "Override")) && typed.MatchString(value) {
			out[i].Kind = "string"
		}
	}
	return out
}

// typed matches what --set does not take for a string.
var typed = regexp.MustCompile(`^(0|[1-9][0-9]*|true|false|null)$`)

// Change is an unsafe or impossible change of the release's objects.
type Change struct {
	// Rule is E04, E10 or E11, Severity error or warning.
	Rule, Severity string
	// Values are the keys of the chart's values that may have caused it; {backend} stands for the chosen section.
	Values []string
	// Message says what changes, Recipe what to do.
	Message, Recipe string
	// Kind is the same for changes that differ only in their objects. Effect is that of an error: Refused, Lost or Renamed.
	Kind, Effect string
}

// The effects of an upgrade that should not be made.
const (
	// Refused: Kubernetes or Helm refuses it.
	Refused = "refused"
	// Lost: an object is deleted that leads to the data.
	Lost = "lost"
	// Renamed: another claim takes the place of the one that has the data.
	Renamed = "renamed"
)

// comparison compares the objects of two sets of values.
type comparison struct {
	Upgrade
	table map[string][]field
	// from and to are the objects before and after the upgrade; stored and asked are those of the two manifests, which are
	// the same without a cluster.
	from, to, stored, asked Objects
	found                   []found
}

// found is a change of one object, and of others with the same problem.
type found struct {
	Change
	about  string
	others []string
	recipe recipe
}

// Compare returns the changes that make an upgrade from one set of objects to another impossible or unsafe.
func Compare(from, to Objects, upgrade Upgrade) ([]Change, error) {
	c, err := compare(from, to, upgrade)
	if err != nil {
		return nil, err
	}
	out := make([]Change, 0, len(c.found))
	for _, f := range c.found {
		if len(f.others) > 0 {
			f.Message += " The same applies to " + all(f.others) + "."
		}
		f.Recipe, f.Kind, f.Effect = f.recipe.text(c), fmt.Sprint(f.Rule, " ", f.about, " ", f.recipe.how), f.effect()
		out = append(out, f.Change)
	}
	return out, nil
}

func compare(from, to Objects, upgrade Upgrade) (*comparison, error) {
	c := &comparison{Upgrade: upgrade, from: from, to: to, stored: from, asked: to}
	if c.Live != nil {
		c.from, c.to = c.Live.over(from, to)
		c.stands()
	} else {
		c.foreign()
	}
	if err := yaml.UnmarshalStrict(tableText, &c.table); err != nil {
		return nil, err
	}
	c.existing()
	if c.Earlier != nil {
		c.earlier()
		return c, nil
	}
	c.directory()
	for _, kind := range kinds {
		for _, key := range c.from.keys(kind) {
			old := c.from[kind][key]
			fresh, there := c.to[kind][key]
			switch {
			case !there:
				c.leaves(kind, key, old)
			default:
				if err := c.fields(kind, key, old, fresh); err != nil {
					return nil, err
				}
				c.unkept(kind, key, old, fresh)
			}
			switch {
			case there && kind == claimKind:
				c.size(key, old, fresh)
			case there && kind == volumeKind:
				c.moved(key, old, fresh)
			}
		}
	}
	return c, nil
}

// works reports whether an upgrade with further settings keeps the names, and has no other error than this one has.
func (c *comparison) works(sets ...string) bool {
	if c.Try == nil {
		return true
	}
	made, ok := c.Try(further(sets))
	if !ok {
		return false
	}
	tried, err := compare(c.stored, made, c.Upgrade)
	return err == nil && !slices.ContainsFunc(tried.found, func(f found) bool {
		return f.Severity == "error" && (f.recipe.how == stayNamed || !slices.ContainsFunc(c.found, func(known found) bool { return known.about == f.about }))
	})
}

// effect is what an error does.
func (f found) effect() string {
	switch {
	case f.Severity != "error":
		return ""
	case f.recipe.how == keepFirst && !strings.HasPrefix(f.about, "class"), f.about == "renamed, deleted":
		return Lost
	case f.about == "renamed", f.about == "moved", f.about == "directory", f.about == volumeKind+claimRef:
		return Renamed
	}
	return Refused
}

// stands adds where the cluster differs from the release's manifest.
func (c *comparison) stands() {
	for _, n := range c.Live.foreign {
		c.add("E10", "error", "foreign "+n.kind, identifying, n.key, fmt.Sprintf("%s %s already exists and does not belong to this release: Helm refuses to change it.", n.kind, n.key), recipe{how: look, lines: []paste.Line{whole(n)}})
	}
	for _, n := range c.Live.gone {
		if n.kind == claimKind || n.kind == volumeKind {
			c.add("E10", "warning", "gone "+n.kind, identifying, n.key, fmt.Sprintf("%s %s of the release is not on the cluster: the upgrade recreates it.", n.kind, n.key), recipe{})
		}
	}
	for _, n := range c.Live.unread {
		c.add("E10", "warning", "unread "+n.kind, identifying, n.key, fmt.Sprintf("%s %s may not be read, and is compared as the release's manifest has it.", n.kind, n.key), recipe{})
	}
}

// foreign adds what the values say that others have made, and what the release would make from now on: a claim that a volume
// is reserved for, the volume and the class that a claim names, and the claims of provisioning: existing.
func (c *comparison) foreign() {
	theirs := map[named]string{}
	for _, key := range published(c.from) {
		theirs[named{claimKind, key}] = "claim.existing"
	}
	for _, volume := range c.from[volumeKind] {
		theirs[named{claimKind, reservedFor(volume)}] = "claim.create"
	}
	for _, claim := range c.from[claimKind] {
		theirs[named{volumeKind, Key{Name: volumeName(claim)}}] = "volume.create"
		// The class of a static volume need not exist.
		if volumeName(claim) == "" {
			theirs[named{classKind, Key{Name: className(claim)}}] = "storageClass.create"
		}
	}
	for _, kind := range kinds {
		for _, key := range c.to.keys(kind) {
			cause, used := theirs[named{kind, key}]
			if _, ours := c.from[kind][key]; ours || !used {
				continue
			}
			c.add("E10", "error", "theirs "+kind, []string{cause}, key,
				fmt.Sprintf("%s %s exists already, and the current values do not create it: Helm refuses to take it over, unless an earlier revision of this release has created it.", kind, key),
				recipe{how: look, lines: []paste.Line{whole(named{kind, key})}})
		}
	}
}

// published returns the claims that the ConfigMap of a release names, and the release does not create.
func published(objects Objects) (out []Key) {
	for _, m := range objects.keys(configMapKind) {
		names, _ := get(objects[configMapKind][m], "data.CHECKPOINT_CLAIMS").(string)
		for _, name := range strings.Fields(names) {
			key := Key{m.Namespace, name}
			if _, ours := objects[claimKind][key]; !ours {
				out = append(out, key)
			}
		}
	}
	return out
}

// existing adds the claims of provisioning: existing that the new values no longer name.
func (c *comparison) existing() {
	next := slices.Concat(published(c.to), c.to.keys(claimKind))
	for _, key := range published(c.from) {
		if len(next) > 0 && !slices.Contains(next, key) {
			c.add("E10", "warning", "existing", []string{"claim.existing", "provisioning", "shards", "namespaceOverride"}, key,
				fmt.Sprintf("claim %s is no longer the store's, and its checkpoints stay on it: pods have %s from now on.", key.Name, next[0].Name), recipe{})
		}
	}
}

// whole returns the command that shows an object of the cluster.
func whole(n named) paste.Line {
	if n.key.Namespace == "" {
		return paste.Command("kubectl get %s %s --output yaml", n.kind, n.key.Name)
	}
	return paste.Command("kubectl --namespace %s get %s %s --output yaml", n.key.Namespace, n.kind, n.key.Name)
}

// add records a change of an object, or joins it to a recorded change of the same kind.
func (c *comparison) add(rule, severity, about string, values []string, key Key, message string, r recipe) {
	i := slices.IndexFunc(c.found, func(f found) bool {
		return f.Rule == rule && f.Severity == severity && f.about == about && f.recipe.how == r.how
	})
	if i < 0 {
		c.found = append(c.found, found{Change: Change{Rule: rule, Severity: severity, Values: values, Message: message}, about: about, recipe: r})
		return
	}
	c.found[i].others = append(c.found[i].others, key.Name)
	c.found[i].recipe.join(r)
}

// mostNamed is how many objects a message names.
const mostNamed = 4

// all joins the names of objects in a message.
func all(objects []string) string {
	if len(objects) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(objects[:mostNamed], ", "), len(objects)-mostNamed)
	}
	if last := len(objects) - 1; last > 0 {
		return strings.Join(objects[:last], ", ") + " and " + objects[last]
	}
	return objects[0]
}

// fields compares the immutable fields of two versions of an object.
func (c *comparison) fields(kind string, key Key, old, fresh unstructured.Unstructured) error {
	for _, f := range c.table[kind] {
		before, after, err := f.sides(old, fresh)
		if err != nil {
			return err
		}
		if f.same(before, after) {
			continue
		}
		severity, says := "error", fmt.Sprintf("%s of %s %s cannot change from %s to %s.", f.Path, kind, key.Name, show(before), show(after))
		r := c.repair(kind, key, old, fresh, f.Path)
		switch f.Change {
		case "taken":
			says = fmt.Sprintf("%s of %s %s changes from %s to %s: claim %s loses its volume.", f.Path, kind, key.Name, show(before), show(after), show(before))
		case "once":
			if before == nil {
				continue
			}
		case "restored":
			if after == nil && local(before) {
				continue
			}
		case "bound":
			if _, made := c.to[volumeKind][Key{Name: volumeName(fresh)}]; before == nil && !made {
				severity, r = "warning", seen(key, "")
				says = fmt.Sprintf("%s of %s %s can become %s only if that is the volume that the cluster has bound it to: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after))
			}
		case "set":
			if after != nil {
				c.modified(f, kind, key, old, after)
				continue
			}
			says = fmt.Sprintf("%s of %s %s cannot be removed once it is in effect, from Kubernetes 1.34 on.", f.Path, kind, key.Name)
			r = recipe{how: leave, set: fmt.Sprintf("%s=%v", f.Values[0], before)}
		case "default":
			if before == nil {
				severity, r = "warning", seen(key, "")
				says = fmt.Sprintf("%s of %s %s can become %s only if that is the class that the cluster has assigned: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after))
			}
			if name, named := before.(string); named && after == nil {
				r.set = "storageClassName=" + name
			}
		}
		c.add("E10", severity, kind+f.Path, f.Values, key, says, r)
	}
	return nil
}

// modified adds an attributes class of a claim that changes: unlike a volume's, it can change only if the claim is Bound.
func (c *comparison) modified(f field, kind string, key Key, old unstructured.Unstructured, after any) {
	phase, _ := observed(old)
	if kind != claimKind || phase == string(corev1.ClaimBound) {
		return
	}
	severity := "error"
	if phase == "" {
		severity = "warning"
	}
	c.add("E10", severity, "pending"+f.Path, f.Values, key,
		fmt.Sprintf("%s of %s %s can become %s only if it is Bound: the API server refuses it otherwise.", f.Path, kind, key.Name, show(after)), seen(key, ""))
}

// local reports whether a dataSourceRef has no namespace: the API server also stores it in dataSource, and restores it from
// there.
func local(source any) bool {
	fields, _ := source.(map[string]any)
	return fields["namespace"] == nil
}

// sides returns a field's values before and after, with the API server's defaults.
func (f field) sides(old, fresh unstructured.Unstructured) (before, after any, err error) {
	for object, side := range map[*unstructured.Unstructured]*any{&old: &before, &fresh: &after} {
		if *side, err = f.at(*object); err != nil {
			return nil, nil, err
		}
		if *side == nil {
			*side = f.Default
		}
	}
	return before, after, nil
}

// at returns the value at the field's path. spec.source is a volume's source of any kind, and spec.claimRef only the name and
// namespace: the cluster adds the rest.
func (f field) at(object unstructured.Unstructured) (any, error) {
	switch f.Path {
	case "spec.source":
		v, err := volumeOf(object)
		return v.Spec.PersistentVolumeSource, err
	case "spec.nodeAffinity":
		v, err := volumeOf(object)
		if v.Spec.NodeAffinity == nil {
			return nil, err
		}
		return v.Spec.NodeAffinity, err
	case claimRef:
		return reservedFor(object).String(), nil
	}
	return get(object, f.Path), nil
}

func (f field) same(before, after any) bool {
	switch before := before.(type) {
	case corev1.PersistentVolumeSource:
		after, _ := after.(corev1.PersistentVolumeSource)
		return sameSource(before, after)
	case *corev1.VolumeNodeAffinity:
		after, _ := after.(*corev1.VolumeNodeAffinity)
		return renewed.DeepEqual(after, before)
	}
	return reflect.DeepEqual(before, after)
}

// sameSource compares two sources as the API server does: with its defaults, and allowing a new controllerExpandSecretRef.
func sameSource(before, after corev1.PersistentVolumeSource) bool {
	before, after = *before.DeepCopy(), *after.DeepCopy()
	for _, s := range []*corev1.PersistentVolumeSource{&before, &after} {
		if s.HostPath != nil && s.HostPath.Type == nil {
			unset := corev1.HostPathUnset
			s.HostPath.Type = &unset
		}
		if s.ISCSI != nil && s.ISCSI.ISCSIInterface == "" {
			s.ISCSI.ISCSIInterface = "default"
		}
	}
	if before.CSI != nil && after.CSI != nil && before.CSI.ControllerExpandSecretRef == nil {
		after.CSI.ControllerExpandSecretRef = nil
	}
	return equality.Semantic.DeepEqual(before, after)
}

// renewed compares node affinities (after, before), and allows a beta label to change to its current name.
var renewed = func() (e equalities) {
	e = equality.Semantic.Copy()
	if err := e.AddFunc(func(after, before corev1.NodeSelectorRequirement) bool {
		if now, ok := labelsNow[before.Key]; ok && after.Key == now {
			before.Key = now
		}
		return equality.Semantic.DeepEqual(after, before)
	}); err != nil {
		panic(err) // the function's own form
	}
	return e
}()

type equalities = interface {
	AddFunc(eqFunc any) error
	DeepEqual(a, b any) bool
}

// labelsNow maps beta labels of nodes to their current names.
var labelsNow = map[string]string{
	corev1.LabelFailureDomainBetaZone:   corev1.LabelTopologyZone,
	corev1.LabelFailureDomainBetaRegion: corev1.LabelTopologyRegion,
	corev1.LabelInstanceType:            corev1.LabelInstanceTypeStable,
	"beta.kubernetes.io/os":             corev1.LabelOSStable,
	"beta.kubernetes.io/arch":           corev1.LabelArchStable,
}

func volumeOf(object unstructured.Unstructured) (v corev1.PersistentVolume, err error) {
	if err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &v); err != nil {
		err = fmt.Errorf("PersistentVolume %s of the release: %w", object.GetName(), err)
	}
	return v, err
}

// reservedFor returns the claim in a volume's claimRef.
func reservedFor(volume unstructured.Unstructured) Key {
	namespace, _ := get(volume, "spec.claimRef.namespace").(string)
	name, _ := get(volume, "spec.claimRef.name").(string)
	return Key{namespace, name}
}

// volumeName returns the volume that a claim names; "" if one is provisioned.
func volumeName(claim unstructured.Unstructured) string {
	name, _ := get(claim, "spec.volumeName").(string)
	return name
}

func get(object unstructured.Unstructured, path string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	return value
}

func show(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case string:
		if value != "" {
			return value
		}
	}
	return paste.JSON(value)
}
