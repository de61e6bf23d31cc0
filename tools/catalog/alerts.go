package catalog

import (
	"io/fs"
	"path"
	"strings"
)

// AlertsFolder holds a file for each alert of the chart, named after it.
const AlertsFolder = "alerts"

// Alert is a rule for Prometheus, with words in braces for what the values say.
type Alert struct {
	// Name is the file's.
	Name string `json:"-"`
	// Needs is what it cannot be judged without: statistics, freshness, or nothing.
	Needs string `json:"needs,omitempty"`
	// Severity is critical or warning.
	Severity string `json:"severity"`
	// For is how long the expression has to hold; empty where it alerts at once.
	For string `json:"for,omitempty"`
	// Expr is the expression.
	Expr string `json:"expr"`
	// Summary is what whoever is alerted reads first.
	Summary string `json:"summary"`
}

// Alerts reads the alerts of a chart, sorted by name.
func Alerts(chart fs.FS) ([]Alert, error) {
	files, err := fs.Glob(chart, path.Join(AlertsFolder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var out []Alert
	for _, file := range files {
		alert := Alert{Name: strings.TrimSuffix(path.Base(file), ".yaml")}
		if err := readYAML(chart, file, &alert); err != nil {
			return nil, err
		}
		out = append(out, alert)
	}
	return out, nil
}
