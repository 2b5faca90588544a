package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is what is printed. Its cells are numbers, the first row names them.
type table struct {
	title string
	rows  [][]string
}

func (s *study) tables() []table { return []table{s.bySize(), s.byRate()} }

// bySize has a row for each number of instances, and a column for each size of L1
// wherever that makes a difference.
func (s *study) bySize() table {
	t := table{
		title: fmt.Sprintf("%s requests/s, %s", count(float64(s.demand.rate)), s.rest()),
		rows:  [][]string{{"instances"}},
	}
	for _, n := range s.instances {
		t.rows = append(t.rows, []string{strconv.Itoa(n)})
	}
	s.group(&t, "L1 hits", func(o outcome) string { return percent(o.hitRatio()) })
	s.group(&t, "L2 reads/s", func(o outcome) string { return count(o.reads) })
	s.group(&t, "source calls/s", func(o outcome) string { return count(o.loads) })
	return t
}

// group adds columns, or one if the size of L1 makes no difference.
func (s *study) group(t *table, name string, cell func(outcome) string) {
	columns := make([][]string, len(s.l1))
	for i, l1 := range s.l1 {
		columns[i] = []string{name + ", L1 of " + count(float64(l1))}
		for _, n := range s.instances {
			columns[i] = append(columns[i], cell(s.ask(question{s.demand.rate, n, l1})))
		}
	}
	if !slices.ContainsFunc(columns, func(c []string) bool { return !slices.Equal(c[1:], columns[0][1:]) }) {
		columns = columns[:1]
		columns[0][0] = name
	}
	for _, column := range columns {
		for i, cell := range column {
			t.rows[i] = append(t.rows[i], cell)
		}
	}
}

// byRate has a row for each rate.
func (s *study) byRate() table {
	n, l1 := middle(s.instances), middle(s.l1)
	t := table{
		title: fmt.Sprintf("%d instances, L1 of %s, %s", n, count(float64(l1)), s.rest()),
		rows:  [][]string{{"requests/s", "L1 hits", "L2 reads/s", "Redis calls/s", "source calls/s", "requests per source call"}},
	}
	for _, rate := range s.rates {
		o := s.ask(question{rate, n, l1})
		t.rows = append(t.rows, []string{
			count(float64(rate)), percent(o.hitRatio()), count(o.reads), count(o.calls()), count(o.loads),
			strconv.FormatFloat(o.requests/o.loads, 'f', 1, 64),
		})
	}
	return t
}

// rest says what both tables have in common.
func (s *study) rest() string {
	l2 := "L2 without bound"
	if s.l2 > 0 {
		l2 = "L2 of " + count(float64(s.l2))
	}
	d := s.demand
	return fmt.Sprintf("%s keys, exponent %v, TTL %v, %s, seed %d", count(float64(d.keys)), d.exponent, d.ttl, l2, d.seed)
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// count writes a whole number with commas between the thousands.
func count(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func (t table) write(out io.Writer, format string) error {
	var b strings.Builder
	b.WriteString(t.title + "\n\n")
	widths := t.widths()
	for i, row := range t.rows {
		if format == formatMarkdown {
			b.WriteString("| " + strings.Join(row, " | ") + " |\n")
			if i == 0 {
				b.WriteString("|" + strings.Repeat("--:|", len(row)) + "\n")
			}
			continue
		}
		for j, cell := range row {
			row[j] = strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)) + cell
		}
		b.WriteString(strings.Join(row, "  ") + "\n")
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (t table) widths() []int {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
		}
	}
	return widths
}
