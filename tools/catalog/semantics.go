package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
)

var filesystemsFile = path.Join(FrameworksRoot, "filesystems.yaml")

// Support says whether something works. What is neither documented nor tested is unknown.
type Support string

// The kinds of support; the zero value is read and written as Unknown.
const (
	Yes     Support = "yes"
	No      Support = "no"
	Unknown Support = "unknown"
)

// UnmarshalJSON reads true, false or "unknown"; in YAML, a plain yes is true, and comes quoted because a Support is a word.
func (s *Support) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true", `"true"`, `"yes"`:
		*s = Yes
	case "false", `"false"`, `"no"`:
		*s = No
	case `"unknown"`, "null":
		*s = Unknown
	default:
		return fmt.Errorf("%s is none of yes, no and unknown", text)
	}
	return nil
}

// MarshalJSON writes "yes", "no" or "unknown".
func (s Support) MarshalJSON() ([]byte, error) {
	return json.Marshal(s.String())
}

// String is the support as a word.
func (s Support) String() string {
	if s == "" {
		return string(Unknown)
	}
	return string(s)
}

// Semantics says which operations of a file system work, where Filesystem volumes are concerned.
type Semantics struct {
	// Source is where that is documented.
	Source string `json:"source,omitempty"`
	// Measured is the real mount on which `helm test` tried the operations; nil where they were only read.
	Measured *Mount `json:"measured,omitempty"`
	// Like is one of the file systems that several backends mount. Operations has its answers too once it is read, and those
	// that are different by the backend's folder.
	Like string `json:"like,omitempty"`
	// When is a condition of the values under which the answers hold; otherwise all are Unknown.
	When Condition `json:"when,omitempty"`
	// Operations answers for each operation by its name; one that is missing is Unknown.
	Operations map[string]Support `json:"operations,omitempty"`
	// Errors are those that an operation ends with that does not work, such as EPERM, by the operation; some frameworks do
	// without it after one error and not after another.
	Errors map[string]string `json:"errors,omitempty"`
	// Torn are the operations, of those that do not work, that succeed all the same, and leave a part when they are cut short.
	Torn []string `json:"torn,omitempty"`
	// Takes are mount options with the operations that the file system does not have with them.
	Takes map[string][]string `json:"takes,omitempty"`
	// written are the answers and options of the backend's folder alone, where the file system is like another.
	written struct {
		operations map[string]Support
		takes      map[string][]string
	}
	// Notes say under which condition an answer holds, by the operation's name.
	Notes map[string]string `json:"notes,omitempty"`
}

// Mount is a mount that was made for a test.
type Mount struct {
	// Client is the program that mounts, with its version; the frameworks' outcomes on it have this name.
	Client string `json:"client"`
	// Server is what it mounted from.
	Server string `json:"server"`
	// Date is the day.
	Date string `json:"date"`
}

// Filesystem is one that several backends mount.
type Filesystem struct {
	Title      string              `json:"title,omitempty"`
	Operations map[string]Support  `json:"operations"`
	Takes      map[string][]string `json:"takes,omitempty"`
}

// Complete adds the answers and options of a file system to those of a backend's folder, which come first.
func (f Filesystem) Complete(operations map[string]Support, takes map[string][]string) (map[string]Support, map[string][]string) {
	does, taken := map[string]Support{}, map[string][]string{}
	maps.Copy(does, f.Operations)
	maps.Copy(does, operations)
	maps.Copy(taken, f.Takes)
	maps.Copy(taken, takes)
	return does, taken
}

// complete adds the answers of the file system that the backend's is like.
func (s *Semantics) complete(known map[string]Filesystem) error {
	if s.Like == "" {
		return nil
	}
	s.written.operations, s.written.takes = s.Operations, s.Takes
	of, found := known[s.Like]
	if !found {
		return fmt.Errorf("semantics are like %s, which is no file system of %s", s.Like, filesystemsFile)
	}
	s.Operations, s.Takes = of.Complete(s.Operations, s.Takes)
	return nil
}

// own returns the answers and options of the backend's folder alone.
func (s Semantics) own() (operations map[string]Support, takes map[string][]string) {
	if s.Like == "" {
		return s.Operations, s.Takes
	}
	return s.written.operations, s.written.takes
}

// Does answers for one operation.
func (s Semantics) Does(operation string) Support {
	if answer, ok := s.Operations[operation]; ok {
		return answer
	}
	return Unknown
}

// Size limits the size that a claim may ask for. Each is a Kubernetes quantity, or empty where there is no such limit.
type Size struct {
	Minimum string `json:"minimum,omitempty"`
	Maximum string `json:"maximum,omitempty"`
	// Step is what a size has to be a multiple of.
	Step string `json:"step,omitempty"`
}
