// Package catalog reads what the chart's backend folders say of themselves.
package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// Families are the groups that backends are listed in, in this order.
var Families = []string{
	"Kubernetes", "AWS", "Google Cloud", "Azure", "Oracle Cloud", "IBM Cloud", "Alibaba Cloud", "Other clouds",
	"OpenStack and vSphere", "NFS and SMB", "Parallel file systems", "Object stores and caches", "Block storage", "Node disks",
}

// Root is the folder of the backends inside the chart.
const Root = "templates/backends"

// SchemaFile is what a backend's folder says of the backend.
const SchemaFile = "_schema.yaml"

// Place is what to know of a backend in one place, and where that is documented.
type Place struct {
	Says   string `json:"says"`
	Source string `json:"source"`
}

// Backend is one storage backend, as its folder describes it.
type Backend struct {
	// Name is the folder's name, the value of `backend`, and the key of the section.
	Name string `json:"name"`
	// Family groups backends for readers: one of Families.
	Family string `json:"family"`
	// Title says in a few words what the storage is.
	Title string `json:"title"`
	// Description says in a sentence or two when to choose it.
	Description string `json:"description"`
	// Source is where the facts of this backend are documented, unless Sources says another place.
	Source string `json:"source"`
	// Places is what to know of where it runs, by the place: a kind of cluster, or of node.
	Places map[string]Place `json:"places,omitempty"`
	// Sources is where single facts are documented, by the fact's name in Capabilities.
	Sources map[string]string `json:"sources,omitempty"`
	// Capabilities is what the storage can do.
	Capabilities Capabilities `json:"capabilities"`
	// Rules are what only this backend asks of the values.
	Rules []Case `json:"rules,omitempty"`
	// Schema describes the section's keys.
	Schema Schema `json:"schema"`
	// Example is a minimal section.
	Example map[string]any `json:"example"`
	// ExampleValues are further values that the minimal example needs.
	ExampleValues map[string]any `json:"exampleValues,omitempty"`
	// Verdict is what the backend's own driver answered; nil where none was asked.
	Verdict *Verdict `json:"-"`
	// Mounted are the values files of testdata with which the install tests mount the real storage.
	Mounted []string `json:"-"`
	// Hooks are the templates that the folder has, for what data does not say.
	Hooks []string `json:"hooks,omitempty"`
	// classHookKeys are the keys of the section that the hooks of a class read.
	classHookKeys map[string]bool
}

// Capabilities says what a backend can do; templates, tool, tests and documentation read it here and nowhere else.
type Capabilities struct {
	// Driver is the CSI driver or the provisioner; empty where the values name it.
	Driver string `json:"driver"`
	// Provisioning lists static, dynamic, both or none; existing claims can always be used.
	Provisioning []string `json:"provisioning"`
	// WhyNotStatic and WhyNotDynamic say what to do instead of the provisioning that is missing.
	WhyNotStatic  string `json:"whyNotStatic,omitempty"`
	WhyNotDynamic string `json:"whyNotDynamic,omitempty"`
	// AccessModes lists, for each volume mode, the access modes that work.
	AccessModes map[string][]string `json:"accessModes"`
	// MountOptions says whether the kubelet takes any, and which suit checkpoints.
	MountOptions MountOptions `json:"mountOptions"`
	// ReadOnly is what keeps pods from writing to a volume that is only to be read.
	ReadOnly ReadOnly `json:"readOnly"`
	// VolumeAttributesClass says whether Kubernetes takes such a class on the volume.
	VolumeAttributesClass bool `json:"volumeAttributesClass"`
	// NodeBound says that the storage is one node's own.
	NodeBound bool `json:"nodeBound,omitempty"`
	// Attach, FSGroup and PodInfo are what the driver's CSIDriver object says: attachRequired, fsGroupPolicy (File, None
	// or ReadWriteOnceWithFSType) and podInfoOnMount. FSGroup is None too where kubelet leaves ownership alone.
	Attach  Support `json:"attach"`
	FSGroup string  `json:"fsGroup"`
	// MountGroup says that the driver itself mounts the volume with the pod's fsGroup (VOLUME_MOUNT_GROUP): the kubelet
	// hands it over whatever the policy, and changes no file.
	MountGroup bool    `json:"mountGroup,omitempty"`
	PodInfo    Support `json:"podInfo"`
	// Expansion, Snapshot, Clone and Modify are about a claim that exists: may it grow, be snapshotted, be copied, get another
	// volume attributes class?
	Expansion Support `json:"expansion"`
	Snapshot  Support `json:"snapshot"`
	Clone     Support `json:"clone"`
	Modify    Support `json:"modify"`
	// VolumeStats says whether the kubelet measures a file system on the storage (kubelet_volume_stats_*), and
	// VolumeStatsNeeds what that takes where it is not so by itself.
	VolumeStats      Support `json:"volumeStats"`
	VolumeStatsNeeds string  `json:"volumeStatsNeeds,omitempty"`
	// Size limits what may be asked for; nil where the number is not looked at.
	Size *Size `json:"size,omitempty"`
	// TopologyKeys are the node labels that a static volume's node affinity has to name.
	TopologyKeys []string `json:"topologyKeys,omitempty"`
	// BindingMode is the volumeBindingMode of a class that the values give none: WaitForFirstConsumer where a volume has
	// to be made near its pod.
	BindingMode string `json:"bindingMode,omitempty"`
	// Pod is what a pod needs besides the claim.
	Pod Pod `json:"pod"`
	// Semantics is what a file system on the storage does for those who save to it.
	Semantics Semantics `json:"semantics"`
}

