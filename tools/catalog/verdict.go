package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"sigs.k8s.io/yaml"
)

// VerdictFile is what the backend's own driver answered, inside the backend's folder; `go run ./test/judge` writes it.
const VerdictFile = "testdata/_verdict.yaml"

// Unanswered is the code of a call that the driver did not answer in time.
const Unanswered = "DeadlineExceeded"

// Verdict is what a real driver answered to the calls that Kubernetes makes for the objects of a backend's fixtures.
type Verdict struct {
	// Driver is the driver's version with its commit, as git describe prints it: v4.13.0-349-gd3b27c00.
	Driver string `json:"driver"`
	// Date is the day of the answers.
	Date string `json:"date"`
	// Digest is that of the calls. It is another one when the chart renders another volume or class.
	Digest string `json:"digest"`
	// Run is how the driver was started; a later release is started the same way.
	Run Run `json:"run"`
	// Fixtures are the answers by values file; "_example" is the documented example.
	Fixtures map[string][]Answer `json:"fixtures"`
}

// Run is how a driver is started. {endpoint} and {directory} stand for its socket and for a folder of the run.
type Run struct {
	Arguments   []string `json:"arguments"`
	Environment []string `json:"environment,omitempty"`
	// Mounts are programs that the driver mounts with besides mount, each on its last argument.
	Mounts []string `json:"mounts,omitempty"`
}

// Answer is what the driver made of one call.
type Answer struct {
	Call string `json:"call"`
	// Code is that of gRPC, such as OK or InvalidArgument.
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
	// Commands are the mounts that the driver ran; {directory} is a folder of the run.
	Commands []string `json:"commands,omitempty"`
}

// readVerdict reads a backend's verdict; nil where no driver has judged it.
func readVerdict(chart fs.FS, backend string) (*Verdict, error) {
	file := path.Join(Root, backend, VerdictFile)
	text, err := fs.ReadFile(chart, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	verdict := &Verdict{}
	if err := yaml.UnmarshalStrict(text, verdict); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return verdict, nil
}
