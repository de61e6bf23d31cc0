package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	embedded "checkpoint-storage/charts/checkpoint-storage"
	"checkpoint-storage/test/internal/charts"
	"checkpoint-storage/tools/ckptctl/check"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// checking measures `ckptctl check` on fleets beside Helm's own lint, a warm Node process, and the YAML parse alone.
func (b *bench) checking() error {
	dir, err := os.MkdirTemp("", "fleet-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tool := filepath.Join(dir, "ckptctl")
	if _, err := b.command("", "go", "build", "-o", tool, filepath.Join(charts.Root(), "tools", "ckptctl")); err != nil {
		return err
	}
	small, large := filepath.Join(dir, "small"), filepath.Join(dir, "large")
	for folder, overlays := range map[string]int{small: 1000, large: 10_000} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		if _, err := writeFleet(folder, overlays); err != nil {
			return err
		}
	}
	peer, err := b.startNode(small, filepath.Join(dir, "merged"))
	if err != nil {
		return err
	}
	defer peer.stop()
	var lint, node, ours, parse, cpu, ten, memory, one []float64
	for range b.rounds {
		for series, measure := range map[*[]float64]func() (float64, error){
			&lint:  func() (float64, error) { return b.lint(small) },
			&node:  peer.run,
			&cpu:   func() (float64, error) { return checkCPU(small) },
			&parse: func() (float64, error) { return parseCPU(small) },
		} {
			value, err := measure()
			if err != nil {
				return err
			}
			*series = append(*series, value)
		}
		seconds, _, err := runTool(tool, "check", "-f", filepath.Join(small, "base.yaml"), "--each", filepath.Join(small, "clusters", "*.yaml"))
		if err != nil {
			return err
		}
		ours = append(ours, seconds)
		seconds, bytes, err := runTool(tool, "check", "-f", filepath.Join(large, "base.yaml"), "--each", filepath.Join(large, "clusters", "*.yaml"))
		if err != nil {
			return err
		}
		ten, memory = append(ten, seconds), append(memory, bytes/1e6)
		if seconds, _, err = runTool(tool, "check", "-f", filepath.Join(small, "base.yaml")); err != nil {
			return err
		}
		one = append(one, seconds*1000)
	}
	if b.profile, err = b.profiled(small, dir); err != nil {
		return err
	}
	b.row("check 1,000 overlays, beside `helm lint` of each", "s", "≤ 0.005", ours, times(lint, 1000))
	b.row("check 1,000 overlays, beside warm Node (ajv, yaml)", "s", "≤ 0.2", ours, node)
	b.row("CPU of checking 1,000 valid overlays, beside parsing them", "s", "≤ 2", cpu, parse)
	b.row("check 10,000 overlays, beside 1,000", "s", "≤ 11", ten, ours)
	b.row("memory of checking 10,000 overlays, beside 200 MB", "MB", "< 1", memory, constant(200, len(memory)))
	b.row("check one file, start to end, beside 30 ms", "ms", "< 1", one, constant(30, len(one)))
	return nil
}

func times(values []float64, factor float64) []float64 {
	out := make([]float64, len(values))
	for i := range values {
		out[i] = values[i] * factor
	}
	return out
}

func constant(value float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = value
	}
	return out
}

// lint returns the seconds that `helm lint` takes for one overlay, over five of them.
func (b *bench) lint(fleet string) (float64, error) {
	const several = 5
	start := time.Now()
	for i := range several {
		if _, err := b.command("", "helm", "lint", chart(), "--values", filepath.Join(fleet, "base.yaml"),
			"--values", filepath.Join(fleet, "clusters", fmt.Sprintf("cluster-%05d.yaml", i))); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds() / several, nil
}

// runTool returns the seconds and the most memory, in bytes, of a run that finds nothing wrong.
func runTool(tool string, args ...string) (seconds, bytes float64, err error) {
	seconds, bytes, out, err := runAny(tool, args...)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %.500s", tool, err, out)
	}
	return seconds, bytes, nil
}

