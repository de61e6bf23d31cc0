package cli

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/tools/ckptctl/check"
	"checkpoint-storage/tools/ckptctl/project"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
)

// scope is what a run is about: base files, the overlays on them, and what is known of each release. It follows from the
// flags and, in a project, from its file.
type scope struct {
	tree tree
	// project is nil outside of one, and folder is where its file is.
	project *project.Project
	folder  string
	// flags are those of the command, of which changed says which were given.
	flags   settingFlags
	changed func(name string) bool

	in check.Inputs
	// overlays are those of the run; none where the base files are one release.
	overlays []overlay
	// charts are shared with other scopes, and opened are those of this one, by their places.
	charts, opened charts
}

// charts are those that were opened, by what is in them: one that did not change is one.
type charts map[chartKey]*check.Chart

// chartKey tells charts apart.
type chartKey struct {
	digest string
	helm   int
}

// overlay is an overlay and what is known of its cluster.
type overlay struct {
	file, name, cluster string
	project.Settings
}

// settingFlags are the flags that the project file has keys for, besides those for values.
type settingFlags struct {
	project.Settings
	project string
	each    []string
}

func (s *settingFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&s.project, "project", "", "project `file`; default: "+project.Name+" in this folder or above")
	flags.StringArrayVar(&s.each, "each", nil, "check each file that matches `GLOB` separately, over the base files")
}

// scoped reads the project file, if there is one, and finds the overlays of a run. base and overlays are what the command
// line names.
func scoped(command *cobra.Command, flags settingFlags, in check.Inputs, files []string) (*scope, error) {
	s := &scope{tree: worktree{}, flags: flags, changed: command.Flags().Changed, in: in, charts: charts{}, opened: charts{}}
	if err := s.find(); err != nil {
		return nil, err
	}
	return s, s.complete(files)
}

// complete finds the overlays.
func (s *scope) complete(files []string) error {
	given, perFolder, err := s.expand(".", s.flags.each)
	if err != nil {
		return err
	}
	given = union(files, given)
	if s.project == nil {
		s.overlays = s.known(given, check.Names(given), perFolder)
		return nil
	}
	return s.inProject(given, perFolder)
}

// find reads the project file.
func (s *scope) find() error {
	file := s.flags.project
	if file == "" {
		found, err := project.Find(".")
		if err != nil || found == "" {
			return err
		}
		here, err := filepath.Abs(".")
		if err != nil {
			return err
		}
		if file, err = filepath.Rel(here, found); err != nil {
			return err
		}
	}
	text, err := s.tree.read(file)
	if err != nil {
		return err
	}
	s.folder = filepath.Dir(file)
	s.project, err = project.Read(s.tree.shown(file), text)
	return err
}

// inProject completes what the command line says by what the project file says.
func (s *scope) inProject(given []string, perFolder bool) error {
	p := s.project
	all, theirs, err := s.expand(s.folder, p.Overlays)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(all))
	for _, file := range all {
		// Names are those by which the project file calls them, wherever the command runs.
		name, err := filepath.Rel(absolute(s.folder), absolute(file))
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	names = check.Names(names)
	if err := p.Unknown(names); err != nil && s.tree.current() {
		return err
	}
	base := s.under(p.Base)
	alone := len(s.in.Files) > 0 && len(given) == 0
	if len(s.in.Files) == 0 {
		s.in.Files = base
	}
	for flag, list := range map[string]struct {
		to   *[]string
		from []string
	}{
		"set": {&s.in.Set, p.Set}, "set-string": {&s.in.SetString, p.SetString}, "set-json": {&s.in.SetJSON, p.SetJSON},
		"set-file": {&s.in.SetFile, p.SetFile}, "set-literal": {&s.in.SetLiteral, p.SetLiteral},
	} {
		if !s.changed(flag) {
			*list.to = list.from
		}
	}
	every := s.known(all, names, theirs)
	if alone {
		// The files are one release: that of the last one, if it is one of the project's.
		own := p.Settings
		if i := index(all, s.in.Files[len(s.in.Files)-1]); i >= 0 {
			own = p.Of(names[i])
		}
		s.flags.Settings = s.settings(own, "")
		return nil
	}
	shared := append(slices.Clone(base), filepath.Join(s.folder, project.Name))
	if len(given) == 0 || slices.ContainsFunc(given, func(file string) bool { return index(shared, file) >= 0 }) {
		// What all overlays share concerns all of them.
		if s.overlays = every; len(every) == 0 {
			s.flags.Settings = s.settings(p.Settings, "")
		}
		return nil
	}
	for i, o := range s.known(given, check.Names(given), perFolder) {
		if at := index(all, given[i]); at >= 0 {
			o = every[at]
		}
		s.overlays = append(s.overlays, o)
	}
	return nil
}

