package upgrade

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
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
	// set is a setting to keep, where that alone does; lines show the existing objects.
	set   string
	lines []paste.Line
	// where is the storage that the new values name; the others say that a claim or volume belongs to another release.
	where                   placement
	theirClaim, theirVolume bool
}

// how is the kind of a recipe; 0 has no steps.
type how int

const (
	// recreate deletes static claims and volumes, and lets the upgrade recreate them.
	recreate how = iota + 1
	// reclass recreates a class of static volumes, beside creates new claims beside the existing ones.
	reclass
	beside
	// copyFirst has the checkpoints copied, and nothing else.
	copyFirst
	// sameRelease keeps the release.
	sameRelease
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
	r.where, r.theirClaim, r.theirVolume = max(r.where, other.where), r.theirClaim || other.theirClaim, r.theirVolume || other.theirVolume
}

// repair returns the recipe for an immutable field.
func (c *comparison) repair(kind string, key Key, old, fresh unstructured.Unstructured, path string) recipe {
	switch kind {
	case classKind:
		r := recipe{how: beside, class: key.Name}
		for _, k := range c.from.keys(claimKind) {
			if className(c.from[claimKind][k]) != key.Name {
				continue
			}
			r.claims = append(r.claims, k)
			// It names its volume, which a second claim would take from it.
			if volumeName(c.stored[claimKind][k]) != "" {
				r.how = reclass
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
		r.where, _ = c.elsewhere(old, fresh)
		return r
	}
	owner := reservedFor(old)
	r := recipe{how: recreate, claims: []Key{owner}, volumes: []string{key.Name}}
	_, ours := c.from[claimKind][owner]
	r.theirClaim = !ours
	r.where, _ = c.places(old, fresh)
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
		out = append(out, "  "+l.Via(c.Cluster).String())
	}
	return strings.Join(out, "\n")
}

// steps returns the recipe's description and lines. Retain is set before anything is deleted, and the upgrade comes last.
func (r recipe) steps(c *comparison) (string, []paste.Line) {
	switch r.how {
	case recreate:
		return r.recreate(c)
	case reclass:
		return "recreate the class; claims and volumes stay as they are:", []paste.Line{paste.Command("kubectl delete storageclass %s", r.class), c.upgrade()}
	case beside:
		if others := slices.ContainsFunc(c.found, func(f found) bool { return f.Severity == "error" && f.recipe.set != r.set }); r.set != "" && !others && c.works(r.set) {
			return recipe{how: leave, set: r.set}.steps(c)
		}
		return r.beside(c)
	case copyFirst:
		return "copy the checkpoints to where the new values lead, then upgrade, and recreate the pods, which save where they did until then:", []paste.Line{c.upgrade()}
	case sameRelease:
		as := *c
		as.Release, as.Namespace = c.Earlier.Release, c.Earlier.Namespace
		return "leave release and namespace as they are, in the project file too:", []paste.Line{as.upgrade()}
	case stayNamed:
		for _, sets := range r.names(c) {
			if c.works(sets...) {
				return "keep the names, in the values too:", []paste.Line{c.upgrade(sets...)}
			}
		}
		if r.where != same {
			return r.beside(c)
		}
		// The new claim has the same data.
		if slices.ContainsFunc(r.claims, func(k Key) bool { return !kept(c.from[claimKind][k]) }) {
			return recipe{how: keepFirst}.steps(c)
		}
		return "", nil
	case keepFirst:
		if c.Gone {
			return "have Helm keep it before the release goes:", c.first("keep=true")
		}
		return "have Helm keep it first, in a separate upgrade that changes nothing else:", append(c.first("keep=true"), c.upgrade())
	case leave:
		return "leave " + paste.Word(r.set) + ", in the values too:", []paste.Line{c.upgrade(r.set)}
	case expandFirst:
		const expands = "storageClass.allowVolumeExpansion=true"
		return "allow expansion in the class first, in the values too:", append(c.first(expands), c.upgrade(expands))
	case look:
		return "look at what exists first:", r.lines
	}
	return "", nil
}

func (r recipe) recreate(c *comparison) (string, []paste.Line) {
	says := "recreate claim and volume; the data on the storage is kept:"
	switch r.where {
	case alike:
		says = "recreate claim and volume; the data on the storage is kept. Where the other attributes lead elsewhere, copy the checkpoints there first:"
	case other:
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
	says := "create a claim of another name beside this one, in the values too:"
	sets := []string{"keep=true"}
	if len(r.claims) > 0 {
		sets = []string{"claim.name=" + c.base(r.claims[0].Name) + "-2", "keep=true"}
	}
	if r.class != "" {
		sets = append(sets, "storageClass.name="+r.class+"-2")
	}
	if r.how == stayNamed {
		says, sets = "the other changes need a new claim: keep the old one beside it:", nil
	}
	lines := []paste.Line{c.upgrade(sets...)}
	if class, ours := c.from[classKind][Key{Name: r.class}]; ours && !kept(class) || slices.ContainsFunc(r.claims, func(k Key) bool { return !kept(c.from[claimKind][k]) }) {
		lines = slices.Insert(lines, 0, c.first("keep=true")...)
	}
	if len(r.claims) == 0 {
		return "create a class of another name beside this one, in the values too, for the claims that are to have it:", lines
	}
	lines = append(lines, paste.Comment("it starts empty, or filled from its data source, and the old data is kept: copy the checkpoints before a training starts"))
	for _, k := range r.claims {
		lines = append(lines, paste.Command("kubectl --namespace %s get pvc %s", k.Namespace, k.Name))
	}
	return says, lines
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
	if n := number(name); n != "" && c.shards(c.from) > 0 {
		return strings.TrimSuffix(name, "-"+n)
	}
	return name
}

// shards returns the number of shards of a release: that of its ConfigMap, or without one that of its claims, of which a single
// one may also have a name that ends in a number.
func (c *comparison) shards(of Objects) int {
	for _, m := range of[configMapKind] {
		text, _ := get(m, "data.CHECKPOINT_SHARDS").(string)
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	}
	if claims := of.keys(claimKind); len(claims) > 1 {
		return len(claims)
	}
	return 0
}

// names returns the settings that keep the names of claims, volumes and class, each of which may do.
func (r recipe) names(c *comparison) (out [][]string) {
	var more []string
	if _, made := c.from[classKind][Key{Name: r.class}]; made {
		more = append(more, "storageClass.name="+r.class)
	}
	if to := c.to.keys(claimKind); len(to) > 0 && to[0].Namespace != r.claims[0].Namespace {
		more = append(more, "namespaceOverride="+r.claims[0].Namespace)
	}
	named := func(base func(string) string) []string {
		sets := []string{"claim.name=" + base(r.claims[0].Name)}
		if len(r.volumes) > 0 {
			sets = append(sets, "volume.name="+base(r.volumes[0]))
		}
		return append(sets, more...)
	}
	out = append(out, named(c.base))
	if count := fmt.Sprintf("shards=%d", c.shards(c.from)); c.shards(c.from) != c.shards(c.to) {
		out = append(out, []string{count}, append(named(c.base), count))
	}
	// Without the ConfigMap, one claim with a number may be a shard.
	bare := func(name string) string { return strings.TrimSuffix(name, "-"+number(name)) }
	return append(out, named(bare), []string{"shards=1"})
}

// first returns an upgrade that changes only one setting, with the current chart.
func (c *comparison) first(set string) (lines []paste.Line) {
	if c.OldVersion != "" {
		lines = append(lines, paste.Comment("with version %s of the chart, which the release has:", c.OldVersion))
	}
	return append(lines, paste.Command("helm upgrade %s %s --namespace %s --reuse-values --set %s", c.Release, cmp.Or(c.OldChart, c.Chart), c.Namespace, set))
}

// upgrade returns the upgrade with the new values and further settings.
func (c *comparison) upgrade(sets ...string) paste.Line {
	line := paste.Command("helm upgrade %s %s --namespace %s", c.Release, c.Chart, c.Namespace)
	for _, file := range c.Files {
		line = paste.Command("%s --values %s", line, file)
	}
	for _, set := range slices.Concat(c.Settings, further(sets)) {
		if set.Kind == "" {
			line = paste.Command("%s --set %s", line, set.Text)
		} else {
			line = paste.Command("%s --set-%s %s", line, set.Kind, set.Text)
		}
	}
	return line
}
