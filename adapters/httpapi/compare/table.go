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

// column is one figure of all subjects.
type column struct {
	title string
	cell  func(subject) string
}

// partTable returns a table with a row for each subject of a part that was
// measured.
func (r results) partTable(chosen []subject, of part, title string, columns []column) table {
	t := table{title: title, rows: [][]string{{""}}}
	for _, c := range columns {
		t.rows[0] = append(t.rows[0], c.title)
	}
	for _, s := range chosen {
		if s.part != of || len(r[s.name]) == 0 {
			continue
		}
		row := make([]string, 0, 1+len(columns))
		row = append(row, s.name)
		for _, c := range columns {
			row = append(row, c.cell(s))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func ratio(a, b float64, known bool) string {
	if !known || b == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", a/b)
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
