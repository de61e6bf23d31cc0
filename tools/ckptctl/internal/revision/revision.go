// Package revision reads the files of a revision of a git repository, by the git command, and leaves the work tree alone.
package revision

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"

	"checkpoint-storage/tools/ckptctl/internal/paste"
	"checkpoint-storage/tools/ckptctl/internal/plain"
)

// Revision is a revision of the repository that a folder is in.
type Revision struct {
	name string
	// top is the repository's folder, and prefix leads from there to the folder that names of files are relative to.
	top, prefix string
	// files are those of the revision, by their path from the top; links are those of them that are symbolic links.
	files map[string]string
	links map[string]bool
	// sorted are the paths of the files.
	sorted []string

	mutex   sync.Mutex
	objects *objects
}

// objects is git, answering with the contents of objects.
type objects struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// Open reads which files a revision has; one that ends with ... is where the current branch left it. Close it.
func Open(ctx context.Context, folder, name string) (*Revision, error) {
	out, err := git(ctx, folder, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return nil, err
	}
	top, prefix, _ := strings.Cut(out, "\n")
	r := &Revision{name: name, top: top, prefix: strings.TrimSpace(prefix), files: map[string]string{}, links: map[string]bool{}}
	commit, err := "", errors.New("a revision does not begin with -")
	if name != "" && !strings.HasPrefix(name, "-") {
		if with, forked := strings.CutSuffix(name, "..."); forked {
			commit, err = git(ctx, folder, "merge-base", with, "HEAD")
		} else {
			commit, err = git(ctx, folder, "rev-parse", "--verify", "--quiet", name+"^{commit}")
		}
	}
	if err != nil {
		fix := "write git: and a branch, a tag or a commit"
		if remote, branch, found := strings.Cut(strings.TrimSuffix(name, "..."), "/"); found && remote == "origin" {
			fix = "fetch it: " + paste.Command("git fetch origin %s:%s", branch, "refs/remotes/"+remote+"/"+branch).String() + "; the checkout of a CI often has one commit alone (fetch-depth: 0)"
		}
		return nil, fmt.Errorf("the repository %s has no revision %q\nfix: %s", top, name, fix)
	}
	list, err := git(ctx, folder, "ls-tree", "-r", "-z", "--full-tree", strings.TrimSpace(commit))
	if err != nil {
		return nil, err
	}
	for entry := range strings.SplitSeq(list, "\x00") {
		about, file, found := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !found || len(fields) != 3 || fields[1] != "blob" {
			continue
		}
		r.files[file] = fields[2]
		if fields[0] == "120000" {
			r.links[file] = true
		}
		r.sorted = append(r.sorted, file)
	}
	slices.Sort(r.sorted)
	r.objects, err = start(ctx, folder)
	return r, err
}

// git runs a command of git that only reads.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	out, err := command.Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("git is not installed, and it is what reads the revision")
	case errors.As(err, &exit):
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(plain.Text(strings.TrimPrefix(string(exit.Stderr), "fatal: "))))
	}
	return string(out), err
}

func start(ctx context.Context, folder string) (*objects, error) {
	o := &objects{command: exec.CommandContext(ctx, "git", "cat-file", "--batch")}
	o.command.Dir = folder
	out, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if o.in, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	o.out = bufio.NewReaderSize(out, 64<<10)
	return o, o.command.Start()
}

// Close ends the program that reads objects.
func (r *Revision) Close() error {
	_ = r.objects.in.Close()
	return r.objects.command.Wait()
}

// path is the path from the top of a file that is named from the folder, or as it is shown, and whether the repository has such paths.
func (r *Revision) path(name string) (string, bool) {
	if shown, ours := strings.CutPrefix(name, "git:"+r.name+":"); ours {
		name = shown
	} else if filepath.IsAbs(name) {
		rel, err := filepath.Rel(r.top, name)
		if err != nil {
			return "", false
		}
		name = filepath.ToSlash(rel)
	} else {
		name = path.Join(r.prefix, filepath.ToSlash(name))
	}
	return name, name != ".." && !strings.HasPrefix(name, "../")
}

// Shown names a file as git does: with the revision.
func (r *Revision) Shown(name string) string {
	in, _ := r.path(name)
	return "git:" + r.name + ":" + in
}

// Has says whether the revision has a file.
func (r *Revision) Has(name string) bool {
	file, _ := r.path(name)
	_, there := r.files[file]
	return there
}

// mostLinks is how many symbolic links may lead to a file.
const mostLinks = 10

// Read reads a file. The error is fs.ErrNotExist if the revision does not have it.
func (r *Revision) Read(name string) ([]byte, error) {
	file, ours := r.path(name)
	if !ours {
		return nil, fs.ErrNotExist
	}
	for range mostLinks {
		id, there := r.files[file]
		if !there {
			return nil, fs.ErrNotExist
		}
		text, err := r.object(id)
		if err != nil || !r.links[file] {
			return text, err
		}
		file = path.Join(path.Dir(file), string(text))
	}
	return nil, fs.ErrNotExist
}

// maxObject is the largest file that is read, in bytes.
const maxObject = 64 << 20

func (r *Revision) object(id string) ([]byte, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if _, err := io.WriteString(r.objects.in, id+"\n"); err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	head, err := r.objects.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("git cat-file: %w", err)
	}
	fields := strings.Fields(head)
	if len(fields) != 3 {
		return nil, fmt.Errorf("git cat-file: %s", strings.TrimSpace(head))
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size > maxObject {
		return nil, fmt.Errorf("git cat-file: an object of %s bytes", fields[2])
	}
	text := make([]byte, size+1)
	_, err = io.ReadFull(r.objects.out, text)
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// Glob finds files, named from the folder.
func (r *Revision) Glob(pattern string) ([]string, error) {
	in, ours := r.path(pattern)
	var out []string
	for _, file := range r.sorted {
		matches, err := path.Match(in, file)
		if err != nil {
			return nil, err
		}
		if !ours || !matches {
			continue
		}
		name := filepath.Join(r.top, filepath.FromSlash(file))
		if !filepath.IsAbs(pattern) {
			if name, err = filepath.Rel(filepath.FromSlash("/"+r.prefix), filepath.FromSlash("/"+file)); err != nil {
				return nil, err
			}
		}
		out = append(out, name)
	}
	return out, nil
}

// Folder has the files of a folder; nil if the revision has no such folder.
func (r *Revision) Folder(name string) (fs.FS, error) {
	in, ours := r.path(name)
	out := fstest.MapFS{}
	from, _ := slices.BinarySearch(r.sorted, in+"/")
	for _, file := range r.sorted[from:] {
		inside, below := strings.CutPrefix(file, in+"/")
		if !ours || !below {
			break
		}
		text, err := r.object(r.files[file])
		if err != nil {
			return nil, err
		}
		out[inside] = &fstest.MapFile{Data: text}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}
