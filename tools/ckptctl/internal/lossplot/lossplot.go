// Package lossplot draws how much time a training job loses over the interval between its checkpoints.
package lossplot

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"checkpoint-storage/tools/ckptctl/internal/sizing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width  = 26 * vg.Centimeter
	height = 13 * vg.Centimeter
	// side is the width of the legend, which is beside the plot so that it hides no curve.
	side = 7.6 * vg.Centimeter
	// points is how many the curve has.
	points = 200
	// mostTicks is how many times can be written below the axis.
	mostTicks = 12
	// decades is how far the axis goes to each side of the best interval.
	decades = 1.2
)

// Colour-blind safe colours (Okabe and Ito).
var (
	black  = color.RGBA{A: 255}
	grey   = color.RGBA{R: 225, G: 225, B: 225, A: 255}
	blue   = color.RGBA{G: 114, B: 178, A: 255}
	orange = color.RGBA{R: 213, G: 94, A: 255}
	green  = color.RGBA{G: 158, B: 115, A: 255}
	purple = color.RGBA{R: 204, G: 121, B: 167, A: 255}
)

// SVG draws the curves of a report that has Failures, those of the durable tier alone and that of both tiers, with the best
// intervals marked, Young's, and the one that was asked about.
func SVG(r sizing.Report) ([]byte, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Training time lost, by interval between checkpoints\n%s written at %v, a failure every %v, restart in %v",
		r.CheckpointBytes.Binary(), r.Save.BytesPerSecond, r.Failures.EverySeconds, r.Failures.RestartSeconds)
	p.X.Label.Text = "from the beginning of one save to the beginning of the next"
	p.Y.Label.Text = "share of all time that is lost (%)"
	style(p)

	p.X.Tick.Marker = plot.TickerFunc(timeTicks)
	p.Y.Min = 0
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = grey, grey
	p.Add(grid)

	xs := intervals(r)
	legend := plot.NewLegend()
	alone, shortest := r.Job.Lost, shortest(r)
	curves := []curve{
		{"in all", shortest, alone, func(l sizing.Loss) sizing.Share { return l.Total }, draw.LineStyle{Color: black, Width: vg.Points(2)}},
		{"saves", shortest, alone, func(l sizing.Loss) sizing.Share { return l.Saving }, dashed(blue, 6, 3)},
		{"work done again", shortest, alone, func(l sizing.Loss) sizing.Share { return l.Repeating }, dashed(orange, 2, 2)},
		{"restarts", shortest, alone, func(l sizing.Loss) sizing.Share { return l.Restarting }, dashed(green, 8, 3, 2, 3)},
	}
	if r.Tiers != nil {
		both := func(interval float64) sizing.Loss { return r.Tiers.Lost(interval, r.Tiers.BestEvery(interval)) }
		curves = append(curves, curve{"in all, with a fast tier", r.Tiers.Fast, both,
			func(l sizing.Loss) sizing.Share { return l.Total }, draw.LineStyle{Color: purple, Width: vg.Points(2)}})
	}
	for _, c := range curves {
		var xys plotter.XYs
		for _, x := range xs {
			if x >= c.least {
				xys = append(xys, at(x, c.share(c.loss(x))))
			}
		}
		line, err := plotter.NewLine(xys)
		if err != nil {
			return nil, err
		}
		line.LineStyle = c.style
		p.Add(line)
		legend.Add(c.name, line)
	}
	if err := marks(p, &legend, r); err != nil {
		return nil, err
	}
	return render(p, legend)
}

// curve is a part of what is lost, over the interval.
type curve struct {
	name string
	// least is the shortest interval that is drawn.
	least float64
	loss  func(interval float64) sizing.Loss
	share func(sizing.Loss) sizing.Share
	style draw.LineStyle
}

// at is a place in the plot. Its axis has the logarithm of the interval, because the library's own logarithmic scale
// misplaces the label.
func at(interval float64, share sizing.Share) plotter.XY {
	return plotter.XY{X: math.Log10(interval), Y: 100 * float64(share)}
}

// shortest is where the curves of the durable tier begin: no interval is shorter than a save, but Young's may be.
func shortest(r sizing.Report) float64 {
	return min(r.Job.Shortest(), float64(r.Failures.Young.Interval))
}

// intervals are the places of the curves, evenly spread over a logarithmic axis.
func intervals(r sizing.Report) []float64 {
	best := float64(r.Failures.Best.Interval)
	least, most := best/math.Pow(10, decades), best*math.Pow(10, decades)
	least = max(least, shortest(r))
	// The first two are near each other.
	for _, m := range marked(r)[2:] {
		least, most = min(least, float64(m.loss.Interval)/2), max(most, float64(m.loss.Interval)*2)
	}
	out := make([]float64, points)
	for i := range out {
		out[i] = least * math.Pow(most/least, float64(i)/(points-1))
	}
	return out
}