// runAny returns the seconds and the most memory, in bytes, of a run, what it prints, and how it ends.
func runAny(tool string, args ...string) (seconds, bytes float64, out []byte, err error) {
	command := exec.Command(tool, args...)
	seconds, text, err := timed(command)
	out = []byte(text)
	if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
		bytes = float64(usage.Maxrss) * 1024
	}
	return seconds, bytes, out, err
}

// timed returns the seconds of a run and what it prints.
func timed(command *exec.Cmd) (seconds float64, out string, err error) {
	start := time.Now()
	text, err := command.CombinedOutput()
	return time.Since(start).Seconds(), string(text), err
}

// cpuOf returns the seconds of CPU that this process spends on work, after what is left of the work before is collected.
func cpuOf(work func() error) (float64, error) {
	runtime.GC()
	before := cpuTime()
	err := work()
	return (cpuTime() - before).Seconds(), err
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// checkCPU checks a fleet.
func checkCPU(fleet string) (float64, error) {
	files, err := filepath.Glob(filepath.Join(fleet, "clusters", "*.yaml"))
	if err != nil {
		return 0, err
	}
	return cpuOf(func() error {
		c, err := check.Open(embedded.FS, check.Helm3)
		if err != nil {
			return err
		}
		found, err := check.Each(check.Inputs{Files: []string{filepath.Join(fleet, "base.yaml")}},
			c.Overlays(files, false, check.Release{Name: "checkpoints", Namespace: "default"}), nil, func(int) {})
		if err == nil && len(found.Findings) > 0 {
			err = fmt.Errorf("the fleet is to be valid: %v", found.Findings[0])
		}
		return err
	})
}

// parseCPU reads and parses the same files, side by side as well, and does nothing with them.
func parseCPU(fleet string) (float64, error) {
	files, err := filepath.Glob(filepath.Join(fleet, "*", "*.yaml"))
	if err != nil {
		return 0, err
	}
	files = append(files, filepath.Join(fleet, "base.yaml"))
	return cpuOf(func() error {
		var next atomic.Int64
		var workers sync.WaitGroup
		var wrong error
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
					var node yaml.Node
					text, err := os.ReadFile(files[i])
					if err == nil {
						err = yaml.Unmarshal(text, &node)
					}
					if err != nil {
						wrong = err
					}
				}
			})
		}
		workers.Wait()
		return wrong
	})
}

// nodePeer is the Node process, which validates all documents at every line that it is sent.
type nodePeer struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

// startNode writes the documents that the fleet merges to, and starts the peer on them.
func (b *bench) startNode(fleet, merged string) (*nodePeer, error) {
	if err := writeMerged(fleet, merged); err != nil {
		return nil, err
	}
	folder := filepath.Join(charts.Root(), "test", "bench", "node")
	install := exec.CommandContext(b.ctx, "npm", "ci", "--no-audit", "--no-fund")
	install.Dir = folder
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci: %w: %s", err, out)
	}
	p := &nodePeer{command: exec.CommandContext(b.ctx, "node", filepath.Join(folder, "peer.mjs"), filepath.Join(chart(), "values.schema.json"), merged)}
	p.command.Stderr = os.Stderr
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	_, err = p.line()
	return p, err
}

func writeMerged(fleet, merged string) error {
	if err := os.Mkdir(merged, 0o700); err != nil {
		return err
	}
	c, err := check.Open(embedded.FS, check.Helm3)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(fleet, "clusters", "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		result, err := c.Check(check.Inputs{Files: []string{filepath.Join(fleet, "base.yaml"), file}}, check.Release{Name: "checkpoints"})
		if err != nil {
			return err
		}
		text, err := sigsyaml.Marshal(result.Stores[0].Merged)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(merged, filepath.Base(file)), bytes.TrimSpace(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (p *nodePeer) line() (string, error) {
	if !p.out.Scan() {
		return "", fmt.Errorf("the Node peer ended: %w", p.command.Wait())
	}
	return strings.TrimSpace(p.out.Text()), nil
}

// run returns the seconds of one pass over all documents.
func (p *nodePeer) run() (float64, error) {
	if _, err := fmt.Fprintln(p.in); err != nil {
		return 0, err
	}
	line, err := p.line()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(line, 64)
}

func (p *nodePeer) stop() {
	_ = p.in.Close()
	_ = p.command.Wait()
}
