package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// orders is a hostile text: it clears the screen, fills the clipboard, forges a diagnosis, reverses a line, and gives
// commands to the runners of GitHub and Azure.
const orders = "x\x1b[2J\x1b]52;c;Y3VybA==\x07\u202e\u200b\u009b\npod training/other: error x\r\n  repair:\n    kubectl delete namespace production\n::stop-commands::x ##[add-mask]x ##vso[task.complete]"

// obeyed lists what output must not contain.
var obeyed = regexp.MustCompile(`[^\n\P{C}]|##\[|##vso\[|(?m:^\s*::)`)

// TestHostileReport puts a hostile text into every string of a report, and prints both formats. Fields are found by
// reflection, so that later ones are covered.
func TestHostileReport(t *testing.T) {
	var r Report
	fed := feed(reflect.ValueOf(&r).Elem())
	assert.GreaterOrEqual(t, fed, 10)
	r.Healthy = false
	var text, document strings.Builder
	require.NoError(t, r.WriteText(&text))
	require.NoError(t, r.WriteJSON(&document))
	assert.NotRegexp(t, obeyed, text.String())
	assert.NotRegexp(t, obeyed, document.String())
	var decoded any
	require.NoError(t, json.Unmarshal([]byte(document.String()), &decoded))
	assert.NotRegexp(t, obeyed, fmt.Sprint(decoded), "a program that reads it prints it")
	assert.NotRegexp(t, `(?m)^pod training/other`, text.String())
	assert.NotRegexp(t, `(?m)^ *kubectl delete`, text.String())
}

// feed puts orders into every string of a value, and returns their number.
func feed(v reflect.Value) int {
	switch v.Kind() {
	case reflect.String:
		v.SetString(orders)
		return 1
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		return feed(v.Index(0)) + feed(v.Index(1))
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += feed(v.Field(i))
			}
		}
		return n
	}
	return 0
}

// injected would run if a shell read it as anything but one word.
const injected = `x;touch${IFS}ran|sh&touch${IFS}ran$(touch${IFS}ran)'"` + "`touch${IFS}ran`"

// TestPastedNames runs the printed commands in bash, with names from events, logs, Secrets and objects that hold commands
// and options. Every command is a stub that does nothing.
func TestPastedNames(t *testing.T) {
	bash, err := exec.LookPath("bash")
	require.NoError(t, err)
	failed := func(s *Snapshot, description string) {
		s.Claims, s.Volumes, s.Pods = nil, nil, nil
		s.Stored.Status, s.Stored.Description = "failed", description
	}
	breaks := map[string]func(s *Snapshot, name string){
		"quota": func(s *Snapshot, name string) {
			failed(s, "exceeded quota: "+name+", requested: "+injected+"=1,"+name+"=2, used: pods=1, limited: pods=1")
		},
		"policy": func(s *Snapshot, name string) {
			failed(s, "ValidatingAdmissionPolicy '"+strings.ReplaceAll(name, "'", "")+"' with binding '"+strings.ReplaceAll(name, "'", "")+"' denied request: no")
		},
		"webhook": func(s *Snapshot, name string) {
			failed(s, `admission webhook "`+strings.ReplaceAll(name, `"`, "")+`" denied the request: no`)
		},
		"webhook down": func(s *Snapshot, name string) {
			failed(s, `failed calling webhook "`+strings.ReplaceAll(name, `"`, "")+`": no`)
		},
		"secret": func(s *Snapshot, name string) {
			s.waits("FailedMount", `secret "`+strings.ReplaceAll(name, `"`, "")+`" not found`)
		},
		"directory": func(s *Snapshot, name string) {
			s.waits("FailedMount", "hostPath type check failed: "+strings.ReplaceAll(name, " ", "")+" is not a directory")
		},
		"volume that is asked for": func(s *Snapshot, name string) {
			s.Claims[0].Spec.VolumeName, s.Claims[0].Status.Phase = name, corev1.ClaimPending
		},
		"volume of another": func(s *Snapshot, name string) {
			s.Volumes[0].Spec.ClaimRef.Name, s.Volumes[0].Spec.ClaimRef.Namespace, s.Claims[0].Status.Phase = name, name, corev1.ClaimPending
		},
		"volume to be made": func(s *Snapshot, name string) {
			s.Volumes, s.Claims[0].Status.Phase = nil, corev1.ClaimLost
			s.WantVolumes[0].Spec.CSI.Driver, s.WantVolumes[0].Spec.CSI.VolumeHandle = name, orders
			s.WantVolumes[0].Labels, s.WantVolumes[0].Annotations = map[string]string{name: orders}, map[string]string{"::error x::": name + orders}
		},
		"claim to be made": func(s *Snapshot, name string) {
			s.Claims, s.Pods = nil, nil
			s.WantClaims[0].Labels = map[string]string{name: orders}
		},
		"class": func(s *Snapshot, name string) {
			s.dynamic("gone", storagev1.VolumeBindingImmediate)
			s.Classes[0].Name = name
		},
		"node": func(s *Snapshot, name string) {
			s.Nodes[0].Name, s.Nodes[0].Spec.Unschedulable = name, true
			s.homelessBy("0/2 nodes are available")
		},
		"node that is named": func(s *Snapshot, name string) {
			pods := s.Pods
			s.dynamic("fast", storagev1.VolumeBindingWaitForFirstConsumer)
			pods[0].Status.Phase, pods[0].Spec.NodeName, s.Pods = corev1.PodPending, name, pods
		},
		"pod": func(s *Snapshot, name string) {
			s.Pods[0].Name = name
			s.ended(1, "")
			s.Logs[name] = "Permission denied"
		},
	}
	for what, breaks := range breaks {
		for kind, name := range map[string]string{"command": injected, "lines": "x\ntouch ran\n", "option": "--kubeconfig=x", "orders": orders} {
			t.Run(what+"/"+kind, func(t *testing.T) {
				s := well()
				breaks(s, name)
				report := Of(s)
				require.NotEmpty(t, report.Diagnoses)
				var text strings.Builder
				require.NoError(t, report.WriteText(&text))
				assert.NotRegexp(t, obeyed, text.String())
				dir := t.TempDir()
				var script strings.Builder
				for _, tool := range []string{"kubectl", "helm", "ckptctl", "jq", "grep"} {
					script.WriteString(tool + "() { printf '%s\\n' \"$@\" >>" + filepath.Join(dir, "words") + "; }\n")
				}
				for _, d := range report.Diagnoses {
					require.NotEmpty(t, d.Repair)
					script.WriteString(pasted(d.Repair) + "\n")
				}
				command := exec.CommandContext(t.Context(), bash, "-uc", script.String())
				command.Dir = dir
				out, err := command.CombinedOutput()
				require.NoError(t, err, "%s\n%s", out, script.String())
				assert.NoFileExists(t, filepath.Join(dir, "ran"), script.String())
				words, err := os.ReadFile(filepath.Join(dir, "words"))
				require.NoError(t, err, "nothing is to be pasted")
				assert.NotRegexp(t, `(?m)^--kubeconfig`, string(words))
			})
		}
	}
}