type mark struct {
	name  string
	loss  sizing.Loss
	glyph draw.GlyphStyle
}

// marked are the intervals of the report that are marked. The best and Young's are often one beside the other, so the second
// sign fits into the first.
func marked(r sizing.Report) []mark {
	f := r.Failures
	list := []mark{
		{"by Young", f.Young, draw.GlyphStyle{Color: blue, Radius: vg.Points(6), Shape: draw.CircleGlyph{}}},
		{"best", f.Best, draw.GlyphStyle{Color: orange, Radius: vg.Points(3), Shape: draw.CircleGlyph{}}},
	}
	if f.Asked != nil {
		list = append(list, mark{"as asked", *f.Asked, draw.GlyphStyle{Color: black, Radius: vg.Points(5), Shape: draw.BoxGlyph{}}})
	}
	if r.FastTier != nil {
		list = append(list, mark{"best with a fast tier", r.FastTier.Best, draw.GlyphStyle{Color: purple, Radius: vg.Points(5), Shape: draw.PyramidGlyph{}}})
	}
	return list
}

// marks sets a sign on its curve for each of the marked intervals, with a line down to the axis.
func marks(p *plot.Plot, legend *plot.Legend, r sizing.Report) error {
	for _, m := range marked(r) {
		top := at(float64(m.loss.Interval), m.loss.Total)
		drop, err := plotter.NewLine(plotter.XYs{{X: top.X}, top})
		if err != nil {
			return err
		}
		drop.LineStyle = draw.LineStyle{Color: m.glyph.Color, Width: vg.Points(0.75)}
		sign, err := plotter.NewScatter(plotter.XYs{top})
		if err != nil {
			return err
		}
		sign.GlyphStyle = m.glyph
		p.Add(drop, sign)
		legend.Add(fmt.Sprintf("%s: %v, %v", m.name, m.loss.Interval, m.loss.Total), sign)
	}
	return nil
}

// timeTicks are round times, between logarithms of seconds.
func timeTicks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for _, unit := range []struct {
		seconds float64
		name    string
		steps   []float64
	}{
		{1e-3, "ms", []float64{1, 2, 5, 10, 20, 50, 100, 200, 500}},
		{1, "s", []float64{1, 2, 4, 8, 15, 30}},
		{60, "min", []float64{1, 2, 4, 8, 15, 30}},
		{3600, "h", []float64{1, 2, 4, 8}},
		{86400, "d", []float64{1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000}},
	} {
		for _, step := range unit.steps {
			if x := math.Log10(step * unit.seconds); x >= least && x <= most {
				ticks = append(ticks, plot.Tick{Value: x, Label: fmt.Sprintf("%g %s", step, unit.name)})
			}
		}
	}
	every := 1 + len(ticks)/mostTicks
	for i := range ticks {
		if i%every > 0 {
			ticks[i].Label = ""
		}
	}
	return ticks
}

func dashed(c color.Color, dashes ...float64) draw.LineStyle {
	out := draw.LineStyle{Color: c, Width: vg.Points(1.25)}
	for _, d := range dashes {
		out.Dashes = append(out.Dashes, vg.Points(d))
	}
	return out
}

// style makes the text sans-serif, in sizes that can be read beside running text, and gives it air.
func style(p *plot.Plot) {
	p.Title.TextStyle.Font = sans(12)
	p.X.Label.TextStyle.Font, p.Y.Label.TextStyle.Font = sans(11), sans(11)
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font = sans(10), sans(10)
	p.Title.Padding = vg.Points(10)
	p.X.Label.Padding, p.Y.Label.Padding = vg.Points(6), vg.Points(6)
	p.X.Padding, p.Y.Padding = 0, 0
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// render draws the plot, and the legend beside it.
func render(p *plot.Plot, legend plot.Legend) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	area := draw.New(canvas)
	area.SetColor(color.White)
	area.Fill(area.Path())
	margin := vg.Points(12)
	area = draw.Crop(area, margin, -margin, margin, -margin)
	p.Draw(draw.Crop(area, 0, -side, 0, 0))
	legend.Top, legend.Left = true, true
	legend.TextStyle.Font = sans(10)
	legend.Padding, legend.ThumbnailWidth = vg.Points(5), vg.Points(26)
	legend.Draw(draw.Crop(area, width-side-margin, 0, 0, -vg.Points(40)))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	// Where the font is not installed, one of the same widths will do.
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")), err
}
