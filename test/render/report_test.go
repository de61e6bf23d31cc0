package render

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// report runs the table of helm test on what pods saw, and returns it with whether it passed.
func report(t *testing.T, seen, operations, mount string, variables map[string]string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"operations": operations, "mountinfo": mount} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	all := map[string]string{
		"mount": "/checkpoints", "claim": "train/checkpoints", "size": "10Gi", "asked": "", "first": "a", "second": "b", "meeting": "spread",
		"space": "x 104857600 1 52428800 1% /checkpoints",
	}
	for name, value := range variables {
		all[name] = value
	}
	scripts := filepath.Join(chartPath, "files", "test")
	args := []string{"-f", filepath.Join(scripts, "quantity.awk"), "-f", filepath.Join(scripts, "report.awk")}
	for name, value := range all {
		args = append(args, "-v", name+"="+value)
	}
	command := exec.CommandContext(t.Context(), "awk", append(args, filepath.Join(dir, "operations"), filepath.Join(dir, "mountinfo"), "-")...)
	command.Stdin = strings.NewReader(seen)
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return string(out), err == nil
}

// TestReport checks what the table of helm test passes, remarks and fails on.
func TestReport(t *testing.T) {
	t.Parallel()
	const (
		disk = "1 2 0:1 / /other rw - tmpfs x rw\n36 35 8:1 /d /checkpoints rw,noatime shared:1 - ext4 /dev/sda rw,errors=ro\n"
		nfs  = "36 35 0:9 / /checkpoints rw,noatime - nfs4 10.0.0.5:/export rw,vers=4.1,hard\n"
		fuse = "36 35 0:9 / /checkpoints rw - fuse.bucket b rw,user_id=0\n"
		all  = "reread|yes|\nrenameFile|yes|\nvisible|yes|after 0.2 s\nrewritten|yes|after 0.2 s\n"
	)
	rename := func(declared, wanted string) string {
		return "renameFile|" + declared + "|" + wanted + "|rename a file\n"
	}
	for name, c := range map[string]struct {
		seen, operations, mount string
		variables               map[string]string
		passes                  bool
		want                    []string
	}{
		"all is well":                      {all, rename("yes", "dcp"), disk, nil, true, []string{"ext4 /dev/sda, rw,noatime,rw,errors=ro", "rename a file .* yes +dcp +yes", "50.0GiB of 100.0GiB", "nodes +2 +2"}},
		"a framework's need is missing":    {"renameFile|no|mv: no\n", rename("unknown", "dcp,orbax"), disk, nil, false, []string{"FAILED: dcp,orbax must be able to rename a file, and this mount cannot: mv: no"}},
		"a promise is broken":              {"renameFile|no|mv: no\n", rename("yes", "-"), disk, nil, false, []string{"FAILED: the backend should be able to rename a file"}},
		"no framework needs it":            {"reread|yes|\nrenameFile|no|mv: no\n", rename("no", "-"), disk, nil, true, []string{"rename a file +no +- +no"}},
		"the worse of two sights":          {"reread|yes|\nrenameFile|no|twice\nrenameFile|yes|\n", rename("yes", "dcp"), disk, nil, false, []string{"cannot: twice"}},
		"it could not be tried":            {"reread|yes|\nlock|untested|\n", "lock|yes|a framework|lock a file\n", disk, nil, true, []string{"ATTENTION: could not try to lock a file"}},
		"the other pod read something":     {"reread|no|wrong content: shard-2\n", "", disk, nil, false, []string{"FAILED: all must be able to read the other pod's shards, and this mount cannot: wrong content: shard-2"}},
		"the other pod saw no file":        {"reread|yes|\nvisible|no|not within 75 s\n", "visible|yes|ReadWriteMany|see another pod's new file\n", disk, nil, false, []string{"FAILED: ReadWriteMany must be able to see"}},
		"the other pod saw it late":        {"reread|yes|\nvisible|yes|after 31.4 s\n", "visible|yes|-|see another pod's new file\n", disk, nil, true, []string{"ATTENTION: a file is seen by other pods only after 31.4 s"}},
		"less space than the size":         {all, "", disk, map[string]string{"size": "2Ti"}, true, []string{"ATTENTION: size is 2Ti, and the file system behind the claim has 100.0GiB in all"}},
		"one node of two":                  {all, "", disk, map[string]string{"second": "a"}, true, []string{"nodes +1 +2", "ATTENTION: both pods ran on node a"}},
		"one node of one":                  {all, "", disk, map[string]string{"second": "a", "meeting": "together"}, true, []string{"nodes +1 +1"}},
		"options in force":                 {all, "", nfs, map[string]string{"asked": "nfsvers=4.1 hard noatime _netdev"}, true, []string{"mount options +all in force"}},
		"an option that is not in force":   {all, "", nfs, map[string]string{"asked": "nfsvers=4.1 nconnect=4"}, true, []string{"ATTENTION: mount options that are not in force: nconnect=4"}},
		"options that the kernel does not": {all, "", fuse, map[string]string{"asked": "implicit-dirs"}, true, []string{"mount options +not shown by FUSE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, passed := report(t, c.seen, c.operations, c.mount, c.variables)
			assert.Equal(t, c.passes, passed, table)
			assert.Contains(t, table, map[bool]string{true: "the claim can serve\n", false: "the claim cannot serve\n"}[c.passes])
			for _, want := range c.want {
				assert.Regexp(t, want, table)
			}
			if c.passes && name == "all is well" {
				assert.NotContains(t, table, "ATTENTION")
			}
		})
	}
}