// Pod is what a pod needs to mount a claim.
type Pod struct {
	Annotations map[string]string `json:"annotations,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
}

// MountOptions are the options that a volume is mounted with.
type MountOptions struct {
	Supported bool     `json:"supported"`
	Default   []string `json:"default,omitempty"`
	// Type is what the volume is mounted as, where that is one of nfs, cifs, lustre, gcsfuse, blobfuse, mountpoint and disk, the
	// file systems of a block device: E33 knows options of each.
	Type string `json:"type,omitempty"`
	// TypeFor is the type for each value of By, where it depends on that.
	TypeFor map[string]string `json:"typeFor,omitempty"`
	// Ignored says that the driver takes them and passes none on to the mount.
	Ignored bool `json:"ignored,omitempty"`
	// By is the key of the section whose value picks a list of For instead of Default.
	By  string              `json:"by,omitempty"`
	For map[string][]string `json:"for,omitempty"`
	// Verbatim says that the driver starts a program with the items as its arguments: they are none of mount -o.
	Verbatim bool `json:"verbatim,omitempty"`
	// Needed are options that a list of the user's own may not leave out, by the option as mount -o would have it.
	Needed map[string]NeededOption `json:"needed,omitempty"`
	Source string                  `json:"source,omitempty"`
}

// NeededOption says what depends on a mount option.
type NeededOption struct {
	// Operation is what a file system can do with it alone; a framework that needs that is refused without.
	Operation string `json:"operation,omitempty"`
	// Why says what happens without it.
	Why string `json:"why"`
}

// ReadOnly is what keeps a pod from writing that mounts the claim without asking for a read-only mount itself; all of it
// is empty where nothing does.
type ReadOnly struct {
	// Options mount the file system itself read-only; the first whose condition holds is the one. An option that only
	// reaches a bind mount does not count, because container runtimes take it off again.
	Options []ReadOnlyOption `json:"options,omitempty"`
	// Attach says whether the readOnly of the volume's source, which reaches the driver on attach, keeps pods from writing.
	// It is empty if it does not reach the driver, and Unknown if it may.
	Attach Support `json:"attach,omitempty"`
	// Mode says that the driver mounts the file system read-only for ReadOnlyMany alone.
	Mode   bool   `json:"mode,omitempty"`
	Source string `json:"source,omitempty"`
}

// ReadOnlyOption is a mount option, with the condition of the values under which the driver takes it; nil where always.
type ReadOnlyOption struct {
	Option string    `json:"option"`
	When   Condition `json:"when,omitempty"`
}

// Schema is the JSON schema of a section, with what a section needs for each kind of provisioning.
type Schema struct {
	Properties map[string]map[string]any `json:"properties"`
	// Identity are the keys that tell one volume from another, in the order in which directories lie in each other.
	Identity Identity `json:"identity"`
	// Kind names the storage where several backends reach the same; empty where it is the driver's alone.
	Kind string `json:"kind,omitempty"`
	// Forms are how the keys of the section make up what the driver is given: its handle, under "handle", and the attributes
	// and parameters that hooks write, by their names. See Form.
	Forms map[string][]Form `json:"forms,omitempty"`
	// Required are the keys that a static volume needs.
	Required []string `json:"required,omitempty"`
	// ClassRequired are the keys that a StorageClass made by the chart needs.
	ClassRequired []string `json:"classRequired,omitempty"`
	// AlsoRequired and ClassAlsoRequired are keys that rules ask for besides, with what makes each needless; "" where
	// nothing does. Rules decide it; these are for who fills in a section.
	AlsoRequired      map[string]string `json:"alsoRequired,omitempty"`
	ClassAlsoRequired map[string]string `json:"classAlsoRequired,omitempty"`
}

// Block is what a section has to have for one way to make the volume.
type Block struct {
	// Title says which way.
	Title string
	// Class says that volumes are made by a StorageClass of the chart.
	Class bool
	Keys  []string
	// Unless says of some keys what makes them needless.
	Unless map[string]string
}

func block(title string, class bool, required []string, unless map[string]string) Block {
	return Block{title, class, slices.Concat(required, slices.Sorted(maps.Keys(unless))), unless}
}

// Blocks are the ways to fill in the section, one for all ways that need the same.
func (b Backend) Blocks() []Block {
	s := b.Schema
	static := block("Required of a static volume:", false, s.Required, s.AlsoRequired)
	class := block("Required for new volumes (provisioning: dynamic, storageClass.create: true):", true, s.ClassRequired, s.ClassAlsoRequired)
	serves := b.Capabilities.Serves
	same := slices.Equal(slices.Sorted(slices.Values(static.Keys)), slices.Sorted(slices.Values(class.Keys)))
	switch {
	case len(static.Keys) == 0 && len(class.Keys) == 0:
		return []Block{{Title: "Nothing is required:", Class: !serves("static")}}
	case !serves("static"):
		class.Title = "Required:"
		return []Block{class}
	case !serves("dynamic") || same:
		static.Title = "Required:"
		return []Block{static}
	case len(class.Keys) == 0:
		static.Title = "Required of a static volume; new ones (provisioning: dynamic) need nothing:"
		return []Block{static}
	}
	return []Block{static, class}
}

// Identity are the keys that identify a volume's storage.
type Identity []IdentityKey

// IdentityKey is one of these keys.
type IdentityKey struct {
	Key string `json:"key"`
	// As says when two values are the same, one of IdentityKinds; empty where they have to be spelled alike. Where several
	// keys are hosts, or one is a list, one in common is enough: they lead to the same place.
	As string `json:"as,omitempty"`
	// Port is what a host's address means when it has none; 0 where none belongs to it.
	Port int `json:"port,omitempty"`
}

// IdentityKinds are what an identity's key can be compared as:
//
//	directory  a path; slashes too many mean nothing, and one may lie in another
//	folder     a directory whose letters may be upper or lower case
//	host       a name, whose letters may be so too, or an address, perhaps with a port
//	name       a word whose letters may be so too
//	nid        addresses of Lustre servers, with commas between them
//	secret     a secret, in the release's namespace unless it names one
var IdentityKinds = []string{"", "directory", "folder", "host", "name", "nid", "secret"}

// Directory is the last key of the identity that is a directory, which keeps stores on one storage apart; "" where none is.
func (i Identity) Directory() string {
	for _, key := range slices.Backward(i) {
		if key.As == "directory" || key.As == "folder" {
			return key.Key
		}
	}
	return ""
}

// Defaults returns the values that the section's keys have when they are left out.
func (b Backend) Defaults() map[string]any {
	defaults := map[string]any{}
	for key, property := range b.Schema.Properties {
		if value, ok := property["default"]; ok {
			defaults[key] = value
		}
	}
	return defaults
}

// ExampleDocument returns the minimal example as a values document.
func (b Backend) ExampleDocument() map[string]any {
	out := map[string]any{"backend": b.Name, b.Name: b.Example}
	maps.Copy(out, b.ExampleValues)
	return out
}

// Keys are the section's keys, the required ones first.
func (b Backend) Keys() []string {
	var rest []string
	for key := range b.Schema.Properties {
		if !slices.Contains(b.Schema.Required, key) {
			rest = append(rest, key)
		}
	}
	sort.Strings(rest)
	return append(append([]string{}, b.Schema.Required...), rest...)
}

// Note says in a word whether a key is required, or what it is when left out.
func (b Backend) Note(key string) string {
	if slices.Contains(b.Schema.Required, key) {
		return "required"
	}
	if value, ok := b.Schema.Properties[key]["default"]; ok {
		return fmt.Sprintf("default %v", value)
	}
	return ""
}

// ShortMode is an access mode as kubectl abbreviates it.
func ShortMode(mode string) string {
	switch mode {
	case "ReadWriteOnce":
		return "RWO"
	case "ReadWriteOncePod":
		return "RWOP"
	case "ReadOnlyMany":
		return "ROX"
	case "ReadWriteMany":
		return "RWX"
	}
	return mode
}

// ExampleOf returns an example of a required key, as JSON.
func (b Backend) ExampleOf(key string) string {
	shown, _ := b.Schema.Properties[key]["examples"].([]any)
	if len(shown) == 0 {
		return ""
	}
	text, err := json.Marshal(shown[0])
	if err != nil {
		return ""
	}
	return string(text)
}

// Serves says whether the backend has the provisioning.
func (c Capabilities) Serves(provisioning string) bool {
	for _, p := range c.Provisioning {
		if p == provisioning {
			return true
		}
	}
	return false
}

// Load reads every backend folder of a chart, sorted by name.
func Load(chart fs.FS) ([]Backend, error) {
	folders, err := fs.ReadDir(chart, Root)
	if err != nil {
		return nil, err
	}
	var known map[string]Filesystem
	if err := readYAML(chart, filesystemsFile, &known); err != nil {
		return nil, err
	}
	var backends []Backend
	for _, folder := range folders {
		backend, err := read(chart, folder.Name())
		if err != nil {
			return nil, err
		}
		if err := backend.Capabilities.Semantics.complete(known); err != nil {
			return nil, fmt.Errorf("backend %s: %w", backend.Name, err)
		}
		backends = append(backends, backend)
	}
	sort.Slice(backends, func(i, j int) bool { return backends[i].Name < backends[j].Name })
	return backends, nil
}

// read reads the folder of one backend.
func read(chart fs.FS, name string) (Backend, error) {
	backend := Backend{Name: name}
	file := path.Join(Root, name, SchemaFile)
	text, err := fs.ReadFile(chart, file)
	if err != nil {
		return backend, fmt.Errorf("backend %s: %w", name, err)
	}
	if err := yaml.UnmarshalStrict(text, &backend); err != nil {
		return backend, fmt.Errorf("%s: %w", file, err)
	}
	if backend.Mounted, err = fs.Glob(chart, path.Join(Root, name, "testdata", "_install-*.values.yaml")); err != nil {
		return backend, err
	}
	if backend.Verdict, err = readVerdict(chart, name); err != nil {
		return backend, err
	}
	err = backend.readHooks(chart)
	return backend, err
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// Kebab is a name such as nodePublish as parameters have it: node-publish.
func Kebab(name string) string {
	return strings.ToLower(hump.ReplaceAllString(name, "$1-$2"))
}

// hook begins a template checkpoint-storage.backend.<backend>.<hook>.
var hook = regexp.MustCompile(`define "checkpoint-storage\.backend\.\w+\.(\w+)"`)

// sectionKey is a key of the section that a template reads.
var sectionKey = regexp.MustCompile(`section\.(\w+)`)

// readHooks reads the templates of a backend's folder.
func (b *Backend) readHooks(chart fs.FS) error {
	text, err := fs.ReadFile(chart, path.Join(Root, b.Name, "_backend.tpl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.classHookKeys = map[string]bool{}
	begins := hook.FindAllSubmatchIndex(text, -1)
	for i, at := range begins {
		end := len(text)
		if i+1 < len(begins) {
			end = begins[i+1][0]
		}
		name := string(text[at[2]:at[3]])
		b.Hooks = append(b.Hooks, name)
		// Those of a volume alone.
		if slices.Contains([]string{"handle", "attributes", "source"}, name) {
			continue
		}
		for _, key := range sectionKey.FindAllSubmatch(text[at[0]:end], -1) {
			b.classHookKeys[string(key[1])] = true
		}
	}
	sort.Strings(b.Hooks)
	return nil
}
