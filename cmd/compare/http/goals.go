package main

import (
	"fmt"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// goal is a bound for the ratio of two figures.
type goal struct {
	what    string
	a, b    string // subjects
	pick    func(outcome) float64
	bound   float64
	atLeast bool // else at most
}

func goals() []goal {
	return []goal{
		{"requests/s, L1 hit ÷ bare Gin", nameL1, nameBare, perSecond, 1.0, true},
		{"requests/s, L1 hit ÷ nginx proxy_cache", nameL1, nameProxy, perSecond, 1.1, true},
		{"requests/s, L1 hit ÷ Varnish", nameL1, nameVarnish, perSecond, 1.2, true},
		{"requests/s, L1 hit, 1% traced ÷ untraced", nameTraced, nameL1, perSecond, 0.9, true},
		{"requests/s, L2 hit ÷ bare Gin, one rueidis GET", nameL2, nameBareRueidis, perSecond, 1.4, true},
		{"requests/s, L2 hit, 50 keys ÷ bare Gin, one rueidis GET", nameL2Keys, nameBareRueidis, perSecond, 1.0, true},
		{"requests/s, L2 hit ÷ bare Gin, one go-redis GET", nameL2, nameBareGoRedis, perSecond, 1.4, true},
		{"p99, L1 hits while 1,000 other keys load ÷ without", nameBeside, nameAlone, p99, 1.5, false},
		{"p50, one client: L2 hit ÷ bare Gin, one go-redis GET", nameQuietL2, nameQuietGoRedis, p50, 1.1, false},
	}
}

// goalTable shows what was measured of each goal. Ratios are of medians.
func (r results) goalTable() table.Table {
	t := table.Table{Title: "Goals", Rows: [][]string{{"", "measured", "goal", "reached"}}}
	for _, g := range goals() {
		t.Rows = append(t.Rows, g.cells(r))
	}
	return t
}

func (g goal) cells(r results) []string {
	sign := "≤"
	if g.atLeast {
		sign = "≥"
	}
	row := []string{g.what, table.None, fmt.Sprintf("%s %.2f", sign, g.bound), table.None}
	a, knownA := r.of(g.a, g.pick)
	b, knownB := r.of(g.b, g.pick)
	if !knownA || !knownB || b == 0 {
		return row
	}
	row[1], row[3] = fmt.Sprintf("%.3f", a/b), "no"
	if a/b == g.bound || g.atLeast == (a/b > g.bound) {
		row[3] = "yes"
	}
	return row
}
