package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot before it is drawn.
type chart struct {
	file, title, x, y string
	lines             []line
	logY              bool
	most              float64 // of y, unless it is logarithmic
}

type line struct {
	name   string
	color  color.Color
	dashed bool
	points plotter.XYs
}

// Colors that those who see few of them can tell apart (M. Okabe, K. Ito).
var (
	blue   = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	orange = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	green  = color.RGBA{0x00, 0x9e, 0x73, 0xff}
	pink   = color.RGBA{0xcc, 0x79, 0xa7, 0xff}
	sky    = color.RGBA{0x56, 0xb4, 0xe9, 0xff}
	amber  = color.RGBA{0xe6, 0x9f, 0x00, 0xff}

	ink    = color.RGBA{0x33, 0x33, 0x33, 0xff}
	pencil = color.RGBA{0x80, 0x80, 0x80, 0xff}
	chalk  = color.RGBA{0xe4, 0xe4, 0xe4, 0xff}
)

var colors = []color.Color{blue, orange, green, pink, sky, amber}

// draw writes the charts into a folder.
func (s *study) draw(folder string) error {
	for _, c := range []chart{s.overInstances(), s.overSizes(), s.overRates()} {
		text, err := c.svg()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, c.file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// overInstances shows what is read from Redis, a line for each size of L1.
func (s *study) overInstances() chart {
	rate := s.demand.rate
	c := chart{
		file: "scaling-instances.svg", x: "instances", y: "reads of L2 per second",
		title: fmt.Sprintf("What L1 leaves to Redis, of %s requests/s in all", count(float64(rate))),
	}
	floor := line{name: "of which find nothing: calls of the source", color: pencil, dashed: true}
	for i, l1 := range s.l1 {
		l := line{name: "L1 of " + count(float64(l1)) + " entries", color: colors[i%len(colors)]}
		for _, n := range s.instances {
			o := s.ask(question{rate, n, l1})
			l.points = append(l.points, plotter.XY{X: float64(n), Y: o.reads})
			c.most = max(c.most, o.reads)
			if i == 0 {
				floor.points = append(floor.points, plotter.XY{X: float64(n), Y: o.loads})
			}
		}
		c.lines = append(c.lines, l)
	}
	c.lines = append(c.lines, floor)
	c.most *= 1.5 // room for the legend
	return c
}

// overSizes shows the hit ratio of L1, a line for some numbers of instances.
func (s *study) overSizes() chart {
	c := chart{
		file: "scaling-l1.svg", x: "entries that the L1 of each instance has room for", y: "hit ratio of L1 (%)",
		title: fmt.Sprintf("What L1 answers, at %s requests/s in all", count(float64(s.demand.rate))),
		most:  100,
	}
	last := len(s.instances) - 1
	picked := []int{s.instances[0]}
	for _, i := range []int{(last + 1) / 2, last} {
		if n := s.instances[i]; n != picked[len(picked)-1] {
			picked = append(picked, n)
		}
	}
	for i, n := range picked {
		l := line{name: plural(n, "instance"), color: colors[i]}
		for _, l1 := range []int{100, 300, 1_000, 3_000, 10_000, 30_000, 100_000} {
			o := s.ask(question{s.demand.rate, n, l1})
			l.points = append(l.points, plotter.XY{X: float64(l1), Y: 100 * o.hitRatio()})
		}
		c.lines = append(c.lines, l)
	}
	return c
}

// overRates shows what of the requests gets through to Redis and to the source.
func (s *study) overRates() chart {
	n, l1 := middle(s.instances), middle(s.l1)
	c := chart{
		file: "scaling-rate.svg", x: "requests per second, of all instances together", y: "requests, calls per second",
		title: fmt.Sprintf("What gets through, %s, L1 of %s entries each", plural(n, "instance"), count(float64(l1))),
		logY:  true,
	}
	requests := line{name: "requests", color: pencil, dashed: true}
	calls := line{name: "calls of Redis", color: orange}
	loads := line{name: "calls of the source", color: green}
	for _, rate := range s.rates {
		o, x := s.ask(question{rate, n, l1}), float64(rate)
		requests.points = append(requests.points, plotter.XY{X: x, Y: o.requests})
		calls.points = append(calls.points, plotter.XY{X: x, Y: o.calls()})
		loads.points = append(loads.points, plotter.XY{X: x, Y: o.loads})
	}
	c.lines = []line{requests, calls, loads}
	return c
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// The size of a chart.
const (
	width  = 7.5 * vg.Inch
	height = 4.2 * vg.Inch
	margin = vg.Length(14)
)

// svg draws the chart on white, which is legible on a dark page too.
func (c chart) svg() ([]byte, error) {
	p := c.frame()
	p.Add(grid())
	for _, l := range c.lines {
		if err := l.addTo(p, c.place); err != nil {
			return nil, err
		}
	}
	c.scale(p)
	p.Add(behindLegend{})
	canvas := vgsvg.New(width, height)
	paper := draw.New(canvas)
	paper.SetColor(color.White)
	paper.Fill(paper.Path())
	p.Draw(draw.Crop(paper, margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, err
	}
	// Liberation Sans is as wide as Arial, and not everywhere.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")), nil
}

// place returns where a point is drawn: x, and y if the chart says so, by their
// logarithms. (A plot.LogScale takes the label of its axis to be further right
// than it is, and leaves room for that.)
func (c chart) place(p plotter.XY) plotter.XY {
	p.X = math.Log10(p.X)
	if c.logY {
		p.Y = math.Log10(p.Y)
	}
	return p
}

// frame returns a plot with axes, title and the style of a legend.
func (c chart) frame() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Title.Padding = margin
	sans := func(size vg.Length) font.Font {
		return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
	}
	p.Title.TextStyle.Font, p.Title.TextStyle.Color = sans(15), ink
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(11.5), ink
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs, p.Legend.Padding = margin, -margin/2, 4
	p.Legend.ThumbnailWidth = 28
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font, axis.Label.TextStyle.Color = sans(12), ink
		axis.Label.Padding = 6
		axis.Tick.Label.Font, axis.Tick.Label.Color = sans(11), ink
		axis.Color, axis.Tick.Color = pencil, pencil
		axis.Padding = 0
	}
	return p
}

// scale says where the axes begin, end and have ticks.
func (c chart) scale(p *plot.Plot) {
	if p.X.Max == p.X.Min {
		p.X.Max++
	}
	p.X.Tick.Marker = decades(1, 2, 5)
	if p.X.Max-p.X.Min >= 3 {
		p.X.Tick.Marker = decades(1)
	}
	p.Y.Tick.Marker = decades(1, 2, 5)
	if !c.logY {
		p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, c.most, plot.TickerFunc(steps)
	}
}
