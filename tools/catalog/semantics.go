package catalog

import (
	"encoding/json"
	"fmt"
)

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
	// When is a condition of the values under which the answers hold; otherwise all are Unknown.
	When Condition `json:"when,omitempty"`
	// Operations answers for each operation by its name; one that is missing is Unknown.
	Operations map[string]Support `json:"operations,omitempty"`
	// Notes say under which condition an answer holds, by the operation's name.
	Notes map[string]string `json:"notes,omitempty"`
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
