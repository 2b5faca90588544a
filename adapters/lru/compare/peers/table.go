package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The formats of the output, as -format calls them.
const (
	formatText     = "text"
	formatMarkdown = "markdown"
)

// none stands for a figure that there is not.
const none = "–"

// table is what is printed: the first row is the head, the first column names.
type table struct {
	title string
	rows  [][]string // all of the same length
	notes []string   // lines below
}

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
func comparison(title string, chosen []candidate, columns []column) table {
	t := table{title: title, rows: [][]string{{""}}}
	ratios := false
	for _, c := range columns {
		t.rows[0] = append(t.rows[0], c.title)
		if c.compared {
			t.rows[0] = append(t.rows[0], "× ours")
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
			t.rows = append(t.rows, row)
		}
	}
	if ratios {
		t.notes = []string{
			"ours / best peer with TTL: " + againstBest(chosen, columns, func(c candidate) bool { return c.lives }),
			"ours / best peer of any kind: " + againstBest(chosen, columns, func(candidate) bool { return true }),
		}
	}
	return t
}

func (c column) cells(who, ours string) (cells []string, ok bool) {
	figure, ok := c.of(who)
	cells = []string{none}
	if ok {
		cells[0] = fmt.Sprintf(c.verb, figure)
	}
	if c.compared {
		us, known := c.of(ours)
		cells = append(cells, ratio(figure, us, ok && known))
	}
	return cells, ok
}

func ratio(a, b float64, known bool) string {
	if !known || b == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", a/b)
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
			parts = append(parts, fmt.Sprintf("%s %s (%s)", c.title, ratio(us, best, ok), name))
		}
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}

// write prints the table and an empty line.
func (t table) write(out io.Writer, format string) error {
	var b strings.Builder
	if format == formatMarkdown {
		fmt.Fprintf(&b, "**%s**\n\n", t.title)
	} else {
		fmt.Fprintf(&b, "%s\n", t.title)
	}
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range t.rows {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = padded(cell, widths[i], i == 0)
		}
		switch {
		case format != formatMarkdown:
			fmt.Fprintln(&b, strings.TrimRight(strings.Join(line, "  "), " "))
			continue
		case n == 1:
			fmt.Fprintf(&b, "|--|%s\n", strings.Repeat("--:|", len(row)-1))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
	}
	for _, note := range t.notes {
		if format == formatMarkdown {
			note = "\n" + note
		}
		fmt.Fprintln(&b, note)
	}
	_, err := fmt.Fprintln(out, b.String())
	return err
}

func padded(cell string, width int, left bool) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	if left {
		return cell + space
	}
	return space + cell
}
