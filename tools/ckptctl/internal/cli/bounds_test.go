package cli

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"checkpoint-storage/test/sample"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain lets this binary run as ckptctl in a separate process, whose memory can be measured.
func TestMain(m *testing.M) {
	if os.Getenv("STAND_FOR_CKPTCTL") != "" {
		os.Exit(Run(os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// alone runs ckptctl in a separate process, which must end in a minute and use less than 500 MB.
func alone(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), "STAND_FOR_CKPTCTL=yes")
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := command.Run()
	require.NoError(t, ctx.Err(), "it does not end")
	require.NotNil(t, command.ProcessState, "%v", err)
	usage, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
	assert.Less(t, usage.Maxrss, int64(500<<10), "KiB")
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// many repeats a line with numbers in it.
func many(n int, line string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, line, i)
	}
	return out.String()
}

// TestBounds checks that values of any shape and size end soon, in little memory, and in an error that names the cause; what
// was not read is never called ok.
func TestBounds(t *testing.T) {
	cases := map[string]struct {
		values string
		args   []string
		code   int
		says   string
	}{
		"unknown keys":             {values: many(10000, "key%05d: 1\n"), code: Found, says: "10000 errors, 0 warnings"},
		"unknown keys in one line": {values: "{" + many(10000, "key%05d: 1, ") + "}", code: Found, says: "10000 errors, 0 warnings"},
		"keys that stand twice":    {values: many(10000, "k%d: 1\n") + many(10000, "k%d: 1\n"), code: Found, says: "10000 errors, 10000 warnings"},
		"wrong in every item":      {values: "shards: 1\nshardOverrides:\n" + many(10000, "- {z%d: 1}\n"), code: Found, says: "shardOverrides[9999].z9999"},
		"odd and wrong":            {values: "claim:\n  labels:\n" + many(20000, "    k%d: 0755\n"), code: Found, says: "20000 errors, 0 warnings"},
		"comments that accept":     {values: many(20000, "# ckptctl:accept W03 reason %d\n"), code: OK, says: "accept/unused"},
		"mount options":            {values: "mountOptions:\n" + many(20000, "- option%d\n"), code: Found, says: "E33: mountOptions: "},
		"aliases":                  {values: "x-a: &a {b: 1}\nclaim:\n  labels:\n" + many(20000, "    k%d: *a\n"), code: Found, says: "claim.labels.k19999: must be a string, and is a map."},
		"aliases of aliases":       {values: "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", code: Unusable, says: "excessive aliasing"},
		"nesting":                  {values: "a: " + strings.Repeat("[", 100000), code: Unusable, says: "exceeded max depth"},
		"nesting that ends":        {values: "a: " + strings.Repeat("{a: ", 5000) + strings.Repeat("}", 5000), code: Found, says: "unknown-key: a: "},
		"a long value":             {values: "size: " + strings.Repeat("x", 3<<20), code: Found, says: "x… (3145730 bytes) is no size"},
		"a long line":              {values: "size: 10 # " + strings.Repeat("x", 3<<20), code: Found, says: "size: must be a string"},
		"a long key":               {values: "? " + strings.Repeat("x", 1<<20) + "\n: 1\n", code: Found, says: "there is no such key."},
		"many values":              {values: "a: [" + strings.Repeat("1,", 390000) + "1]\n", code: Found, says: "unknown-key: a: "},
		"too many values":          {values: "a: [" + strings.Repeat("1,", 2000000) + "1]\n", code: Unusable, says: "-: has more than 400000 keys and items"},
		"documents":                {values: strings.Repeat("---\na: 1\n", 100000), args: []string{"--helm", "4"}, code: Found, says: "unknown-key: a: "},
		"a pipe over the limit":    {values: strings.Repeat("# nothing\n", maxTest/10+1), code: Unusable, says: "is larger than 4 MiB"},
		"an index":                 {args: []string{"--set", "a[65536]=x"}, code: Found, says: "unknown-key: a: "},
		"an index of a list":       {args: []string{"--set", "mountOptions[65536]=x"}, code: Found, says: "65536 errors, 0 warnings"},
		"an index over the limit":  {args: []string{"--set", "a[65537]=x"}, code: Unusable, says: "index of 65537 is greater than maximum supported index of 65536"},
		"a device without an end":  {args: []string{"-f", "/dev/zero"}, code: Unusable, says: "/dev/zero: is larger than 4 MiB"},
		"a device as a value":      {args: []string{"--set-file", "size=/dev/zero"}, code: Unusable, says: "/dev/zero: is larger than 4 MiB"},
		"a file of size 0":         {args: []string{"-f", "/proc/self/status"}, code: Found, says: "unknown-key: VmPeak"},
		"standard input each":      {args: []string{"-"}, code: Unusable, says: "the standard input cannot be an overlay"},
		"options":                  {args: strings.Fields(many(5000, "--set k%d.a=1 ")), code: Found, says: "5000 errors, 0 warnings"},
	}
	for _, name := range sample.Of(slices.Sorted(maps.Keys(cases))) {
		t.Run(name, func(t *testing.T) {
			c := cases[name]
			args := append([]string{"check"}, c.args...)
			if c.values != "" {
				args = append(args, "-f", "-")
			}
			code, out, errs := alone(t, c.values, args...)
			assert.Equal(t, c.code, code, "%.500s", errs)
			assert.Contains(t, out[max(0, len(out)-4000):]+out[:min(len(out), 2<<20)]+errs, c.says)
		})
	}
}

// maxTest is more than values may have.
const maxTest = 4 << 20

// TestPlotOnFullDisk checks that a plot which the disk has no room for leaves what was there, and no half file.
func TestPlotOnFullDisk(t *testing.T) {
	args := []string{"size", "--params", "70e9", "--nodes", "64", "--write-gbps", "20", "--mtbf-gpu-hours", "50000", "--plot", "lost.svg"}
	script := `mount -t tmpfs -o size=16k tmpfs "$0" && cd "$0" && printf before > lost.svg && "$@"; echo "exit $?"; ls -A; cat lost.svg`
	command := exec.CommandContext(t.Context(), "unshare", append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", script, t.TempDir(), os.Args[0]}, args...)...)
	command.Env = append(os.Environ(), "STAND_FOR_CKPTCTL=yes")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "error: --plot lost.svg: it cannot be written: write lost.svg: no space left on device\nexit 2\nlost.svg\nbefore", string(out))

	// With room, it takes the place of what was there, and a link stays one.
	dir := t.TempDir()
	plot, link := filepath.Join(dir, "lost.svg"), filepath.Join(dir, "link.svg")
	require.NoError(t, os.WriteFile(plot, []byte("before"), 0o600))
	require.NoError(t, os.Symlink("lost.svg", link))
	args[len(args)-1] = link
	code, _, errs := ckptctl(args...)
	assert.Equal(t, OK, code, errs)
	text, err := os.ReadFile(plot)
	require.NoError(t, err)
	assert.Contains(t, string(text), "</svg>")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2)
}
