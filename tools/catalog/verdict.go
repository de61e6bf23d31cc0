package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/yaml"
)

// VerdictFile is what the backend's own driver answered, inside the backend's folder; `go run ./test/judge` writes it.
const VerdictFile = "testdata/_verdict.yaml"

// Unanswered is the code of a call that the driver did not answer in time.
const Unanswered = "DeadlineExceeded"

// Verdict is what a real driver answered to the calls that Kubernetes makes for the objects of a backend's fixtures.
type Verdict struct {
	// Unjudged is why no driver was asked: it is closed, or answers nothing without its hardware. The rest is empty then.
	Unjudged string `json:"unjudged,omitempty"`
	// Driver is the driver's version: as git describe prints it, v4.13.0-349-gd3b27c00, or that of the pinned module.
	Driver string `json:"driver,omitempty"`
	// Date is the day of the answers.
	Date string `json:"date,omitempty"`
	// Digest is that of the calls. It is another one when the chart renders another volume or class.
	Digest string `json:"digest,omitempty"`
	// Run is how the driver was started; a later release is started the same way.
	Run Run `json:"run,omitzero"`
	// Fixtures are the answers by values file; "_example" is the documented example.
	Fixtures map[string][]Answer `json:"fixtures,omitempty"`
}

// Run is how a driver is started. {endpoint} and {directory} stand for its socket and for a folder of the run.
type Run struct {
	// Program is the driver's, MODULE/COMMAND, where a module in ci/modules/drivers pins it; ControllerProgram is the
	// controller's where that is another.
	Program           string   `json:"program,omitempty"`
	ControllerProgram string   `json:"controllerProgram,omitempty"`
	Arguments         []string `json:"arguments,omitempty"`
	Environment       []string `json:"environment,omitempty"`
	// Controller are the arguments of the controller, where it is another program or process than the node's part.
	Controller []string `json:"controller,omitempty"`
	// Mounts are programs that the driver mounts with besides mount, each on its last argument.
	Mounts []string `json:"mounts,omitempty"`
	// Secrets are keys of the secrets that the objects name, beside those that every driver is given.
	Secrets map[string]string `json:"secrets,omitempty"`
	// Node is what the driver calls the node that volumes are attached to, where it looks into that name; node-1 otherwise.
	Node string `json:"node,omitempty"`
	// NoMetadata says that the driver's deployment runs the provisioner without --extra-create-metadata: the names of claim
	// and volume do not come with the parameters, which some drivers refuse.
	NoMetadata bool `json:"noMetadata,omitempty"`
	// Needs are what has to run first, in words: moto 5.1.4 on port 5000.
	Needs []string `json:"needs,omitempty"`
	// Unreached are parts of messages. A call that ends with one of them passed the driver's own checks, and missed what is
	// not there: the cloud, the device, the daemon.
	Unreached []string `json:"unreached,omitempty"`
}

// What an answer means.
const (
	// Done means that the driver did what it was asked to.
	Done = "done"
	// Missed means that it took the call, and missed what is behind it.
	Missed = "missed"
	// Refused means that it refused the call. Drivers refuse with codes of all kinds, so that is what is left.
	Refused = "refused"
)

// Judge says what an answer of a driver, run like this, means.
func (r Run) Judge(a Answer) string {
	// Only a controller's call goes to a cloud; a mount that never comes is no mount.
	controller := a.Call == "CreateVolume" || a.Call == "ControllerPublishVolume"
	switch {
	case a.Code == "OK":
		return Done
	case controller && (a.Code == Unanswered || strings.Contains(a.Message, "connection refused")):
		return Missed
	}
	for _, part := range r.Unreached {
		if strings.Contains(a.Message, part) {
			return Missed
		}
	}
	return Refused
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

// Judged says that the backend's own driver was asked.
func (b Backend) Judged() bool { return b.Verdict != nil && b.Verdict.Unjudged == "" }

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
