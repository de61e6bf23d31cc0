package main

import (
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// fence begins and ends the profile on the page.
const fence = "```"

// profiled returns where the CPU goes when a fleet is checked again and again: the functions of this project and of the
// libraries that it calls, with the share of each, what it calls included.
func (b *bench) profiled(fleet, dir string) (string, error) {
	path := filepath.Join(dir, "cpu.prof")
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return "", err
	}
	for range 10 {
		if _, err := checkCPU(fleet); err != nil {
			return "", err
		}
	}
	pprof.StopCPUProfile()
	if err := file.Close(); err != nil {
		return "", err
	}
	const several = "18"
	text, err := b.command("", "go", "tool", "pprof", "-top", "-cum", "-nodecount", several, "-show", `checkpoint-storage/tools|yaml\.|jsonschema|runtime\.gcBgMarkWorker$|runtime\.mallocgc$`, path)
	if err != nil {
		return "", err
	}
	_, table, _ := strings.Cut(text, "flat  flat%")
	return "     flat  flat%" + strings.TrimRight(table, "\n"), nil
}

// profileOf returns the profile that a page has.
func profileOf(page string) string {
	text, _ := os.ReadFile(page)
	_, after, _ := strings.Cut(string(text), fence+"text\n")
	profile, _, _ := strings.Cut(after, "\n"+fence)
	return profile
}
