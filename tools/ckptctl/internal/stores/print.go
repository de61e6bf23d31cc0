package stores

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"checkpoint-storage/tools/ckptctl/internal/doctor"
	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/plain"
	"checkpoint-storage/tools/ckptctl/internal/sizing"
)

// shown returns the report without control sequences: names, statuses and messages are untrusted. Commands are quoted already.
func (r Report) shown() Report {
	r.Namespace = plain.Line(r.Namespace)
	stores := make([]Store, 0, len(r.Stores))
	for _, s := range r.Stores {
		s.Namespace, s.Claim, s.Phase, s.Size, s.Volume = plain.Line(s.Namespace), plain.Line(s.Claim), plain.Line(s.Phase), plain.Line(s.Size), plain.Line(s.Volume)
		s.Release, s.Publishers, s.Pods = s.Release.shown(), plain.Lines(s.Publishers), plain.Lines(s.Pods)
		s.Used.Unknown, s.Unused.Unknown = plain.Line(s.Used.Unknown), plain.Line(s.Unused.Unknown)
		stores = append(stores, s)
	}
	volumes := make([]Volume, 0, len(r.Released))
	for _, v := range r.Released {
		v.Name, v.Namespace, v.Claim = plain.Line(v.Name), plain.Line(v.Namespace), plain.Line(v.Claim)
		v.Release, v.Size, v.Policy = v.Release.shown(), plain.Line(v.Size), plain.Line(v.Policy)
		volumes = append(volumes, v)
	}
	unread := make([]doctor.Unread, 0, len(r.Unread))
	for _, u := range r.Unread {
		unread = append(unread, doctor.Unread{Resource: plain.Line(u.Resource), Why: plain.Line(u.Why)})
	}
	r.Stores, r.Released, r.Unread = stores, volumes, unread
	return r
}

func (r Release) shown() Release {
	return Release{Name: plain.Line(r.Name), Namespace: plain.Line(r.Namespace), State: plain.Line(r.State), Status: plain.Line(r.Status)}
}

// WriteJSON prints the report for programs.
func (r Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r.shown())
}

// WriteText prints the report as text: a table of the stores, one of the Released volumes, and the commands for orphans.
func (r Report) WriteText(out io.Writer, now time.Time) error {
	r = r.shown()
	var text strings.Builder
	if len(r.Stores) == 0 && len(r.Released) == 0 {
		fmt.Fprintf(&text, "no store in %s\n", r.where())
	}
	if len(r.Stores) > 0 {
		rows := [][]string{{"NAMESPACE", "CLAIM", "RELEASE", "PHASE", "SIZE", "USED", "PODS", "UNUSED SINCE"}}
		for _, s := range r.Stores {
			rows = append(rows, []string{s.Namespace, s.Claim, s.release(), s.Phase, s.Size, s.Used.String(), few(s.Pods), s.Unused.text(now)})
		}
		table(&text, rows)
	}
	if len(r.Released) > 0 {
		rows := [][]string{{"RELEASED VOLUME", "OF CLAIM", "RELEASE", "SIZE", "RECLAIM POLICY"}}
		for _, v := range r.Released {
			rows = append(rows, []string{v.Name, v.Namespace + "/" + v.Claim, v.Release.String(), v.Size, v.Policy})
		}
		text.WriteString("\n")
		table(&text, rows)
	}
	r.unknowns(&text)
	r.orphans(&text)
	if len(r.Unread) > 0 {
		text.WriteString("\nResources that may not be read, so what depends on them is unknown:\n")
		for _, u := range r.Unread {
			fmt.Fprintf(&text, "  %s: %s\n", u.Resource, u.Why)
		}
	}
	_, err := io.WriteString(out, plain.Inert(text.String()))
	return err
}

func (r Report) where() string {
	if r.Namespace == "" {
		return "the cluster"
	}
	return "namespace " + r.Namespace
}

// table aligns rows.
func table(text *strings.Builder, rows [][]string) {
	aligned := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(aligned, strings.Join(row, "\t"))
	}
	_ = aligned.Flush() // a Builder takes everything
}

// unknowns says why something is unknown, each reason once.
func (r Report) unknowns(text *strings.Builder) {
	var reasons []string
	of := map[string][]string{}
	note := func(what, why, store string) {
		if why == "" {
			return
		}
		reason := what + " is unknown: " + why
		if of[reason] == nil {
			reasons = append(reasons, reason)
		}
		of[reason] = append(of[reason], store)
	}
	for _, s := range r.Stores {
		note("used", s.Used.Unknown, s.Namespace+"/"+s.Claim)
		note("unused since", s.Unused.Unknown, s.Namespace+"/"+s.Claim)
	}
	if len(reasons) > 0 {
		text.WriteString("\n")
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		fmt.Fprintf(text, "%s (%s)\n", reason, few(of[reason]))
	}
}

// orphans prints the commands, each list once.
func (r Report) orphans(text *strings.Builder) {
	type orphan struct {
		of    []string
		lines []paste.Line
	}
	var all []orphan
	add := func(name string, lines []paste.Line) {
		if len(lines) == 0 {
			return
		}
		i := slices.IndexFunc(all, func(o orphan) bool { return slices.Equal(o.lines, lines) })
		if i < 0 {
			all = append(all, orphan{lines: lines})
			i = len(all) - 1
		}
		all[i].of = append(all[i].of, name)
	}
	for _, s := range r.Stores {
		add("claim "+s.Namespace+"/"+s.Claim, s.TakeBack)
	}
	for _, v := range r.Released {
		add("volume "+v.Name, v.TakeBack)
	}
	for _, o := range all {
		fmt.Fprintf(text, "\nto take back %s:\n", strings.Join(o.of, ", "))
		for _, line := range o.lines {
			fmt.Fprintf(text, "  %s\n", strings.ReplaceAll(line.String(), "\n", "\n  "))
		}
	}
}

func (s Store) release() string {
	if s.Release.State == None && len(s.Publishers) > 0 {
		return "published by " + few(s.Publishers)
	}
	return s.Release.String()
}

// String returns the name with what is unusual about it.
func (r Release) String() string {
	switch {
	case r.Name == "":
		return "none"
	case r.State == None:
		return r.Name + " (without Helm)"
	case r.State == Gone:
		return r.Name + " (gone)"
	case r.State == Left:
		return r.Name + " (no longer has it)"
	case r.State == Unknown:
		return r.Name + " (unknown)"
	case r.Status != "" && r.Status != "deployed":
		return r.Name + " (" + r.Status + ")"
	}
	return r.Name
}

// String returns the bytes, and those of the file system.
func (u Used) String() string {
	if u.Bytes == nil {
		return "unknown"
	}
	out := sizing.Size(*u.Bytes).Binary()
	if u.Capacity != nil {
		out += " of " + sizing.Size(*u.Capacity).Binary()
	}
	return out
}

func (u Unused) text(now time.Time) string {
	switch {
	case u.Unknown != "":
		return "unknown"
	case u.Since == nil:
		return "in use"
	}
	return fmt.Sprintf("%s (%s)", u.Since.Format("2006-01-02 15:04 MST"), ago(now.Sub(*u.Since)))
}

// ago returns a time in whole days, hours or minutes.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%d d", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d min", max(d, 0)/time.Minute)
}

// few joins the first of many words.
func few(words []string) string {
	switch {
	case len(words) == 0:
		return "none"
	case len(words) > 4:
		return fmt.Sprintf("%s and %d others", strings.Join(words[:3], ", "), len(words)-3)
	}
	return strings.Join(words, ", ")
}
