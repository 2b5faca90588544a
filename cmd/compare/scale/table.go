package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

func (s *study) tables() []table.Table { return []table.Table{s.bySize(), s.byRate()} }

// bySize has a row for each number of instances, and a column for each size of L1
// wherever that makes a difference.
func (s *study) bySize() table.Table {
	t := table.Table{
		Title: fmt.Sprintf("%s requests/s, %s", count(float64(s.demand.rate)), s.rest()),
		Rows:  [][]string{{"instances"}},
	}
	for _, n := range s.instances {
		t.Rows = append(t.Rows, []string{strconv.Itoa(n)})
	}
	s.group(&t, "L1 hits", func(o outcome) string { return percent(o.hitRatio()) })
	s.group(&t, "L2 reads/s", func(o outcome) string { return count(o.reads) })
	s.group(&t, "source calls/s", func(o outcome) string { return count(o.loads) })
	return t
}

// group adds columns, or one if the size of L1 makes no difference.
func (s *study) group(t *table.Table, name string, cell func(outcome) string) {
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
			t.Rows[i] = append(t.Rows[i], cell)
		}
	}
}

// byRate has a row for each rate.
func (s *study) byRate() table.Table {
	n, l1 := middle(s.instances), middle(s.l1)
	t := table.Table{
		Title: fmt.Sprintf("%d instances, L1 of %s, %s", n, count(float64(l1)), s.rest()),
		Rows:  [][]string{{"requests/s", "L1 hits", "L2 reads/s", "Redis calls/s", "source calls/s", "requests per source call"}},
	}
	for _, rate := range s.rates {
		o := s.ask(question{rate, n, l1})
		t.Rows = append(t.Rows, []string{
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
