package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/catalog"

	"golang.org/x/mod/modfile"
)

// pin is a program of a driver, at the version that a module of ci/modules has.
type pin struct {
	// module is the folder in ci/modules, pkg the program's package, and version that of the driver's own module.
	module, command, pkg, version string
}

// drivers is where the modules are that pin drivers, apart from those of tools.
func drivers() string { return filepath.Join(charts.Root(), "ci", "modules", "drivers") }

// major is the end of a package's path that go build leaves out of a command's name.
var major = regexp.MustCompile(`/v[0-9]+$`)

// readPin finds a program, MODULE/COMMAND, in the module that pins it.
func readPin(program string) (pin, error) {
	folder, command := path.Split(program)
	p := pin{module: path.Clean(folder), command: command}
	file := filepath.Join(drivers(), p.module, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	module, err := modfile.Parse(file, text, nil)
	if err != nil {
		return p, err
	}
	for _, tool := range module.Tool {
		if path.Base(major.ReplaceAllString(tool.Path, "")) != command {
			continue
		}
		p.pkg = tool.Path
		// A module may be in the folder of another.
		longest := ""
		for _, required := range module.Require {
			if owner := required.Mod.Path; len(owner) > len(longest) && strings.HasPrefix(tool.Path+"/", owner+"/") {
				longest, p.version = owner, required.Mod.Version
			}
		}
		return p, nil
	}
	return p, fmt.Errorf("%s has no tool %s", file, command)
}

// readPins are the programs of a run: the node's and the controller's, which mostly are one.
func readPins(run catalog.Run) (node, controller pin, err error) {
	if node, err = readPin(run.Program); err != nil || run.ControllerProgram == "" {
		return node, node, err
	}
	controller, err = readPin(run.ControllerProgram)
	return node, controller, err
}

// move pins another version.
func (p pin) move(version string) error {
	get := exec.Command("go", "get", "-tool", p.pkg+"@"+version)
	get.Dir, get.Env, get.Stderr = filepath.Join(drivers(), p.module), append(os.Environ(), "GOWORK=off"), os.Stderr
	return get.Run()
}

// build returns the program, built where it is not there yet.
func (p pin) build() (string, error) {
	build := exec.Command("bash", filepath.Join(charts.Root(), "ci", "build.sh"), "drivers/"+p.module, p.command)
	build.Stderr = os.Stderr
	out, err := build.Output()
	return filepath.Join(strings.TrimSpace(string(out)), p.command), err
}

// judgePinned has the named backends judged again by their pinned drivers: all that need nothing beside them where none is
// named. A version is pinned first.
func judgePinned(names []string, version string) error {
	backends, err := catalog.Load(os.DirFS(charts.Chart()))
	if err != nil {
		return err
	}
	var failed []error
	unknown := slices.Clone(names)
	for _, b := range backends {
		named := slices.Contains(names, b.Name)
		if !named && (len(names) > 0 || !b.Judged() || b.Verdict.Run.Program == "") {
			continue
		}
		unknown = slices.DeleteFunc(unknown, func(name string) bool { return name == b.Name })
		if !b.Judged() || b.Verdict.Run.Program == "" {
			failed = append(failed, fmt.Errorf("no driver of %s is pinned: see .github/CONTRIBUTING.md", b.Name))
			continue
		}
		if needs := b.Verdict.Run.Needs; len(needs) > 0 {
			fmt.Fprintf(os.Stderr, "%s needs %s\n", b.Name, strings.Join(needs, "; "))
			if !named {
				continue
			}
		}
		if err := judgeAgain(b, version); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", b.Name, err))
		}
	}
	for _, name := range unknown {
		failed = append(failed, fmt.Errorf("there is no backend %q", name))
	}
	return errors.Join(failed...)
}

// judgeAgain builds a backend's pinned driver, and has it judge.
func judgeAgain(b catalog.Backend, version string) error {
	run := b.Verdict.Run
	node, controller, err := readPins(run)
	if err != nil {
		return err
	}
	if version != "" {
		for _, p := range []pin{node, controller} {
			if err := p.move(version); err != nil {
				return err
			}
		}
		if node, controller, err = readPins(run); err != nil {
			return err
		}
	}
	program, err := node.build()
	if err != nil {
		return err
	}
	beside, err := controller.build()
	if err != nil {
		return err
	}
	return judge(b.Name, node.version, program, beside, run)
}
