package main

import (
	"fmt"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// column is one figure of all candidates.
type column struct {
	title    string
	verb     string // how the figure is printed
	more     bool   // is better
	compared bool   // whether the ratio to ours follows
	objects  bool   // whether only caches of objects can be the best peer
	of       func(who string) (float64, bool)
}

// comparison returns a table with a row for each candidate that has a figure,
// and below it what ours is compared with the best peer.
func comparison(title string, chosen []candidate, columns []column) table.Table {
	t := table.Table{Title: title, Rows: [][]string{{""}}}
	ratios := false
	for _, c := range columns {
		t.Rows[0] = append(t.Rows[0], c.title)
		if c.compared {
			t.Rows[0] = append(t.Rows[0], "× ours")
			ratios = true
		}
	}
	for _, who := range chosen {
		row, known := []string{who.name}, false
		for _, c := range columns {
			cells, ok := c.cells(who.name, chosen[0].name)
			row, known = append(row, cells...), known || ok
		}
		if known {
			t.Rows = append(t.Rows, row)
		}
	}
	if ratios {
		t.Notes = []string{
			"ours / best peer with TTL: " + againstBest(chosen, columns, func(c candidate) bool { return c.lives }),
			"ours / best peer of any kind: " + againstBest(chosen, columns, func(candidate) bool { return true }),
		}
	}
	return t
}

func (c column) cells(who, ours string) (cells []string, ok bool) {
	figure, ok := c.of(who)
	cells = []string{table.None}
	if ok {
		cells[0] = fmt.Sprintf(c.verb, figure)
	}
	if c.compared {
		us, known := c.of(ours)
		cells = append(cells, table.Ratio(figure, us, ok && known))
	}
	return cells, ok
}

// againstBest returns, for each column that is compared, the ratio of ours, the
// first candidate, to the best peer among those that count, and its name.
func againstBest(chosen []candidate, columns []column, count func(candidate) bool) string {
	var parts []string
	for _, c := range columns {
		if !c.compared {
			continue
		}
		best, name := 0.0, ""
		for _, who := range chosen {
			figure, ok := c.of(who.name)
			if !ok || who.ours || who.floor || !count(who) || c.objects && who.form == asBytes {
				continue
			}
			if name == "" || c.more == (figure > best) {
				best, name = figure, who.name
			}
		}
		us, ok := c.of(chosen[0].name)
		if name != "" {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", c.title, table.Ratio(us, best, ok), name))
		}
	}
	if len(parts) == 0 {
		return table.None
	}
	return strings.Join(parts, ", ")
}
