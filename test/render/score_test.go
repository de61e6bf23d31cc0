package render

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/gruntwork-io/terratest/modules/helm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// strict are the checks that are off unless asked for.
var strict = []string{
	"container-seccomp-profile", "container-memory-requests-equal-limits", "container-ephemeral-storage-request-equals-limit",
	"container-ports-check",
}

// unwanted are the checks that ask for what would be wrong here, with why.
var unwanted = map[string]string{
	"container-image-pull-policy": "an image with a version in its name need not be asked for again, and many clusters cannot ask",
	"pod-networkpolicy":           "the pods open no port and make no connections; a policy would be one more right for the installer to have",
}

// TestScore checks that kube-score, at its strictest, has nothing to say about the pods that the chart makes, but that it
// would limit CPU: a limit slows a pod down without giving the node anything.
func TestScore(t *testing.T) {
	t.Parallel()
	arguments := []string{"score", "--output-format", "ci"}
	for _, check := range strict {
		arguments = append(arguments, "--enable-optional-test", check)
	}
	for check := range unwanted {
		arguments = append(arguments, "--ignore-test", check)
	}
	manifest, err := render(t, &helm.Options{SetJSONValues: manyNodes(map[string]string{
		"prepare": `{"enabled": true, "directory": "team-a"}`, "benchmark": `{"enabled": true, "image": {"repository": "fio", "tag": "3.39"}}`,
		"frameworks": `["dcp"]`, "freshness": `{"maxAge": "6h"}`,
	})})
	require.NoError(t, err)
	score := exec.CommandContext(t.Context(), "kube-score", append(arguments, "-")...)
	score.Stdin = strings.NewReader(manifest)
	out, _ := score.Output()
	judged := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, _, _ := strings.Cut(strings.TrimPrefix(line[strings.Index(line, "]")+1:], " "), " ")
		judged[name] = true
		switch {
		case strings.HasPrefix(line, "[OK]"), strings.HasPrefix(line, "[SKIPPED]"), strings.HasSuffix(line, "CPU limit is not set"):
		default:
			assert.Fail(t, "kube-score", line)
		}
	}
	assert.Len(t, judged, 4, "a Job to prepare, one to test, one to measure, and a CronJob: %v", judged)
}