// under are paths of the project file, from the working directory.
func (s *scope) under(paths []string) []string {
	out := make([]string, len(paths))
	for i, each := range paths {
		out[i] = below(s.folder, each)
	}
	return out
}

func below(folder, file string) string {
	if filepath.IsAbs(file) {
		return filepath.Clean(file)
	}
	return direct(filepath.Join(folder, file))
}

// direct is a relative path without a way that leads up and back.
func direct(file string) string {
	if here, err := filepath.Rel(absolute("."), absolute(file)); err == nil && !filepath.IsAbs(file) {
		return here
	}
	return file
}

// absolute is a path from the root; one that has none stays what it is.
func absolute(file string) string {
	if whole, err := filepath.Abs(file); err == nil {
		return whole
	}
	return file
}

// index is where a file is in a list, however both are written; -1 if it is not.
func index(files []string, file string) int {
	whole := absolute(file)
	return slices.IndexFunc(files, func(each string) bool { return absolute(each) == whole })
}

// known are overlays with what is known of their clusters.
func (s *scope) known(files, names []string, perFolder bool) []overlay {
	out := make([]overlay, len(files))
	for i, file := range files {
		o := overlay{file: file, name: names[i], cluster: file}
		if s.project != nil {
			o.Settings = s.project.Of(names[i])
		}
		release := ""
		if perFolder {
			o.cluster, release = filepath.Dir(file), strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		}
		o.Settings = s.settings(o.Settings, release)
		o.cluster = cmp.Or(o.Context, o.cluster)
		out[i] = o
	}
	return out
}

// settings are those of the project file, under the flags that were given and over the defaults of those that were not.
// release is the release's name where nothing says another.
func (s *scope) settings(own project.Settings, release string) project.Settings {
	for flag, setting := range map[string]struct{ to, from *string }{
		"release": {&own.Release, &s.flags.Release}, "namespace": {&own.Namespace, &s.flags.Namespace}, "kube-context": {&own.Context, &s.flags.Context},
		"kube-version": {&own.KubeVersion, &s.flags.KubeVersion}, "quota": {&own.Quota, &s.flags.Quota}, "chart": {&own.Chart, &s.flags.Chart},
	} {
		if s.changed(flag) {
			*setting.to = *setting.from
		} else if *setting.to != "" && flag == "chart" && s.project != nil {
			*setting.to = below(s.folder, *setting.to)
		}
	}
	if s.changed("chart") {
		own.ChartVersion = ""
	}
	if s.changed("helm") || own.Helm == 0 {
		own.Helm = s.flags.Helm
	}
	own.Release = cmp.Or(own.Release, release, s.flags.Release)
	own.Namespace = cmp.Or(own.Namespace, s.flags.Namespace)
	return own
}

// expand returns the files of globs below a folder, in order, and whether the files of one folder are the releases of one
// cluster.
func (s *scope) expand(folder string, globs []string) (files []string, perFolder bool, err error) {
	for _, glob := range globs {
		found, err := s.tree.glob(below(folder, glob))
		if err == nil && len(found) == 0 && !s.tree.current() {
			continue
		}
		option := "--each " + glob
		if s.project != nil && folder == s.folder {
			option = ""
		}
		switch {
		case err != nil && option == "":
			return nil, false, s.project.Wrong("", "overlays", fmt.Sprintf("%s: %v.", glob, err), "close its bracket")
		case err != nil:
			return nil, false, fmt.Errorf("%s: %w", option, err)
		case len(found) == 0 && option == "":
			return nil, false, s.project.Wrong("", "overlays", fmt.Sprintf("no files match %s.", glob), "write the path from the folder of this file")
		case len(found) == 0:
			return nil, false, fmt.Errorf("%s: no files match", option)
		}
		files = union(files, found)
		perFolder = perFolder || strings.ContainsAny(filepath.Dir(glob), "*?[") && strings.ContainsAny(filepath.Base(glob), "*?[")
	}
	return files, perFolder, nil
}

// union are files in order, each once.
func union(some, others []string) []string {
	all := slices.Concat(some, others)
	slices.Sort(all)
	return slices.Compact(all)
}

// of is the release of settings, as check and diff take it.
func (s *scope) of(settings project.Settings) (release check.Release, err error) {
	release = check.Release{Name: settings.Release, Namespace: settings.Namespace}
	if release.Kubernetes, err = minor(settings.KubeVersion); err != nil {
		return release, err
	}
	if settings.Quota != "" {
		quota, err := resource.ParseQuantity(settings.Quota)
		if err != nil {
			return release, fmt.Errorf("--quota %s: write a number and a unit, such as 10Ti", settings.Quota)
		}
		release.Quota = quota.Value()
	}
	return release, nil
}

