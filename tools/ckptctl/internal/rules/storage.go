package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"checkpoint-storage/tools/catalog"
	"checkpoint-storage/tools/ckptctl/internal/identity"
	"checkpoint-storage/tools/ckptctl/internal/names"
)

// Place is what a static store takes up.
type Place struct {
	// Storages are its storage, or that of each shard; none where it is named after the volume.
	Storages []identity.Storage
	// ReadOnly says that pods only read it, and Exclusive that one node at a time may have it.
	ReadOnly, Exclusive bool
	// NodeBound says that the storage is a node's own: no other cluster can have it.
	NodeBound bool
	// Apart is the path of the values that sets the store apart from others on the same storage; "" where none does.
	Apart string
	// Nconnect is the mount option of this name, and Server what it is for; "" where there is none.
	Nconnect, Server string
}

// Place says what the storage of a static store takes up.
func (r *RuleSet) Place(values map[string]any, named names.Names) Place {
	name, _ := values["backend"].(string)
	known, err := r.backend(name)
	if err != nil || known == nil || values["provisioning"] != "static" {
		return Place{}
	}
	j := &judge{rules: r, values: values, backend: known, names: named}
	out := Place{NodeBound: known.NodeBound, Exclusive: j.exclusive()}
	by, _ := j.onlyReads(j.sectionOf(-1))
	out.ReadOnly = len(by) > 0
	if key := known.Identity.Directory(); key != "" {
		out.Apart = name + "." + key
	}
	for _, shard := range j.each() {
		if storage, ok := j.storage(shard); ok {
			out.Storages = append(out.Storages, storage)
		}
	}
	_, mounted := j.mountOptions(j.sectionOf(-1))
	for _, option := range mounted {
		if text, ok := option.(string); ok && strings.HasPrefix(text, "nconnect=") && len(out.Storages) > 0 {
			out.Server, out.Nconnect = strings.Join(out.Storages[0].Places, " "), text
		}
	}
	return out
}

// Storage says what one shard's data lies on, names.Whole of a store without shards; not ok where the values do not say it.
// Of a driver that the user names, it is unknown which of its attributes say where the data is.
func (r *RuleSet) Storage(values map[string]any, named names.Names, shard int) (storage identity.Storage, ok bool) {
	name, _ := values["backend"].(string)
	known, err := r.backend(name)
	if err != nil || known == nil || values["provisioning"] != "static" || known.Driver == "" && known.Kind == "" {
		return identity.Storage{}, false
	}
	return (&judge{rules: r, values: values, backend: known, names: named}).storage(shard)
}

// Mounted says what the same shard's data would lie on if its volume were mounted with other options: keys of the section that
// stand for options are read from these.
func (r *RuleSet) Mounted(values map[string]any, named names.Names, shard int, options []string) (storage identity.Storage, ok bool) {
	name, _ := values["backend"].(string)
	known, err := r.backend(name)
	if err != nil || known == nil {
		return identity.Storage{}, false
	}
	unmapped := func(section any) any {
		keys, is := section.(map[string]any)
		if !is {
			return section
		}
		keys = maps.Clone(keys)
		maps.DeleteFunc(keys, func(key string, _ any) bool { return known.options[key] != nil })
		return keys
	}
	values = maps.Clone(values)
	values[name] = unmapped(values[name])
	var overrides []any
	for _, each := range items(values["shardOverrides"]) {
		if override, is := each.(map[string]any); is {
			override = maps.Clone(override)
			override["source"] = unmapped(override["source"])
			each = override
		}
		overrides = append(overrides, each)
	}
	values["shardOverrides"] = overrides
	mounted := make([]any, len(options))
	for i, option := range options {
		mounted[i] = option
	}
	values["mountOptions"] = mounted
	return r.Storage(values, named, shard)
}

// Options are what a shard's volume is mounted with.
func (r *RuleSet) Options(values map[string]any, shard int) (out []string) {
	name, _ := values["backend"].(string)
	known, err := r.backend(name)
	if err != nil || known == nil {
		return nil
	}
	j := &judge{rules: r, values: values, backend: known}
	_, mounted := j.mountOptions(j.sectionOf(shard))
	for _, option := range mounted {
		out = append(out, fmt.Sprint(option))
	}
	return out
}

// Leads are those of a volume's mount options that say where its data is.
func (r *RuleSet) Leads(name string, options []string) (out []string) {
	known, err := r.backend(name)
	if err != nil || known == nil {
		return nil
	}
	for _, option := range options {
		for _, key := range known.Identity {
			if _, is := optionValue(known.options[key.Key], []any{option}); is || known.HostKeys[key.Key].PortOption && strings.HasPrefix(option, "port=") {
				out = append(out, option)
				break
			}
		}
	}
	return out
}

// besideKeys looks for options that say another thing than the key of the section that stands for them. Of options that reach
// the mount one by one, a condition says so.
func (j *judge) besideKeys(shard int) {
	section := j.sectionOf(shard)
	given, _ := j.mountOptions(section)
	here := j.values["provisioning"] == "static" || j.values["provisioning"] == "dynamic" && j.section("storageClass")["create"] == true
	if !here || !j.backend.MountOptionsVerbatim {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(j.backend.options)) {
		for _, option := range given {
			said, is := optionValue(j.backend.options[key], []any{option})
			if is && !empty(section[key]) && said != text([]any{section[key]}) {
				j.report("W30", "besideKey", "mountOptions", map[string]any{"option": option, "key": j.backend.Name + "." + key})
			}
		}
	}
}

