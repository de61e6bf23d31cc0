package main

import (
	"slices"
	"strconv"
)

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func least(values []float64) float64 { return slices.Min(values) }

func most(values []float64) float64 { return slices.Max(values) }

// short writes three digits that count.
func short(value float64) string { return strconv.FormatFloat(value, 'g', 3, 64) }

// ratio writes two decimals, or two digits that count where those would be nothing.
func ratio(value float64) string {
	if value < 0.1 {
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}
