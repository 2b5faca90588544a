package main

import "github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"

// column is one figure of all subjects.
type column struct {
	title string
	cell  func(subject) string
}

// partTable returns a table with a row for each subject of a part that was
// measured.
func (r results) partTable(chosen []subject, of part, title string, columns []column) table.Table {
	t := table.Table{Title: title, Rows: [][]string{{""}}}
	for _, c := range columns {
		t.Rows[0] = append(t.Rows[0], c.title)
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
		t.Rows = append(t.Rows, row)
	}
	return t
}
