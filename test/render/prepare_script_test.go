package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// claimRoot is a directory that stands for a claim, and the script of prepare for it.
type claimRoot struct {
	t    *testing.T
	path string
}

// prepare runs the script of the chart on the claim, with env as given beside what the Job would say, and returns what it
// printed. Further programs come before the machine's own.
func (c claimRoot) prepare(programs string, env ...string) (string, error) {
	c.t.Helper()
	container := prepared(c.t, nil).prepares[0].Spec.Template.Spec.Containers[0]
	command := exec.CommandContext(c.t.Context(), container.Command[0], append(container.Command[1:], container.Args...)...)
	command.Env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "LC_ALL=C"}
	for _, e := range container.Env {
		command.Env = append(command.Env, e.Name+"="+e.Value)
	}
	command.Env = append(append(command.Env, "MOUNT="+c.path), env...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// mode is the mode of a path on the claim.
func (c claimRoot) mode(path string) os.FileMode {
	c.t.Helper()
	info, err := os.Stat(filepath.Join(c.path, path))
	require.NoError(c.t, err)
	return info.Mode().Perm()
}

func newClaimRoot(t *testing.T) claimRoot {
	t.Helper()
	path, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return claimRoot{t, path}
}

// TestPrepareTakesNothing checks that a directory with files in it stays whose it is, unless the values say that it is
// theirs to give away; and which directories are no such case. It needs no root: to give away is only said.
func TestPrepareTakesNothing(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	for name, script := range map[string]string{"chown": `echo "owner $1"`, "chgrp": `echo "group $1"`, "chmod": `echo "mode $1"`, "id": "echo 99"} {
		require.NoError(t, os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700)) //nolint:gosec // It is run.
	}
	user, group := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())
	for name, test := range map[string]struct {
		files, env []string
		// does is what is done to the directory; "" is that it is refused.
		does string
	}{
		"a directory that is in use": {[]string{"shard"}, []string{"OWNER=98", "GROUP=97"}, ""},
		"a hidden file":              {[]string{".lock"}, []string{"OWNER=98"}, ""},
		"a group alone":              {[]string{"shard"}, []string{"GROUP=97"}, ""},
		"a mode alone":               {[]string{"shard"}, nil, ""},
		"a value says so":            {[]string{"shard"}, []string{"OWNER=98", "GROUP=97", "TAKE_OVER=true"}, "owner 98 group 97 mode 0770"},
		"it holds nothing":           {nil, []string{"OWNER=98"}, "owner 98 mode 0770"},
		"it is the owner's already":  {[]string{"shard"}, []string{"OWNER=" + user, "GROUP=97"}, "group 97 mode 0770"},
		"nothing is asked for":       {[]string{"shard"}, []string{"MODE=0750"}, "nothing"},
		"it is as it should be":      {[]string{"shard"}, []string{"MODE=0750", "OWNER=" + user, "GROUP=" + group}, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClaimRoot(t)
			require.NoError(t, os.Mkdir(filepath.Join(c.path, "team-a"), 0o750))
			for _, file := range test.files {
				require.NoError(t, os.WriteFile(filepath.Join(c.path, "team-a", file), nil, 0o600))
			}
			out, err := c.prepare(programs, test.env...)
			if test.does == "" {
				require.Error(t, err, out)
				assert.Contains(t, out, "FAILED: team-a is there already, with files in it, and belongs to user "+user+" (group "+group+", mode 750).")
				assert.Contains(t, out, "prepare.takeOver: true")
				return
			}
			require.NoError(t, err, out)
			done, _, _ := strings.Cut(out, "team-a: ")
			assert.Equal(t, strings.TrimPrefix(test.does, "nothing"), strings.Join(strings.Fields(done), " "))
		})
	}
}

// TestPrepareHandsNothingPlantedOn checks that a directory which its owner puts something into while it is given away is
// handed back: the new owner would trust what is in it. Only root sees it happen, so a program says that it did.
func TestPrepareHandsNothingPlantedOn(t *testing.T) {
	t.Parallel()
	programs := t.TempDir()
	for name, script := range map[string]string{"chown": `echo "owner $1"`, "chmod": ":", "id": "echo 99", "find": "echo ./step-9"} {
		require.NoError(t, os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700)) //nolint:gosec // It is run.
	}
	c := newClaimRoot(t)
	require.NoError(t, os.Mkdir(filepath.Join(c.path, "team-a"), 0o750))
	out, err := c.prepare(programs, "OWNER=98")
	require.Error(t, err, out)
	was := strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid())
	assert.Contains(t, out, "owner 98\nowner "+was+"\nFAILED: files came into team-a while it was given away")
}

// TestPrepareNamesAFile checks that what is no directory is left alone, and called what it is.
func TestPrepareNamesAFile(t *testing.T) {
	t.Parallel()
	c := newClaimRoot(t)
	require.NoError(t, os.WriteFile(filepath.Join(c.path, "team-a"), nil, 0o640))
	out, err := c.prepare("")
	require.Error(t, err, out)
	assert.Contains(t, out, "FAILED: team-a is there already, and is no directory")
	assert.EqualValues(t, 0o640, c.mode("team-a"))
}

// TestPrepareFollowsNoLink has what the script enters become a link at each of its steps: where it leads stays as it is.
func TestPrepareFollowsNoLink(t *testing.T) {
	t.Parallel()
	mine := []string{"OWNER=" + strconv.Itoa(os.Getuid()), "MODE=0700"}
	for name, swap := range map[string]string{
		"before it is looked at": "",
		// Another pod is faster than this one's mkdir.
		"while it is made": `mkdir`,
		// The last of the programs that run before the directory is entered.
		"while it is looked at": `id`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, programs := newClaimRoot(t), t.TempDir()
			victim := filepath.Join(c.path, "victim")
			require.NoError(t, os.Mkdir(victim, 0o755))
			link := "ln -sfn victim " + filepath.Join(c.path, "team-a")
			if swap == "" {
				require.NoError(t, exec.CommandContext(t.Context(), "sh", "-c", link).Run())
			} else {
				real, err := exec.LookPath(swap)
				require.NoError(t, err)
				program := "#!/bin/sh\n" + link + "\nexec " + real + ` "$@"` + "\n"
				require.NoError(t, os.WriteFile(filepath.Join(programs, swap), []byte(program), 0o700)) //nolint:gosec // It is run.
			}
			out, err := c.prepare(programs, mine...)
			require.Error(t, err, out)
			assert.Contains(t, out, "FAILED: team-a ")
			assert.EqualValues(t, 0o755, c.mode("victim"), "what the link leads to was changed: %s", out)
		})
	}
}

// TestPrepareUnderALink checks that the claim itself may be mounted where the image has a link.
func TestPrepareUnderALink(t *testing.T) {
	t.Parallel()
	c := newClaimRoot(t)
	require.NoError(t, os.Mkdir(filepath.Join(c.path, "real"), 0o755))
	require.NoError(t, os.Symlink("real", filepath.Join(c.path, "link")))
	out, err := c.prepare("", "MOUNT="+filepath.Join(c.path, "link"))
	require.NoError(t, err, out)
	assert.EqualValues(t, 0o770, c.mode("real/team-a"), out)
}
