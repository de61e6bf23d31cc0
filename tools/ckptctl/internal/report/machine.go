package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"sort"
	"strings"
)

// writeGitHub prints workflow commands, which GitHub shows beside the lines of a pull request.
func writeGitHub(out io.Writer, r Report) error {
	var text strings.Builder
	// GitHub shows ten of each kind for a step: the errors come first.
	for _, severity := range []string{Error, Warning} {
		for _, f := range r.Findings {
			if f.Severity != severity {
				continue
			}
			properties := "title=" + property(f.Rule)
			if f.Line > 0 {
				properties = fmt.Sprintf("file=%s,line=%d,", property(filepath.ToSlash(f.File)), f.Line) + properties
				if f.Column > 0 {
					properties += fmt.Sprintf(",col=%d", f.Column)
				}
			}
			fmt.Fprintf(&text, "::%s %s::%s\n", severity, properties, data(f.long()))
		}
	}
	for _, c := range r.Clusters {
		if c.Unreadable != "" {
			fmt.Fprintf(&text, "::error file=%s,line=1,title=unreadable::%s\n", property(filepath.ToSlash(c.File)), data(c.Unreadable))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// long is everything that a finding says, without its line of source.
func (f Finding) long() string {
	text := f.Text()
	if f.Line == 0 {
		text = f.Place() + ": " + text
	}
	if reasons := f.Reasons(); reasons != "" {
		text += "\nbecause " + reasons
	}
	if len(f.Clusters) > 1 {
		text += "\nin: " + Few(f.Clusters)
	}
	if f.Hint != "" {
		text += "\nfix: " + f.Hint
	}
	return text
}

func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

func property(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}

type object = map[string]any

// writeSARIF prints one run of the Static Analysis Results Interchange Format, version 2.1.0.
func writeSARIF(out io.Writer, r Report) error {
	rules := map[string]int{}
	for _, f := range r.Findings {
		rules[f.Rule] = 0
	}
	ids := make([]string, 0, len(rules))
	for id := range rules {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	described := make([]object, 0, len(ids))
	for i, id := range ids {
		rules[id] = i
		described = append(described, object{"id": id, "help": object{"text": "ckptctl explain " + id}})
	}
	results := make([]object, 0, len(r.Findings))
	for _, f := range r.Findings {
		location := object{"logicalLocations": []object{{"fullyQualifiedName": f.Path, "kind": "member"}}}
		// A region has no line 0: what stands in no file has none.
		if f.Line > 0 {
			region := object{"startLine": f.Line}
			if f.Column > 0 {
				region["startColumn"] = f.Column
			}
			location["physicalLocation"] = object{"artifactLocation": object{"uri": uri(f.File)}, "region": region}
		}
		results = append(results, object{
			"ruleId": f.Rule, "ruleIndex": rules[f.Rule], "level": f.Severity, "message": object{"text": f.long()},
			"locations": []object{location}, "partialFingerprints": object{"ckptctl/v1": f.Rule + " " + f.File + " " + f.Path},
		})
	}
	notes := []object{}
	for _, c := range r.Clusters {
		if c.Unreadable != "" {
			notes = append(notes, object{"level": Error, "message": object{"text": c.Unreadable}})
		}
	}
	return encode(out, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"tool":        object{"driver": object{"name": "ckptctl", "version": r.Version, "rules": described}},
			"invocations": []object{{"executionSuccessful": len(notes) == 0, "toolExecutionNotifications": notes}},
			"columnKind":  "unicodeCodePoints",
			"results":     results,
		}},
	})
}

// uri is a file's name as a reference relative to where ckptctl ran.
func uri(file string) string {
	return (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath()
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string      `xml:"name,attr"`
	Package    string      `xml:"package,attr"`
	ID         int         `xml:"id,attr"`
	Timestamp  string      `xml:"timestamp,attr"`
	Hostname   string      `xml:"hostname,attr"`
	Tests      int         `xml:"tests,attr"`
	Failures   int         `xml:"failures,attr"`
	Errors     int         `xml:"errors,attr"`
	Time       string      `xml:"time,attr"`
	Properties struct{}    `xml:"properties"`
	Cases      []junitCase `xml:"testcase"`
	Out        string      `xml:"system-out"`
	Err        string      `xml:"system-err"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Error   *junitText `xml:"error"`
	Failure *junitText `xml:"failure"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit prints one test case for each finding, and one for each cluster, or the release, that has none. A warning
// passes, with its text in the suite's output.
func writeJUnit(out io.Writer, r Report) error {
	// The format asks for a time and a host, and the same values give the same report.
	suite := junitSuite{Name: "ckptctl", Package: "ckptctl", Timestamp: "1970-01-01T00:00:00", Hostname: "localhost", Time: "0"}
	var warnings strings.Builder
	for _, f := range r.Findings {
		c := junitCase{Name: f.Place() + " " + f.Rule, Class: f.File, Time: "0"}
		if f.Severity == Error {
			c.Failure = &junitText{Message: f.Text(), Type: f.Rule, Text: f.long()}
			suite.Failures++
		} else {
			fmt.Fprintf(&warnings, "%s: %s %s: %s\n", f.Place(), f.Severity, f.Rule, f.long())
		}
		suite.Cases = append(suite.Cases, c)
	}
	for _, cluster := range r.Clusters {
		c := junitCase{Name: cluster.Name, Class: cluster.File, Time: "0"}
		if cluster.Unreadable != "" {
			c.Error = &junitText{Message: cluster.Unreadable, Type: "unreadable"}
			suite.Errors++
		}
		if cluster.Errors+cluster.Warnings == 0 || c.Error != nil {
			suite.Cases = append(suite.Cases, c)
		}
	}
	if len(suite.Cases) == 0 {
		suite.Cases = []junitCase{{Name: r.Closing, Class: "ckptctl", Time: "0"}}
	}
	suite.Tests, suite.Out = len(suite.Cases), warnings.String()
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}
