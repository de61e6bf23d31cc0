package catalog

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// FrameworksFile is what the chart's templates and tools read of the frameworks, inside the chart; it is generated from the
// folders of FrameworksRoot.
const FrameworksFile = "frameworks.json"

// FrameworksRoot holds the operations, the file systems that several backends mount, and a folder per framework.
const FrameworksRoot = "frameworks"

// ProgramFile is the framework's program that saves and loads, inside the framework's folder.
const ProgramFile = "program.py"

// MeasurementFile is what the program did to file systems, inside the framework's folder; `make frameworks` writes it.
const MeasurementFile = "measured.yaml"

// MountsFile is what became of the program on real mounts, inside the framework's folder.
const MountsFile = "mounts.yaml"

// Frameworks says who saves checkpoints and what each asks of a file system.
type Frameworks struct {
	// Operations are what is asked, in the order in which they are shown.
	Operations []Operation `json:"operations"`
	// Filesystems are those that several backends mount, by the name that backends have for them.
	Filesystems map[string]Filesystem `json:"filesystems,omitempty"`
	// Frameworks are who asks, by the name that values declare them with.
	Frameworks map[string]Framework `json:"frameworks"`
}

// Operation is something that a file system may be able to do.
type Operation struct {
	// Name is the key by which backends answer for it.
	Name string `json:"name"`
	// Title says it in words, as in "rename a file".
	Title string `json:"title"`
}

// Framework is a library that writes checkpoints.
type Framework struct {
	Title string `json:"title,omitempty"`
	// Published are patterns of the paths of the files that are there once a checkpoint is whole, as find has them in -path;
	// what matches one that begins with ! is not whole yet.
	Published []string `json:"published"`
	// Needs are operations by name, and why each is needed; in FrameworksFile the reasons are empty.
	Needs map[string]string `json:"needs"`
	// Survives are, of the operations in Needs, the errors with which the framework does without.
	Survives map[string][]string `json:"survives,omitempty"`
	// Alternative says how the framework can do without.
	Alternative string `json:"alternative"`
	// Source is where its way to save can be read.
	Source string `json:"source,omitempty"`
	// Packages are those whose versions are shown, by their names in PyPI; empty in FrameworksFile.
	Packages []string `json:"packages,omitempty"`
	// Versions are those of the packages that the needs were measured with; empty where they were only read.
	Versions string `json:"versions,omitempty"`
	// Memory are the places of the node in which a whole checkpoint lies while it is saved: $TMPDIR, /dev/shm.
	Memory []string `json:"memory,omitempty"`
	// Modes are those of the files that it leaves, where no other user can read them.
	Modes []string `json:"modes,omitempty"`
	// Unmeasured is why the framework was not run.
	Unmeasured string `json:"unmeasured,omitempty"`
	// Measured is what it did; nil where it was not run, and in FrameworksFile.
	Measured *Measurement `json:"-"`
}

// Measurement is what a framework's program did to a file system, and what became of it where an operation was refused.
type Measurement struct {
	// Versions are those of the framework's packages, by name.
	Versions map[string]string `json:"versions"`
	// Date is the day of the run.
	Date string `json:"date"`
	// Digest is that of the program and its packages. It is another one when either changes.
	Digest string `json:"digest"`
	// Ranks is the number of processes that save together.
	Ranks int `json:"ranks"`
	// Uses says how often each operation was asked for while nothing was refused.
	Uses map[string]int `json:"uses"`
	// Refused are the outcomes by operation and answer: an error such as EPERM, or Ignored.
	Refused map[string]map[string]Outcome `json:"refused"`
	// CheckpointBytes is what lies in the directory at the end, PeakBytes the most that did; TemporaryBytes and
	// SharedMemoryBytes are the most that lay in $TMPDIR and in /dev/shm.
	CheckpointBytes   int64 `json:"checkpointBytes"`
	PeakBytes         int64 `json:"peakBytes"`
	TemporaryBytes    int64 `json:"temporaryBytes"`
	SharedMemoryBytes int64 `json:"sharedMemoryBytes"`
	// Modes are the modes of the files that stay behind, under a umask of 022.
	Modes []string `json:"modes"`
}

// Outcome is what became of a run.
type Outcome struct {
	// Is is one of the words below.
	Is string `json:"is"`
	// Says is the error that the framework ended with, or what its program found at the next start.
	Says string `json:"says,omitempty"`
}

