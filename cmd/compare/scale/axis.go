package main

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// decades names these multiples of powers of ten, on an axis of logarithms.
func decades(multiples ...float64) plot.TickerFunc {
	return func(least, most float64) (ticks []plot.Tick) {
		const little = 1e-9 // by which what is computed may miss the end
		for power := math.Floor(least); power <= most+little; power++ {
			for _, m := range multiples {
				if at := power + math.Log10(m); at >= least-little && at <= most+little {
					ticks = append(ticks, plot.Tick{Value: at, Label: count(m * math.Pow(10, power))})
				}
			}
		}
		return ticks
	}
}

// steps names four to ten round numbers from zero up.
func steps(_, most float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, m := range []float64{5, 2} {
		if most/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for v := 0.0; v <= most; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: count(v)})
	}
	return ticks
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = chalk, chalk
	g.Vertical.Width, g.Horizontal.Width = 0.7, 0.7
	return g
}

// addTo draws the line, with a dot for each thing that was computed unless it is
// only there to compare with.
func (l line) addTo(p *plot.Plot, place func(plotter.XY) plotter.XY) error {
	placed := make(plotter.XYs, len(l.points))
	for i, point := range l.points {
		placed[i] = place(point)
	}
	drawn, dots, err := plotter.NewLinePoints(placed)
	if err != nil {
		return err
	}
	drawn.Color, drawn.Width = l.color, 2
	dots.Color, dots.Radius, dots.Shape = l.color, 3, draw.CircleGlyph{}
	if l.dashed {
		drawn.Width, drawn.Dashes = 1.5, []vg.Length{5, 4}
		p.Add(drawn)
		p.Legend.Add(l.name, drawn)
		return nil
	}
	p.Add(drawn, dots)
	p.Legend.Add(l.name, drawn, dots)
	return nil
}

// behindLegend hides the grid where the legend will be.
type behindLegend struct{}

func (behindLegend) Plot(c draw.Canvas, p *plot.Plot) {
	l := p.Legend
	at := l.Rectangle(c)
	wide := at.Size().X
	at.Min.X = c.Min.X + l.XOffs - 4
	at.Max.X = at.Min.X + wide + 10
	at.Min.Y += l.YOffs - 6
	at.Max.Y += l.YOffs
	c.SetColor(color.White)
	c.Fill(at.Path())
}
