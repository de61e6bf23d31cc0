package main

import (
	"fmt"
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
	return nil
}
