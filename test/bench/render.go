package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// rendering measures how `helm template` grows with the number of shards.
func (b *bench) rendering() error {
	seconds := map[int][]float64{}
	for range b.rounds {
		for _, shards := range []int{0, 100, 1000} {
			start := time.Now()
			if _, err := b.command("", "helm", "template", "checkpoints", chart(), "--set", fmt.Sprintf("shards=%d", shards)); err != nil {
				return err
			}
			seconds[shards] = append(seconds[shards], time.Since(start).Seconds())
		}
	}
	one := make([]float64, b.rounds)
	for i := range one {
		one[i] = 1
	}
	b.row("render one store, beside a second", "s", "< 1", seconds[0], one)
	b.row("render 1,000 shards, beside a second", "s", "< 1", seconds[1000], one)
	b.row("render 1,000 shards, beside 100", "s", "≤ 11", seconds[1000], seconds[100])
	return b.ownWork()
}

// ownWork measures the rendering of one store of NFS beside a chart of nothing but the same objects.
func (b *bench) ownWork() error {
	nfs := []string{"--set-json", `backend="nfs"`, "--set-json", `accessModes=["ReadWriteMany"]`, "--set-json", `nfs={"server": "10.0.0.5", "path": "/export"}`}
	store := append([]string{"template", "checkpoints", chart()}, nfs...)
	objects, err := b.command("", "helm", store...)
	if err != nil {
		return err
	}
	bare, err := bareChart(objects)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(bare) }()
	ways := [][]string{store, append(slices.Clip(store), "--skip-schema-validation"), {"template", "checkpoints", bare}}
	seconds := make([][]float64, len(ways))
	for round := range b.rounds {
		for i := range ways {
			// Who goes first alternates.
			who := (round + i) % len(ways)
			start := time.Now()
			if _, err := b.command("", "helm", ways[who]...); err != nil {
				return err
			}
			seconds[who] = append(seconds[who], time.Since(start).Seconds())
		}
	}
	b.row("render one store, beside a chart of nothing but its objects", "s", "≤ 1.25", seconds[0], seconds[2])
	b.row("the same without its schema, which Helm compiles each time", "s", "the limit", seconds[1], seconds[2])
	return nil
}