// What becomes of a framework where an operation is refused.
const (
	// Survives means that all was saved and loaded again.
	Survives = "survives"
	// Keeps means that all was saved, and files stay that the framework had deleted otherwise.
	Keeps = "keeps"
	// Ends means that saving ended with an error.
	Ends = "ends"
	// Hangs means that saving did not end.
	Hangs = "hangs"
	// Lost means that saving went well as far as the framework knows, and the newest checkpoint could not be loaded.
	Lost = "lost"
)

// Ignored is the answer of a file system that reports success and does nothing.
const Ignored = "ignored"

// sibling is another framework's folder, whose program or packages a program takes over.
var sibling = regexp.MustCompile(`\.\./(\w+)`)

// Digest is that of a framework's program and packages, with those of the frameworks that they name.
func Digest(chart fs.FS, framework string) (string, error) {
	hash := sha256.New()
	for names := []string{framework}; len(names) > 0; names = names[1:] {
		for _, file := range []string{ProgramFile, "requirements.txt"} {
			text, err := fs.ReadFile(chart, path.Join(FrameworksRoot, names[0], file))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			fmt.Fprintf(hash, "%d\n%s", len(text), text)
			for _, found := range sibling.FindAllSubmatch(text, -1) {
				if !slices.Contains(names, string(found[1])) {
					names = append(names, string(found[1]))
				}
			}
		}
	}
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}

// needed returns whether a framework cannot do without an operation: some way to refuse it ends a save, or loses one, or has
// old checkpoints fill the claim.
func (m Measurement) needed(operation string) bool {
	for answer, outcome := range m.Refused[operation] {
		if answer != Ignored && outcome.Is != Survives {
			return true
		}
	}
	return false
}

// survived are the errors with which the framework does without an operation.
func (m Measurement) survived(operation string) []string {
	var out []string
	for answer, outcome := range m.Refused[operation] {
		if answer != Ignored && outcome.Is == Survives {
			out = append(out, answer)
		}
	}
	sort.Strings(out)
	return out
}

// Memory are the places of the node, $TMPDIR and /dev/shm, in which more than half of a checkpoint lay while it was saved.
func (m Measurement) Memory() []string {
	var out []string
	// Several checkpoints stay behind, and the smallest share that one can have of them is a quarter.
	for _, each := range []struct {
		place string
		bytes int64
	}{{"$TMPDIR", m.TemporaryBytes}, {"/dev/shm", m.SharedMemoryBytes}} {
		if each.bytes > m.CheckpointBytes/8 {
			out = append(out, each.place)
		}
	}
	return out
}

// Mounts are the outcomes of a framework's program on real mounts, by their client.
func Mounts(chart fs.FS, framework string) (map[string]Outcome, error) {
	out := map[string]Outcome{}
	err := readYAML(chart, path.Join(FrameworksRoot, framework, MountsFile), &out)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return out, err
}

// LoadFrameworks reads the frameworks of a chart.
func LoadFrameworks(chart fs.FS) (Frameworks, error) {
	var out Frameworks
	text, err := fs.ReadFile(chart, FrameworksFile)
	if err != nil {
		return out, err
	}
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		return out, fmt.Errorf("%s: %w", FrameworksFile, err)
	}
	return out, nil
}

