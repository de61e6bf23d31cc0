package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
)

// The grades of verification.
const (
	mounted = "mounted in the tests"
	judged  = "judged by its driver"
	read    = "read"
)

// verification says how far a backend was tried, and by what.
type verification struct {
	// Grade is a word for tables.
	Grade string
	Text  string
	// Files are the values that the install tests mount.
	Files []struct{ Name, Says string }
}

// verified works out what the tests do with a backend: those in test/install decide by the same files.
func (d documentation) verified(b catalog.Backend) (verification, error) {
	v := verification{Grade: mounted, Text: "On a real Kubernetes cluster, the tests install the chart with these values, write a checkpoint, kill the writer, " +
		"and read every byte back in another pod:"}
	for _, file := range b.Mounted {
		text, err := os.ReadFile(filepath.Join(d.chart, file))
		if err != nil {
			return v, err
		}
		v.Files = append(v.Files, struct{ Name, Says string }{filepath.Base(file), firstComment(string(text))})
	}
	if len(b.Mounted) > 0 {
		return v, nil
	}
	text, err := os.ReadFile(filepath.Join(d.root, "test", "install", "unmounted.yaml"))
	if err != nil {
		return v, err
	}
	reasons := map[string]string{}
	if err := yaml.UnmarshalStrict(text, &reasons); err != nil {
		return v, err
	}
	if verdict := b.Verdict; b.Judged() {
		v.Grade = judged
		v.Text = fmt.Sprintf("The driver itself (%s, %s) was asked what Kubernetes asks for the objects of every fixture, with stand-ins for the programs that mount; %s. ",
			verdict.Driver, verdict.Date, answered(*verdict)) + "Its answers, and the mounts that it ran, are in [_verdict.yaml](../../templates/backends/" + b.Name + "/" + catalog.VerdictFile + "). What the file system supports was read in the sources below."
		return v, nil
	}
	v.Grade = read
	if why := reasons[b.Name]; why != "" {
		v.Text = "The facts of this page were read in the sources below. The tests mount no such volume: it " + why +
			". The API server validates the rendered objects."
		return v, nil
	}
	if b.Verdict != nil {
		v.Text = "The facts of this page were read in the sources below, not judged by the driver: " + b.Verdict.Unjudged + ". "
	} else {
		v.Text = "The facts of this page were read in the sources below; the tests do not run the driver itself. "
	}
	v.Text += "A driver of the tests is registered under its name " +
		"on a real Kubernetes cluster, and what the kubelet and the provisioner ask of it has to agree with the rendered objects."
	return v, nil
}

// gradeCounts are how many backends have each grade.
type gradeCounts struct{ All, Mounted, Judged, Read int }

func (d documentation) grades() (gradeCounts, error) {
	count := map[string]int{}
	for _, b := range d.backends {
		v, err := d.verified(b)
		if err != nil {
			return gradeCounts{}, err
		}
		count[v.Grade]++
	}
	return gradeCounts{All: len(d.backends), Mounted: count[mounted], Judged: count[judged], Read: count[read]}, nil
}

// answered counts the calls by what the driver made of them without the storage.
func answered(verdict catalog.Verdict) string {
	count := map[string]int{}
	for _, answers := range verdict.Fixtures {
		for _, a := range answers {
			count[verdict.Run.Judge(a)]++
		}
	}
	out := fmt.Sprintf("it did what it was asked to in %d calls and refused %d", count[catalog.Done], count[catalog.Refused])
	if missed := count[catalog.Missed]; missed > 0 {
		out += fmt.Sprintf("; in %d more it missed the storage that is not there, so that of those its own checks are judged at most", missed)
	}
	return out
}

// firstComment is the comment that a file begins with, as one line without its full stop.
func firstComment(text string) string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		comment, found := strings.CutPrefix(line, "#")
		if !found {
			break
		}
		out = append(out, strings.TrimSpace(comment))
	}
	return strings.TrimSuffix(strings.Join(out, " "), ".")
}
