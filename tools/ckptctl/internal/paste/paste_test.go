package paste

import (
	"os/exec"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/plain"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// bash runs a line and returns the words that it gives to the command.
func bash(t *testing.T, line Line) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", "-uc", `kubectl() { printf '%s\0' "$@"; }; `+line.String()).CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, out)
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestCommand checks that a shell reads each word as the one word that it is.
func TestCommand(t *testing.T) {
	assert.Equal(t, "kubectl -n training delete pod trainer-0", Command("kubectl -n %s delete pod %s", "training", "trainer-0").String())
	for _, word := range []string{
		"trainer-0", "", "two words", "it's", `"`, "$(reboot)", "`reboot`", "a;b", "a|b", "a&b", "a>b", "~", "*", "#x", "!!", "{a,b}", `\`, "a\nreboot", "\x1b[2J", "\u202e", "\x00x", "é",
	} {
		assert.Equal(t, []string{"get", plain.Line(word), "end"}, bash(t, Command("kubectl get %s end", word)), "%q", word)
	}
	for _, option := range []string{"-A", "--kubeconfig=x", "=ls", "-"} {
		assert.Equal(t, []string{"get", "NAME"}, bash(t, Command("kubectl get %s", option)))
	}
	assert.Equal(t, []string{"a", "b c"}, bash(t, Command("kubectl %s", Words{"a", "b c"})))
	assert.Equal(t, []string{"a b", "c"}, bash(t, Command("%s c", Command("kubectl %s", "a b"))), "a line is put in as it is")
	assert.Equal(t, []string{`{"a":"<it's>\u202e"}`}, bash(t, Command("kubectl %s", JSON(map[string]string{"a": "<it's>\u202e"}))))
}

// TestComment checks that a comment ends with its line, and a command in it is quoted all the same.
func TestComment(t *testing.T) {
	assert.Equal(t, `# volume x reboot\u001b: kubectl get 'a b'`, Comment("volume %s: %s", "x\nreboot\x1b", Command("kubectl get %s", "a b")).String())
}

// TestDocument checks that a command is given the object whole and as it is, also where it stands indented in a report.
func TestDocument(t *testing.T) {
	for name, text := range map[string]string{
		"plain": "a", "quotes": "it's", "lines": "a\n  b\n\nc\n", "bidirectional": "\u202e", "escape": "\x1b[2J", "runner": "::error::x", "late runner": "##[error]x", "yaml": "%a: {b", "end": "'\nEOF\n'",
	} {
		t.Run(name, func(t *testing.T) {
			want := &corev1.PersistentVolume{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
				ObjectMeta: metav1.ObjectMeta{Name: "v", Annotations: map[string]string{"a": text, text: "b"}},
			}
			line := Command("kubectl create -f - <<<%s", want)
			assert.Equal(t, line.String(), plain.Inert(plain.Text(line.String())))
			for _, shown := range []string{line.String(), strings.ReplaceAll(line.String(), "\n", "\n    ")} {
				script := strings.Replace(shown, "kubectl create -f -", "cat", 1)
				out, err := exec.CommandContext(t.Context(), "bash", "-uc", script).CombinedOutput()
				require.NoError(t, err, "%s", out)
				var got corev1.PersistentVolume
				require.NoError(t, yaml.UnmarshalStrict(out, &got), "%s", out)
				assert.Equal(t, want, &got)
			}
		})
	}
}

// TestVia checks that each command of a line names the cluster, as one word, and that a comment does not.
func TestVia(t *testing.T) {
	for line, want := range map[Line]string{
		Command("kubectl get pv %s", "a b"):       "kubectl --context 'x y' get pv 'a b'",
		Command("helm upgrade %s", "kubectl"):     "helm --kube-context 'x y' upgrade kubectl",
		Comment("kubectl lists them"):             "# kubectl lists them",
		Command("kubectl get pvc | grep kubectl"): "kubectl --context 'x y' get pvc | grep kubectl",
		Command("%s && kubectl get %s | helm upgrade %s", Command("ckptctl doctor %s", "| kubectl"), "&& helm", "a"): "ckptctl --kube-context 'x y' doctor '| kubectl' && kubectl --context 'x y' get '&& helm' | helm --kube-context 'x y' upgrade a",
		Comment("this lists them: %s", Command("kubectl get pv")):                                                    "# this lists them: kubectl --context 'x y' get pv",
	} {
		assert.Equal(t, want, line.Via(Cluster{Context: "x y"}).String())
		assert.Equal(t, line, line.Via(Cluster{}))
	}
	assert.Equal(t, "kubectl --kubeconfig 'my file' --context c get pv", Command("kubectl get pv").Via(Cluster{"my file", "c"}).String())
	assert.Equal(t, "helm --kubeconfig file list", Command("helm list").Via(Cluster{Kubeconfig: "file"}).String())
}