// WrittenFrameworks reads the folders that FrameworksFile is generated from. It fails where what a framework was seen to need
// has no reason, and the other way round.
func WrittenFrameworks(chart fs.FS) (Frameworks, error) {
	out := Frameworks{Frameworks: map[string]Framework{}}
	if err := readYAML(chart, path.Join(FrameworksRoot, "operations.yaml"), &out.Operations); err != nil {
		return out, err
	}
	if err := readYAML(chart, filesystemsFile, &out.Filesystems); err != nil {
		return out, err
	}
	folders, err := fs.Glob(chart, path.Join(FrameworksRoot, "*", "framework.yaml"))
	if err != nil {
		return out, err
	}
	for _, file := range folders {
		var framework Framework
		if err := readYAML(chart, file, &framework); err != nil {
			return out, err
		}
		for operation := range framework.Needs {
			if !slices.ContainsFunc(out.Operations, func(o Operation) bool { return o.Name == operation }) {
				return out, fmt.Errorf("%s: needs %s, which is no operation", file, operation)
			}
		}
		if len(framework.Published) == 0 {
			return out, fmt.Errorf("%s: published does not say by which file a checkpoint is whole", file)
		}
		if framework.Unmeasured == "" {
			framework.Measured = &Measurement{}
			if err := readYAML(chart, path.Join(path.Dir(file), MeasurementFile), framework.Measured); err != nil {
				return out, fmt.Errorf("%w; `make frameworks` measures it, or say in %s why it is unmeasured", err, file)
			}
			for _, o := range out.Operations {
				_, reasoned := framework.Needs[o.Name]
				if errors := framework.Measured.survived(o.Name); reasoned && len(errors) > 0 {
					if framework.Survives == nil {
						framework.Survives = map[string][]string{}
					}
					framework.Survives[o.Name] = errors
				}
				if reasoned != framework.Measured.needed(o.Name) {
					return out, fmt.Errorf("%s: %s is measured to be needed: %t; needs gives a reason: %t", file, o.Name, !reasoned, reasoned)
				}
			}
		}
		if err := framework.describe(); err != nil {
			return out, fmt.Errorf("%s: %w", file, err)
		}
		out.Frameworks[path.Base(path.Dir(file))] = framework
	}
	return out, nil
}

func readYAML(chart fs.FS, file string, into any) error {
	text, err := fs.ReadFile(chart, file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// describe writes what users are shown of the measurement into the framework. It fails where a package has no version there.
func (f *Framework) describe() error {
	if f.Measured == nil {
		return nil
	}
	var versions []string
	for _, name := range f.Packages {
		version, found := f.Measured.Versions[name]
		if !found {
			return fmt.Errorf("%s has no version of %s", MeasurementFile, name)
		}
		versions = append(versions, name+" "+version)
	}
	f.Versions, f.Packages = strings.Join(versions, ", "), nil
	f.Memory = f.Measured.Memory()
	for _, mode := range f.Measured.Modes {
		if strings.HasSuffix(mode, "00") {
			f.Modes = append(f.Modes, mode)
		}
	}
	return nil
}

// Judged are the frameworks with what rules and templates read of them, without the words for people.
func (s Frameworks) Judged() Frameworks {
	out := Frameworks{Operations: s.Operations, Filesystems: map[string]Filesystem{}, Frameworks: map[string]Framework{}}
	for name, f := range s.Filesystems {
		f.Title = ""
		out.Filesystems[name] = f
	}
	for name, f := range s.Frameworks {
		judged := Framework{Published: f.Published, Needs: map[string]string{}, Survives: f.Survives, Alternative: f.Alternative}
		for operation := range f.Needs {
			judged.Needs[operation] = ""
		}
		out.Frameworks[name] = judged
	}
	return out
}

// Names are the frameworks' names, sorted.
func (s Frameworks) Names() []string {
	names := make([]string, 0, len(s.Frameworks))
	for name := range s.Frameworks {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Needed are the operations that a framework needs, in the order in which they are shown.
func (s Frameworks) Needed(framework string) []Operation {
	var out []Operation
	for _, o := range s.Operations {
		if _, needed := s.Frameworks[framework].Needs[o.Name]; needed {
			out = append(out, o)
		}
	}
	return out
}

// Serves answers whether a backend has all that a framework needs; with No come the operations that are missing.
func (s Frameworks) Serves(b Backend, framework string) (Support, []Operation) {
	return s.Judge(b.Capabilities.Semantics.Operations, b.Capabilities.Semantics.Errors, framework)
}

// Judge answers whether what a file system does is all that a framework needs; with No come the operations that are missing.
// errors are those that the file system refuses operations with, where they are known.
func (s Frameworks) Judge(does map[string]Support, errors map[string]string, framework string) (Support, []Operation) {
	answer := Yes
	var missing []Operation
	for _, o := range s.Needed(framework) {
		switch does[o.Name] {
		case Yes:
		case No:
			if slices.Contains(s.Frameworks[framework].Survives[o.Name], errors[o.Name]) {
				continue
			}
			missing = append(missing, o)
		default:
			answer = Unknown
		}
	}
	if len(missing) > 0 {
		answer = No
	}
	return answer, missing
}
