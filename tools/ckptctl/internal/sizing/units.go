package sizing

import (
	"math"
	"strconv"
)

// Size is a number of bytes.
type Size int64

// GiB is 2^30 bytes, what Kubernetes calls Gi.
const GiB Size = 1 << 30

// GB is 10^9 bytes, the unit of vendors' bandwidths.
const GB = 1e9

// Binary returns the size in the largest binary unit that gives at least one: 911.2 GiB.
func (s Size) Binary() string {
	return scaled(float64(s), 1024, []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"})
}

// String returns the size in binary and in decimal units: 911.2 GiB (978.4 GB).
func (s Size) String() string {
	return s.Binary() + " (" + scaled(float64(s), 1000, []string{"bytes", "kB", "MB", "GB", "TB", "PB", "EB"}) + ")"
}

// Quantity returns the size as Kubernetes writes it, rounded up to whole GiB: 4556Gi.
func (s Size) Quantity() string {
	return strconv.FormatInt(int64(math.Ceil(float64(s)/float64(GiB))), 10) + "Gi"
}

// Rate is a number of bytes per second.
type Rate float64

// String returns the rate in decimal units: 16.31 GB/s.
func (r Rate) String() string {
	return scaled(float64(r), 1000, []string{"bytes/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"})
}

// Seconds is a length of time.
type Seconds float64

// String returns the time in the unit that a person would use: 48.9 s, 8.15 min, 97.7 h, 12.3 days.
func (s Seconds) String() string {
	switch {
	case s < 120:
		return digits(float64(s), 3) + " s"
	case s < 120*60:
		return digits(float64(s)/60, 3) + " min"
	case s < 120*60*60:
		return digits(float64(s)/3600, 3) + " h"
	}
	return digits(float64(s)/86400, 3) + " days"
}

// Share is a part of the whole, from 0 to 1.
type Share float64

// String returns the share in percent: 1.84 %.
func (s Share) String() string {
	if s > 0 && s < 1e-4 {
		return "below 0.01 %"
	}
	return digits(float64(s)*100, 3) + " %"
}

func scaled(value, step float64, units []string) string {
	for len(units) > 1 && value >= step*(1-0.5e-4) {
		value, units = value/step, units[1:]
	}
	return digits(value, 4) + " " + units[0]
}

// digits writes a number with that many significant digits, those before the point always.
func digits(value float64, n int) string {
	if math.Abs(value) >= math.Pow10(n) {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(significant(value, n), 'f', -1, 64)
}

// significant rounds to that many significant digits.
func significant(value float64, n int) float64 {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(value, 'g', n, 64), 64)
	return rounded
}