// checked are the overlays of the run as check takes them.
func (s *scope) checked() ([]check.Overlay, error) {
	out := make([]check.Overlay, len(s.overlays))
	for i, o := range s.overlays {
		release, err := s.of(o.Settings)
		if err != nil {
			return nil, err
		}
		chart, place, err := s.chart(o.name, o.Settings)
		if err != nil {
			return nil, err
		}
		out[i] = check.Overlay{
			File: s.tree.shown(o.file), Name: o.name, Cluster: o.cluster, Context: o.Context,
			Chart: chart, Place: cmp.Or(place, "./charts/"+check.Name), Release: release,
		}
	}
	return out, nil
}

// chart opens the chart of a release, once, and says where it is.
func (s *scope) chart(name string, settings project.Settings) (*check.Chart, string, error) {
	helm, err := generation(settings.Helm)
	if err != nil {
		return nil, "", err
	}
	place, err := s.place(name, settings)
	if err != nil {
		return nil, "", err
	}
	if known := s.opened[chartKey{place, settings.Helm}]; known != nil {
		return known, place, nil
	}
	files, err := s.tree.chart(place)
	if err != nil {
		return nil, "", s.about(name, err)
	}
	key := chartKey{digest(files), settings.Helm}
	if s.charts[key] == nil {
		if s.charts[key], err = target(place, files, helm); err != nil {
			return nil, "", s.about(name, err)
		}
	}
	s.opened[chartKey{place, settings.Helm}] = s.charts[key]
	return s.charts[key], place, nil
}

// digest tells the files of charts apart; that of the built-in chart is "".
func digest(files fs.FS) string {
	if files == embedded.FS {
		return ""
	}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		fmt.Fprintf(sum, "%s\x00%d\x00%s", name, len(text), text)
		return err
	})
	if err != nil {
		// What cannot be read says so where it is opened.
		return err.Error()
	}
	return string(sum.Sum(nil))
}

// about names the project file in an error of a chart, where it names the chart.
func (s *scope) about(name string, err error) error {
	if s.project == nil || s.changed("chart") {
		return err
	}
	return s.project.Wrong(name, "chart", strings.TrimPrefix(err.Error(), "--chart ")+".", "write the path of a chart's folder or archive, from the folder of this file")
}

// place is where the chart of a release is: of those that match, the one of the version; "" is the built-in chart.
func (s *scope) place(name string, settings project.Settings) (string, error) {
	found := []string{settings.Chart}
	if s.project == nil || s.changed("chart") {
		return settings.Chart, nil
	}
	if strings.ContainsAny(settings.Chart, "*?[") {
		var err error
		if found, err = s.tree.glob(settings.Chart); err != nil || len(found) == 0 {
			return "", s.about(name, fmt.Errorf("%s: no files match", settings.Chart))
		}
	}
	if settings.ChartVersion == "" {
		if len(found) > 1 {
			return "", s.project.Wrong(name, "chart", fmt.Sprintf("%s is several charts.", settings.Chart), "choose one by chartVersion")
		}
		return found[0], nil
	}
	var versions []string
	for _, place := range found {
		version, err := s.version(place)
		if err != nil {
			return "", s.about(name, err)
		}
		if version == settings.ChartVersion {
			return place, nil
		}
		versions = append(versions, version)
	}
	return "", s.project.Wrong(name, "chartVersion", fmt.Sprintf("there is no chart of version %s.", settings.ChartVersion),
		fmt.Sprintf("there is %s; change chart or chartVersion", strings.Join(versions, ", ")))
}

// version reads the version of a chart.
func (s *scope) version(place string) (string, error) {
	files, err := s.tree.chart(place)
	if err != nil {
		return "", err
	}
	metadata, err := metadataOf("--chart", place, files)
	return metadata.Version, err
}

// tree is where the files of a run are.
type tree interface {
	// read reads a file, and glob finds files.
	read(name string) ([]byte, error)
	glob(pattern string) ([]string, error)
	// chart has the files of a chart's folder or archive; "" is the built-in chart.
	chart(place string) (fs.FS, error)
	// shown is a file as reports name it.
	shown(name string) string
	// current says that the files are those of the disk.
	current() bool
}

// worktree are the files as they are on the disk.
type worktree struct{}

func (worktree) read(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--project %s: %w", name, err)
	}
	return text, nil
}

func (worktree) glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

func (worktree) chart(place string) (fs.FS, error) {
	_, files, err := open("--chart", place)
	return files, err
}

func (worktree) shown(name string) string { return name }

func (worktree) current() bool { return true }
