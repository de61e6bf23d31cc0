package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/check"

	"sigs.k8s.io/yaml"
)

// explainBackend prints a backend's capabilities, keys, rules and an example.
func explainBackend(out io.Writer, b catalog.Backend, known check.Catalog) error {
	fmt.Fprintf(out, "%s: %s (%s)\n\n%s\n\n", b.Name, b.Title, b.Family, b.Description)
	for _, place := range slices.Sorted(maps.Keys(b.Places)) {
		fmt.Fprintf(out, "On %s: %s\n  %s\n\n", place, b.Places[place].Says, b.Places[place].Source)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	abilities(w, b)
	operations(w, b.Capabilities.Semantics, known.Frameworks)
	fmt.Fprintf(w, "\nsource\t%s\n", b.Source)
	for _, fact := range slices.Sorted(maps.Keys(b.Sources)) {
		fmt.Fprintf(w, "  of %s\t%s\n", fact, b.Sources[fact])
	}
	fmt.Fprintf(w, "\nkeys of %s:\n", b.Name)
	for _, key := range b.Keys() {
		note := b.Note(key)
		if note == "" && slices.Contains(b.Schema.ClassRequired, key) {
			note = "required for a class"
		}
		fmt.Fprintf(w, "  %s\t%s\t%v\t%s\n", key, note, b.Schema.Properties[key]["description"], strings.Join(b.MappedTo(key), ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, c := range b.Rules {
		fmt.Fprintf(out, "\n%s %s: %s\n  fix: %s\n", c.Rule, c.Path, c.Message, c.Fix)
	}
	text, err := yaml.Marshal(b.ExampleDocument())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nexample:\n\n%s", text)
	return nil
}

// verified says what has agreed with a backend's facts.
func verified(b catalog.Backend) string {
	switch {
	case len(b.Mounted) > 0:
		return "mounted in the tests"
	case b.Judged():
		return "judged by the driver, " + b.Verdict.Driver + ", on " + b.Verdict.Date
	}
	return "read, not judged"
}

func abilities(w io.Writer, b catalog.Backend) {
	c := b.Capabilities
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	row("driver", c.Driver)
	row("verified", verified(b))
	row("provisioning", strings.Join(c.Ways(), ", "))
	row("not static", c.WhyNotStatic)
	row("not dynamic", c.WhyNotDynamic)
	for _, volumeMode := range []string{"Filesystem", "Block"} {
		list := strings.Join(c.AccessModes[volumeMode], ", ")
		if list == "" {
			list = "no"
		}
		row(volumeMode, list)
	}
	mountOptions(w, c.MountOptions)
	row("read-only", held(c.ReadOnly))
	if c.Size != nil {
		for _, limit := range []struct{ name, value string }{{"smallest", c.Size.Minimum}, {"largest", c.Size.Maximum}, {"in steps of", c.Size.Step}} {
			row(limit.name, limit.value)
		}
	}
	row("a claim may", fmt.Sprintf("expand: %s, be snapshotted: %s, be copied: %s, be modified: %s", c.Expansion, c.Snapshot, c.Clone, c.Modify))
	row("volume statistics", c.Measured())
	row("attached", c.Attach.String())
	policy := c.FSGroup
	if policy == "" {
		policy = string(catalog.Unknown)
	}
	if c.MountGroup {
		policy += "; the driver mounts with the pod's fsGroup"
	}
	row("fsGroup policy", policy)
	row("pod information", c.PodInfo.String())
	row("node labels", strings.Join(c.TopologyKeys, ", "))
	row("class binds", c.BindingMode)
	for _, need := range []struct {
		name string
		all  map[string]string
	}{{"pod annotations", c.Pod.Annotations}, {"pod labels", c.Pod.Labels}} {
		for _, key := range slices.Sorted(maps.Keys(need.all)) {
			row(need.name, key+": "+need.all[key])
		}
	}
}

func mountOptions(w io.Writer, m catalog.MountOptions) {
	list := func(options []string) string {
		if len(options) == 0 {
			return "none"
		}
		return strings.Join(options, ",")
	}
	if !m.Supported {
		fmt.Fprintln(w, "mount options\trefused by kubelet")
		return
	}
	if m.By == "" {
		fmt.Fprintf(w, "mount options\t%s\n", list(m.Default))
	}
	for _, value := range slices.Sorted(maps.Keys(m.For)) {
		fmt.Fprintf(w, "mount options\twith %s %s: %s\n", m.By, value, list(m.For[value]))
	}
	for _, option := range slices.Sorted(maps.Keys(m.Needed)) {
		fmt.Fprintf(w, "\t%s is needed: %s\n", option, m.Needed[option].Why)
	}
	if m.Source != "" {
		fmt.Fprintf(w, "\t%s\n", m.Source)
	}
}

// held says what enforces readOnly for pods that do not mount the claim read-only themselves.
func held(r catalog.ReadOnly) string {
	var by []string
	for _, o := range r.Options {
		if option := "mount option " + o.Option; !slices.Contains(by, option) {
			by = append(by, option)
		}
	}
	if r.Mode {
		by = append(by, "ReadOnlyMany alone")
	}
	if r.Attach == catalog.Yes {
		by = append(by, "readOnly of the volume's source")
	}
	if len(by) == 0 {
		return "only for pods that ask for it, as those of the chart's templates do"
	}
	return "by " + strings.Join(by, ", or ")
}

// operations prints the operations that a file system on the storage supports, and the condition for them.
func operations(w io.Writer, s catalog.Semantics, frameworks catalog.Frameworks) {
	fmt.Fprintf(w, "\nwhat its file system can do:\t%s\n", s.Source)
	if s.Measured != nil {
		fmt.Fprintf(w, "tried on a mount by %s of %s, %s\n", s.Measured.Client, s.Measured.Server, s.Measured.Date)
	}
	if key, value, ok := s.When.Key(); ok {
		fmt.Fprintf(w, "where %s is %v; otherwise nothing is known\n", key, value)
	}
	for _, o := range frameworks.Operations {
		note := ""
		if s.Notes[o.Name] != "" {
			note = ": " + s.Notes[o.Name]
		}
		fmt.Fprintf(w, "  %s\t%s%s\n", o.Name, s.Does(o.Name), note)
	}
}
