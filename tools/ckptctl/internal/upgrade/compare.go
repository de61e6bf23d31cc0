package upgrade

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	"sigs.k8s.io/yaml"
)

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
	// Mounted says what the new values would say of a volume's storage, were it mounted with other options; not ok of what is no
	// volume of theirs. Only needed of a live release, whose values are unknown.
	Mounted func(volume string, options []string) (Place, bool)
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
