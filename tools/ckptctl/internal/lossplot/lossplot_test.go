package lossplot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"checkpoint-storage/tools/ckptctl/internal/sizing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func report(t *testing.T, change func(*sizing.Input)) sizing.Report {
	t.Helper()
	in := sizing.Input{
		Model: sizing.Model{Parameters: 70e9}, Precision: sizing.Precisions[0], Optimizer: sizing.Optimizers[0], FilesPerRank: 1,
		Nodes: 64, GPUsPerNode: 8, Keep: 3, Fill: 0.8, WriteGBps: 2, MTBFGPUHours: 200, RestartSeconds: 3600,
	}
	change(&in)
	out, err := sizing.Make(in)
	require.NoError(t, err)
	return out
}

// drawing is what an SVG file says and draws.
type drawing struct {
	texts []string
	// lines have the strokes of each path with its colour, in order.
	lines []stroke
}

type stroke struct {
	colour string
	xs, ys []float64
}

// read fails when the file is no XML.
func read(t *testing.T, svg []byte) drawing {
	t.Helper()
	var out drawing
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			if token.Name.Local == "path" {
				out.lines = append(out.lines, path(token))
			}
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				out.texts = append(out.texts, string(token))
			}
		}
	}
}

func path(element xml.StartElement) stroke {
	var out stroke
	for _, a := range element.Attr {
		switch a.Name.Local {
		case "style":
			_, rest, _ := strings.Cut(a.Value, "stroke:")
			out.colour, _, _ = strings.Cut(rest, ";")
		case "d":
			for _, point := range strings.FieldsFunc(a.Value, func(r rune) bool { return strings.ContainsRune("MLZ", r) }) {
				var x, y float64
				if n, _ := fmt.Sscanf(point, "%g,%g", &x, &y); n == 2 {
					out.xs, out.ys = append(out.xs, x), append(out.ys, y)
				}
			}
		}
	}
	return out
}

// TestMarks checks that the lines of both optima stand where the curve's logarithmic axis puts their intervals, and
// reach the curve.
func TestMarks(t *testing.T) {
	for name, change := range map[string]func(*sizing.Input){
		"far from each other":  func(*sizing.Input) {},
		"beside each other":    func(in *sizing.Input) { in.MTBFGPUHours = 50000 },
		"with one asked about": func(in *sizing.Input) { in.IntervalSeconds = 20 * 3600 },
		"asynchronous":         func(in *sizing.Input) { in.AsyncStallSeconds = 5 },
		"with a fast tier":     func(in *sizing.Input) { in.FastGBps, in.FastRecovers = 200, 0.9 },
		"slow, with a fast tier": func(in *sizing.Input) {
			in.WriteGBps, in.AsyncStallSeconds, in.FastGBps, in.FastRecovers = 0.1, 1, 200, 0.9
		},
		"slow": func(in *sizing.Input) { in.WriteGBps, in.AsyncStallSeconds = 0.1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			r := report(t, change)
			svg, err := SVG(r)
			require.NoError(t, err)
			again, err := SVG(r)
			require.NoError(t, err)
			assert.Equal(t, svg, again, "the same report always gives the same file")
			d := read(t, svg)
			assert.Contains(t, d.texts, "Training time lost, by interval between checkpoints")
			assert.Contains(t, d.texts, "share of all time that is lost (%)")
			assert.Contains(t, d.texts, "from the beginning of one save to the beginning of the next")

			var curve, both stroke
			var drops []stroke
			for _, line := range d.lines {
				switch {
				case len(line.xs) > 2 && line.colour == "#CC79A7":
					both = line
				case len(line.xs) > 2 && line.colour == "#000000" && curve.xs == nil:
					curve = line
				case curve.xs != nil && len(line.xs) == 2 && line.xs[0] == line.xs[1]:
					drops = append(drops, line)
				}
			}
			xs := intervals(r)
			assert.GreaterOrEqual(t, xs[points-len(curve.xs)], shortest(r), "the curve is of intervals that can be")
			scale := func(interval float64) float64 {
				first, last := len(curve.xs)-1, points-1
				return curve.xs[0] + (curve.xs[first]-curve.xs[0])*math.Log(interval/xs[last-first])/math.Log(xs[last]/xs[last-first])
			}
			want := []sizing.Loss{r.Failures.Young, r.Failures.Best}
			names := []string{"by Young", "best"}
			if r.Failures.Asked != nil {
				want, names = append(want, *r.Failures.Asked), append(names, "as asked")
			}
			if f := r.FastTier; f != nil {
				want, names = append(want, f.Best), append(names, "best with a fast tier")
				assert.Contains(t, d.texts, "in all, with a fast tier")
			}
			require.Len(t, drops, len(want))
			for i, loss := range want {
				on := curve
				if names[i] == "best with a fast tier" {
					on = both
				}
				assert.Contains(t, d.texts, fmt.Sprintf("%s: %v, %v", names[i], loss.Interval, loss.Total))
				assert.InDelta(t, scale(float64(loss.Interval)), drops[i].xs[0], 0.2, names[i])
				assert.InDelta(t, on.ys[nearest(on.xs, drops[i].xs[0])], drops[i].ys[1], 4, names[i])
			}
			assert.Equal(t, "#0072B2", drops[0].colour)
			assert.Equal(t, "#D55E00", drops[1].colour)
		})
	}
}

func nearest(xs []float64, x float64) int {
	best := 0
	for i := range xs {
		if math.Abs(xs[i]-x) < math.Abs(xs[best]-x) {
			best = i
		}
	}
	return best
}

func TestTicks(t *testing.T) {
	for _, c := range []struct{ least, most float64 }{{1e-3, 1e10}, {60, 7200}, {840, 10800}, {600, 90000}} {
		ticks := timeTicks(math.Log10(c.least), math.Log10(c.most))
		labels := 0
		for i, tick := range ticks {
			if tick.Label != "" {
				labels++
			}
			if i > 0 {
				assert.Less(t, ticks[i-1].Value, tick.Value)
			}
		}
		assert.GreaterOrEqual(t, labels, 4, c)
		assert.LessOrEqual(t, labels, mostTicks, c)
	}
}
