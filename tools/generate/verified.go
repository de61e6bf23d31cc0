package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"checkpoint-storage/tools/catalog"

	"sigs.k8s.io/yaml"
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
	v := verification{Grade: "mounted in the tests", Text: "On a real Kubernetes cluster, the tests install the chart with these values, write a checkpoint, kill the writer, " +
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
	if verdict := b.Verdict; verdict != nil {
		v.Grade = "judged by its driver"
		v.Text = fmt.Sprintf("The driver itself (%s, %s) was asked what Kubernetes asks for the objects of every fixture, with stand-ins for the programs that mount; %s. ",
			verdict.Driver, verdict.Date, answered(*verdict)) + "Its answers, and the mounts that it ran, are in [_verdict.yaml](../../templates/backends/" + b.Name + "/" + catalog.VerdictFile + "). What the file system supports was read in the sources below."
		return v, nil
	}
	v.Grade = "read"
	if why := reasons[b.Name]; why != "" {
		v.Text = "The facts of this page were read in the sources below. The tests mount no such volume: it " + why +
			". The API server validates the rendered objects."
		return v, nil
	}
	v.Text = "The facts of this page were read in the sources below; the tests do not run the driver itself. A driver of the tests is registered under its name " +
		"on a real Kubernetes cluster, and what the kubelet and the provisioner ask of it has to agree with the rendered objects."
	return v, nil
}

// answered counts the calls by whether the driver could answer them without the storage.
func answered(verdict catalog.Verdict) string {
	all, waited := 0, 0
	for _, answers := range verdict.Fixtures {
		for _, a := range answers {
			all++
			if a.Code == catalog.Unanswered {
				waited++
			}
		}
	}
	if waited == 0 {
		return fmt.Sprintf("it answered all %d calls", all)
	}
	return fmt.Sprintf("it answered %d of %d calls, and waited for its cloud in the others: of those, the driver's own checks are judged at most", all-waited, all)
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