// optionValue is what the last of the mount options says that a key of the section stands for.
func optionValue(form any, mounted []any) (value string, ok bool) {
	text, _ := form.(string)
	word, isForm := strings.CutSuffix(text, "{}")
	if !isForm {
		return "", false
	}
	// A driver's own mounter takes a space for =, and some a colon.
	word = strings.TrimRight(strings.TrimLeft(word, "-"), " =")
	for _, option := range mounted {
		after, is := strings.CutPrefix(strings.TrimLeft(fmt.Sprint(option), "-"), word)
		if is && after != "" && strings.ContainsRune(" =:", rune(after[0])) {
			value, ok = strings.TrimSpace(after[1:]), true
		}
	}
	return value, ok
}

// FreeHandle says that the driver of a backend takes any text as a volume's handle, and finds the data by its attributes.
func (r *RuleSet) FreeHandle(name string) bool {
	known, err := r.backend(name)
	return err == nil && known != nil && known.Driver != "" && len(known.Identity) > 0 &&
		!slices.Contains(known.Hooks, "handle") && !slices.Contains(known.Hooks, "source")
}

// exclusive says that one node at a time may have the storage: a device, or a volume that is attached to one.
func (j *judge) exclusive() bool {
	volumeMode := fmt.Sprint(j.values["volumeMode"])
	if volumeMode == "Block" || j.backend.Identity.Directory() != "" {
		return volumeMode == "Block"
	}
	alone := !slices.ContainsFunc(items(j.values["accessModes"]), func(mode any) bool { return mode == "ReadWriteMany" || mode == "ReadOnlyMany" })
	return !slices.Contains(j.backend.AccessModes[volumeMode], "ReadWriteMany") || alone && j.backend.Attach == catalog.Yes
}

// storage is what a shard's data lies on; not ok where the storage is named after the volume, because volumes have names
// of their own. The chart's template checkpoint-storage.identity says the same.
func (j *judge) storage(shard int) (storage identity.Storage, ok bool) {
	section := j.sectionOf(shard)
	storage.Kind = j.backend.Kind
	if storage.Kind == "" {
		storage.Kind = j.backend.Driver
	}
	_, mounted := j.mountOptions(section)
	var steps []string
	for _, key := range j.backend.Identity {
		value := section[key.Key]
		if said, is := optionValue(j.backend.options[key.Key], mounted); is {
			value = said
		}
		list, several := value.([]any)
		if ok = ok || value != nil; !several {
			list = []any{value}
		}
		switch {
		case key.As == "directory" || key.As == "folder":
			if value == nil {
				value = ""
			}
			if steps = append(steps, fmt.Sprint(value)); key.As == "folder" {
				steps[len(steps)-1] = strings.ToLower(steps[len(steps)-1])
			}
		case key.As == "secret":
			ref, _ := value.(map[string]any)
			storage.Words = append(storage.Words, first(ref["namespace"], j.names.Namespace)+"/"+first(ref["name"], ""))
		case key.Key == "driver" && j.backend.Driver == "":
			storage.Kind = fmt.Sprint(value)
		case value == nil && (key.As == "host" || key.As == "nid"):
		case key.As == "host":
			for _, item := range list {
				storage.Places = append(storage.Places, identity.Host(fmt.Sprint(item), j.port(key, mounted)))
			}
		case key.As == "nid":
			for _, item := range list {
				storage.Places = append(storage.Places, identity.NIDs(fmt.Sprint(item))...)
			}
		case several && key.As == "name":
			for _, item := range list {
				storage.Places = append(storage.Places, strings.ToLower(fmt.Sprint(item)))
			}
		default:
			word := ""
			if value != nil {
				word = text(list)
			}
			if key.As == "name" {
				word = strings.ToLower(word)
			}
			storage.Words = append(storage.Words, word)
		}
	}
	slices.Sort(storage.Places)
	if steps != nil {
		storage.Directory = identity.Directory(steps...)
	}
	// One path on two nodes is two directories, unless both mount the same there.
	if j.backend.NodeBound && section["sharedMount"] != true || slices.ContainsFunc(storage.Places, identity.Loopback) {
		storage.Nodes = nodes(j.affinity(shard))
	}
	if shard < 0 && storage.Numbered() {
		storage.Shards = number(j.values["shards"])
	}
	return storage, ok
}

// port is the port of a host that names none: that of the mount options, where those can say so.
func (j *judge) port(key catalog.IdentityKey, mounted []any) int {
	if !j.backend.HostKeys[key.Key].PortOption {
		return key.Port
	}
	port := key.Port
	for _, option := range mounted {
		var own int
		if n, err := fmt.Sscanf(fmt.Sprint(option), "port=%d", &own); n == 1 && err == nil {
			port = own
		}
	}
	return port
}

// nodes are those that an affinity names by its labels.
func nodes(affinity any) identity.Nodes {
	required, _ := affinity.(map[string]any)
	required, _ = required["required"].(map[string]any)
	var out identity.Nodes
	for _, term := range items(required["nodeSelectorTerms"]) {
		term, _ := term.(map[string]any)
		labels := map[string][]string{}
		requirements := slices.Concat(items(term["matchExpressions"]), items(term["matchFields"]))
		for _, requirement := range requirements {
			requirement, _ := requirement.(map[string]any)
			if key, _ := requirement["key"].(string); requirement["operator"] == "In" {
				labels[key] = strings.Split(text(items(requirement["values"])), "\n")
			}
		}
		// A term that is empty holds for no node.
		if len(requirements) > 0 {
			out = append(out, labels)
		}
	}
	return out
}

// text are the values of a list in their order, a line each.
func text(list []any) string {
	words := make([]string, len(list))
	for i, item := range list {
		if number, ok := toFloat(item); ok {
			item = int64(number)
		}
		words[i] = fmt.Sprint(item)
	}
	slices.Sort(words)
	return strings.Join(words, "\n")
}

func first(value any, otherwise string) string {
	if text, ok := value.(string); ok && text != "" {
		return text
	}
	return otherwise
}
