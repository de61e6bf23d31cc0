package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/plain"
)

// Report is the result of `ckptctl doctor` for a release.
type Report struct {
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	// Healthy says that nothing is broken; there may be warnings. It is false if claims may not be read.
	Healthy bool     `json:"healthy"`
	Claims  []string `json:"claims"`
	// ClaimNamespace is the namespace of the claims if it is not the release's.
	ClaimNamespace string      `json:"claimNamespace,omitempty"`
	Diagnoses      []Diagnosis `json:"diagnoses"`
	// Fixed are the commands that --fix has applied.
	Fixed []paste.Line `json:"fixed,omitempty"`
	// Unread are the resources that may not be read; nothing is concluded from them.
	Unread []Unread `json:"unread,omitempty"`

	// stored says that Helm has stored the release.
	stored bool
}

// Of examines a snapshot.
func Of(s *Snapshot) Report {
	diagnoses := append([]Diagnosis{}, Examine(s)...)
	report := Report{
		Release: s.Release, Namespace: s.Namespace, Healthy: Healthy(diagnoses) && s.knows("persistentvolumeclaims"),
		Claims: append([]string{}, s.claimNames()...), Diagnoses: diagnoses, Unread: s.Unread, stored: s.Stored != nil,
	}
	if s.Home != s.Namespace {
		report.ClaimNamespace = s.Home
	}
	return report
}

// Via has the commands of a report name a cluster.
func (r Report) Via(to paste.Cluster) Report {
	for i := range r.Diagnoses {
		r.Diagnoses[i].Repair = paste.Via(r.Diagnoses[i].Repair, to)
	}
	return r
}

// Nothing reports whether there is no trace of the release.
func (r Report) Nothing() bool { return !r.stored && len(r.Claims) == 0 && len(r.Diagnoses) == 0 }

// shown returns the report without control sequences: causes quote events, logs and objects, whose text is untrusted.
// Repair lines are already quoted.
func (r Report) shown() Report {
	r.Release, r.Namespace, r.Claims, r.ClaimNamespace = plain.Line(r.Release), plain.Line(r.Namespace), plain.Lines(r.Claims), plain.Line(r.ClaimNamespace)
	diagnoses := make([]Diagnosis, 0, len(r.Diagnoses))
	for _, d := range r.Diagnoses {
		d.ID, d.Severity, d.Object = plain.Line(d.ID), plain.Line(d.Severity), plain.Line(d.Object)
		d.Cause, d.Seen, d.Waits = plain.Line(d.Cause), plain.Line(strings.TrimSpace(d.Seen)), plain.Lines(d.Waits)
		diagnoses = append(diagnoses, d)
	}
	r.Diagnoses = diagnoses
	unread := make([]Unread, 0, len(r.Unread))
	for _, u := range r.Unread {
		unread = append(unread, Unread{plain.Line(u.Resource), plain.Line(u.Why)})
	}
	r.Unread = unread
	return r
}

// WriteJSON prints the report for programs.
func (r Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r.shown())
}

// WriteText prints the report as text: the cause, the blocked pods, and the repair.
func (r Report) WriteText(out io.Writer) error {
	r = r.shown()
	var text strings.Builder
	for _, d := range r.Diagnoses {
		fmt.Fprintf(&text, "%s: %s %s\n", d.Object, d.Severity, d.ID)
		fmt.Fprintf(&text, "  cause: %s\n", d.Cause)
		if d.Seen != "" {
			fmt.Fprintf(&text, "  seen: %s\n", d.Seen)
		}
		if len(d.Waits) > 0 {
			fmt.Fprintf(&text, "  %s: %s\n", affected(d.Waits), few(d.Waits))
		}
		text.WriteString("  repair:\n")
		for _, line := range d.Repair {
			fmt.Fprintf(&text, "    %s\n", strings.ReplaceAll(line.String(), "\n", "\n    "))
		}
		if d.Safe {
			fmt.Fprintf(&text, "  --fix does this: it cannot lose data\n")
		}
		text.WriteString("\n")
	}
	if len(r.Unread) > 0 {
		text.WriteString("Resources that may not be read, so causes may be missed:\n")
		for _, u := range r.Unread {
			fmt.Fprintf(&text, "  %s: %s%s\n", u.Resource, u.Why, instead(u.Resource, r.Release))
		}
		text.WriteString("\n")
	}
	switch {
	case !r.Healthy:
		fmt.Fprintf(&text, "%s in %s: not healthy\n", r.Release, r.Namespace)
	case len(r.Diagnoses) > 0:
		fmt.Fprintf(&text, "ok: %s in %s: nothing is broken\n", r.Release, r.Namespace)
	case len(r.Claims) == 0:
		fmt.Fprintf(&text, "ok: %s in %s: it has no claim, and nothing is broken\n", r.Release, r.Namespace)
	default:
		claims := few(r.Claims)
		if r.ClaimNamespace != "" {
			claims += " in " + r.ClaimNamespace
		}
		fmt.Fprintf(&text, "ok: %s in %s: bound, and its pods have started: %s\n", r.Release, r.Namespace, claims)
	}
	_, err := io.WriteString(out, plain.Inert(text.String()))
	return err
}

// affected is the label of Waits, which are pods, or other objects with their kind.
func affected(waits []string) string {
	if slices.ContainsFunc(waits, func(name string) bool { return strings.Contains(name, " ") }) {
		return "also affected"
	}
	return "blocked pods"
}

// instead says what is used in place of a resource that may not be read.
func instead(resource, release string) string {
	if resource == "secrets" {
		return "; the release's manifest is unknown, and the objects labelled " + Instance + "=" + release + " are used instead"
	}
	return ""
}
