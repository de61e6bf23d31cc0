package upgrade

import (
	"cmp"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// recipe is the fix for a change, with the objects that it concerns.
type recipe struct {
	how how
	// claims and volumes are those to recreate, or to keep their names.
	claims  []Key
	volumes []string
	class   string
	// set is a setting to keep; lines show the existing objects.
	set   string
	lines []paste.Line
	// moves says that the new values name other storage; the others that a claim or volume belongs to another release.
	moves, theirClaim, theirVolume bool
}

// how is the kind of a recipe; 0 has no steps.
type how int

const (
	// recreate deletes static claims and volumes, and lets the upgrade recreate them.
	recreate how = iota + 1
	// beside creates new claims beside the existing ones.
	beside
	// stayNamed keeps the claims' names; keepFirst sets keep before Helm would delete an object.
	stayNamed
	keepFirst
	// expandFirst sets allowVolumeExpansion first, leave keeps a setting, look shows the existing object.
	expandFirst
	leave
	look
)

func words(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// join adds the objects of another recipe of the same kind: shards are handled together, before the one upgrade.
func (r *recipe) join(other recipe) {
	for _, k := range other.claims {
		if !slices.Contains(r.claims, k) {
			r.claims = append(r.claims, k)
		}
	}
	for _, v := range other.volumes {
		if !slices.Contains(r.volumes, v) {
			r.volumes = append(r.volumes, v)
		}
	}
	for _, line := range other.lines {
		if !slices.Contains(r.lines, line) {
			r.lines = append(r.lines, line)
		}
	}
	r.moves, r.theirClaim, r.theirVolume = r.moves || other.moves, r.theirClaim || other.theirClaim, r.theirVolume || other.theirVolume
}

// repair returns the recipe for an immutable field.
func (c *comparison) repair(kind string, key Key, old, fresh unstructured.Unstructured, path string) recipe {
	switch kind {
	case classKind:
		r := recipe{how: beside, class: key.Name}
		for _, k := range c.from.keys(claimKind) {
			if className(c.from[claimKind][k]) == key.Name {
				r.claims = append(r.claims, k)
			}
		}
		return r
	case claimKind:
		if volumeName(c.stored[claimKind][key]) == "" || volumeName(c.asked[claimKind][key]) == "" || path == "spec.dataSourceRef" || path == "spec.volumeAttributesClassName" {
			return recipe{how: beside, claims: []Key{key}}
		}
		r := recipe{how: recreate, claims: []Key{key}, volumes: words(volumeName(old))}
		_, ours := c.from[volumeKind][Key{Name: volumeName(old)}]
		r.theirVolume = !ours
		r.moves, _ = c.elsewhere(old, fresh)
		return r
	}
	owner := reservedFor(old)
	r := recipe{how: recreate, claims: []Key{owner}, volumes: []string{key.Name}}
	_, ours := c.from[claimKind][owner]
	r.theirClaim = !ours
	same, _ := sameStorage(old, fresh)
	r.moves = !same && path == "spec.source"
	return r
}

// text formats the recipe: what it does, and the lines to paste into a shell.
func (r recipe) text(c *comparison) string {
	says, lines := r.steps(c)
	if len(lines) == 0 {
		return "nothing, if this is intended"
	}
	out := []string{says}
	for _, l := range lines {
		out = append(out, "  "+l.Via(c.Context).String())
	}
	return strings.Join(out, "\n")
}

// steps returns the recipe's description and lines. Retain is set before anything is deleted, and the upgrade comes last.
func (r recipe) steps(c *comparison) (string, []paste.Line) {
	switch r.how {
	case recreate:
		return r.recreate(c)
	case beside:
		return r.beside(c)
	case stayNamed:
		return "keep the names, in the values too:", []paste.Line{c.upgrade(r.names(c)...)}
	case keepFirst:
		if c.Gone {
			return "have Helm keep it before the release goes:", []paste.Line{c.first("keep=true")}
		}
		return "have Helm keep it first, in a separate upgrade that changes nothing else:", []paste.Line{c.first("keep=true"), c.upgrade()}
	case leave:
		return "leave " + paste.Word(r.set) + ", in the values too:", []paste.Line{c.upgrade(r.set)}
	case expandFirst:
		const expands = "storageClass.allowVolumeExpansion=true"
		return "allow expansion in the class first, in the values too:", []paste.Line{
			c.first(expands), c.upgrade(expands),
		}
	case look:
		return "look at what exists first:", r.lines
	}
	return "", nil
}

func (r recipe) recreate(c *comparison) (string, []paste.Line) {
	says := "recreate claim and volume; the data on the storage is kept:"
	if r.moves {
		says = "recreate claim and volume, on the other storage that the new values name: copy the checkpoints there first. The data on the old storage is kept:"
	}
	var lines []paste.Line
	byNamespace := map[string]paste.Words{}
	var namespaces []string
	for _, k := range r.claims {
		if byNamespace[k.Namespace] == nil {
			namespaces = append(namespaces, k.Namespace)
		}
		byNamespace[k.Namespace] = append(byNamespace[k.Namespace], k.Name)
	}
	lines = append(lines, paste.Comment("stop the pods that use it; this lists them:"))
	for _, n := range namespaces {
		lines = append(lines, paste.Command("kubectl --namespace %s describe pvc %s | grep 'Used By'", n, byNamespace[n]))
	}
	lines = append(lines, paste.Command(`kubectl patch pv %s --patch '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`, paste.Words(r.volumes)))
	for _, n := range namespaces {
		lines = append(lines, paste.Command("kubectl --namespace %s delete pvc %s", n, byNamespace[n]))
	}
	if r.theirVolume {
		lines = append(lines, paste.Command(`kubectl patch pv %s --type json --patch '[{"op":"remove","path":"/spec/claimRef/uid"}]'`, paste.Words(r.volumes)))
	} else {
		lines = append(lines, paste.Command("kubectl delete pv %s", paste.Words(r.volumes)))
	}
	lines = append(lines, c.upgrade())
	if r.theirClaim {
		lines = append(lines, paste.Comment("the claim belongs to another release: recreate it by an upgrade of that release with its current values"))
	}
	return says, lines
}

func (r recipe) beside(c *comparison) (string, []paste.Line) {
	sets := []string{"keep=true"}
	if len(r.claims) > 0 {
		sets = []string{"claim.name=" + c.base(r.claims[0].Name) + "-2", "keep=true"}
	}
	if r.class != "" {
		sets = append(sets, "storageClass.name="+r.class+"-2")
	}
	lines := []paste.Line{c.upgrade(sets...)}
	if slices.ContainsFunc(r.claims, func(k Key) bool { return !kept(c.from[claimKind][k]) }) {
		lines = slices.Insert(lines, 0, c.first("keep=true"))
	}
	lines = append(lines, paste.Comment("it starts empty, or filled from its data source, and the old data is kept: copy the checkpoints before a training starts"))
	for _, k := range r.claims {
		lines = append(lines, paste.Command("kubectl --namespace %s get pvc %s", k.Namespace, k.Name))
	}
	return "create a claim of another name beside this one, in the values too:", lines
}

// seen returns a recipe that shows a claim, and whether its class allows expansion.
func seen(claim Key, class string) recipe {
	lines := []paste.Line{paste.Command("kubectl --namespace %s get pvc %s", claim.Namespace, claim.Name)}
	if class != "" {
		lines = append(lines, paste.Command("kubectl get storageclass %s --output jsonpath='{.allowVolumeExpansion}'", class))
	}
	return recipe{how: look, lines: lines}
}

// base returns the name in the values of an object of the current release: without a shard's number.
func (c *comparison) base(name string) string {
	shards := len(c.from[claimKind]) > 1
	for _, m := range c.from[configMapKind] {
		shards = get(m, "data.CHECKPOINT_SHARDS") != "0"
	}
	if n := number(name); n != "" && shards {
		return strings.TrimSuffix(name, "-"+n)
	}
	return name
}

// names returns the settings that keep the names of claims, volumes and class.
func (r recipe) names(c *comparison) []string {
	sets := []string{"claim.name=" + c.base(r.claims[0].Name)}
	if len(r.volumes) > 0 {
		sets = append(sets, "volume.name="+c.base(r.volumes[0]))
	}
	if _, made := c.from[classKind][Key{Name: r.class}]; made {
		sets = append(sets, "storageClass.name="+r.class)
	}
	if to := c.to.keys(claimKind); len(to) > 0 && to[0].Namespace != r.claims[0].Namespace {
		sets = append(sets, "namespaceOverride="+r.claims[0].Namespace)
	}
	return sets
}

// first returns an upgrade that changes only one setting, with the current chart.
func (c *comparison) first(set string) paste.Line {
	return paste.Command("helm upgrade %s %s --namespace %s --reuse-values --set %s", c.Release, cmp.Or(c.OldChart, c.Chart), c.Namespace, set)
}

// upgrade returns the upgrade with the new values and further settings.
func (c *comparison) upgrade(sets ...string) paste.Line {
	line := paste.Command("helm upgrade %s %s --namespace %s", c.Release, c.Chart, c.Namespace)
	for _, file := range c.Files {
		line = paste.Command("%s --values %s", line, file)
	}
	for _, set := range slices.Concat(c.Set, sets) {
		line = paste.Command("%s --set %s", line, set)
	}
	return line
}
