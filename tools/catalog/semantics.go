package catalog

import (
	"encoding/json"
	"fmt"
)

// Answer says whether something works. What nobody has documented or tried is unknown, and says so.
type Answer string

// The answers; the zero value is read and written as Unknown.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// UnmarshalJSON reads true, false or "unknown"; in YAML, a plain yes is true, and comes quoted because an Answer is a word.
func (a *Answer) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case "true", `"true"`, `"yes"`:
		*a = Yes
	case "false", `"false"`, `"no"`:
		*a = No
	case `"unknown"`, "null":
		*a = Unknown
	default:
		return fmt.Errorf("%s is none of yes, no and unknown", text)
	}
	return nil
}

// MarshalJSON writes "yes", "no" or "unknown".
func (a Answer) MarshalJSON() ([]byte, error) {
	return json.Marshal(a.String())
}

// String is the answer as a word.
func (a Answer) String() string {
	if a == "" {
		return string(Unknown)
	}
	return string(a)
}

// Semantics says which operations of a file system work, where Filesystem volumes are concerned.
type Semantics struct {
	// Source is where that is documented.
	Source string `json:"source,omitempty"`
	// When is a condition of the values under which the answers hold; otherwise all are Unknown.
	When *Condition `json:"when,omitempty"`
	// Operations answers for each operation by its name; one that is missing is Unknown.
	Operations map[string]Answer `json:"operations,omitempty"`
	// Notes say under which condition an answer holds, by the operation's name.
	Notes map[string]string `json:"notes,omitempty"`
}

// Does answers for one operation.
func (s Semantics) Does(operation string) Answer {
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
