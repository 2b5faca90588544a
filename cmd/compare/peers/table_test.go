package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// three candidates: ours, a peer with lives, and a faster one without.
var three = []candidate{
	{name: "ours", lives: true, ours: true},
	{name: "living", lives: true},
	{name: "lifeless", form: asBytes},
	{name: "floor", floor: true},
}

func figures(of map[string]float64) func(string) (float64, bool) {
	return func(who string) (float64, bool) {
		figure, ok := of[who]
		return figure, ok
	}
}

func TestEachIsComparedWithOursAndOursWithTheBestPeer(t *testing.T) {
	columns := []column{
		{title: "ns", verb: "%.0f", compared: true, of: figures(map[string]float64{"ours": 20, "living": 50, "lifeless": 10, "floor": 1})},
		{title: "hits", verb: "%.1f", compared: true, more: true, of: figures(map[string]float64{"ours": 80, "living": 40, "lifeless": 10})},
		{title: "gc", verb: "%.0f", compared: true, objects: true, of: figures(map[string]float64{"ours": 20, "living": 50, "lifeless": 10})},
		{title: "n", verb: "%.0f", of: figures(map[string]float64{"ours": 3})},
	}
	got := comparison("title", three, columns)
	assert.Equal(t, [][]string{
		{"", "ns", "× ours", "hits", "× ours", "gc", "× ours", "n"},
		{"ours", "20", "1.00", "80.0", "1.00", "20", "1.00", "3"},
		{"living", "50", "2.50", "40.0", "0.50", "50", "2.50", "–"},
		{"lifeless", "10", "0.50", "10.0", "0.12", "10", "0.50", "–"},
		{"floor", "1", "0.05", "–", "–", "–", "–", "–"},
	}, got.Rows)
	assert.Equal(t, []string{
		"ours / best peer with TTL: ns 0.40 (living), hits 2.00 (living), gc 0.40 (living)",
		"ours / best peer of any kind: ns 2.00 (lifeless), hits 2.00 (living), gc 0.40 (living)",
	}, got.Notes)
}

func TestACandidateWithoutFiguresHasNoRow(t *testing.T) {
	got := comparison("title", three, []column{{title: "n", verb: "%.0f", of: figures(map[string]float64{"ours": 1})}})
	assert.Len(t, got.Rows, 2)
	assert.Empty(t, got.Notes)
	alone := comparison("title", three[:1], []column{{verb: "%.0f", compared: true, of: figures(map[string]float64{"ours": 1})}})
	assert.Equal(t, "ours / best peer with TTL: –", alone.Notes[0])
}

func TestFiguresAreMediansOfTheRounds(t *testing.T) {
	r := newResults()
	for _, nanos := range []float64{30, 10, 20} {
		r.add(jobSpeed, "ours", report{Figures: []figure{{Workload: get, CPU: 2, Nanos: nanos, Hits: 0.5}}})
		r.add(jobInterned, "ours", report{Figures: []figure{{Workload: get, CPU: 2, Nanos: nanos / 2, Hits: 1}}})
		r.add(jobMemory, "ours", report{Memory: memory{Held: 1000, Collect: 1e3 * nanos}})
	}
	r.add(jobChecks, "ours", report{Promises: promises{Sets: 1000}})
	tables := r.tables(config{cpus: []int{2}, sizes: tiny}, three)
	require.Len(t, tables, 14)
	assert.Equal(t, []string{"ours", "20.0", "1.00"}, tables[0].Rows[1])
	assert.Contains(t, tables[0].Notes, "ours, -cpu 2: only 50.0% were hits")
	assert.Equal(t, "Keys the same strings each time: Get, all hits (ns)", tables[6].Title)
	assert.Equal(t, []string{"ours", "10.0", "1.00"}, tables[6].Rows[1])
	assert.Equal(t, "20.0", tables[12].Rows[1][5])
	assert.Equal(t, []string{"ours", "yes", "yes", "yes", "no, only 0 ms", "yes"}, tables[13].Rows[1])
}

func TestBrokenPromisesSayByHowMuch(t *testing.T) {
	assert.Equal(t, "no, 100% lost", lostCell(10, 10))
	assert.Equal(t, "no, 0.001% lost", lostCell(1, 100_000))
	assert.Equal(t, "no, +0.25%", mostCell(three[0], 100_250, 100_000))
	assert.Equal(t, "limits bytes (-1.0%)", mostCell(three[2], 99_000, 100_000))
	assert.Equal(t, "yes, 149 ms", servedCell(three[0], 149*time.Millisecond))
	assert.Equal(t, "no, 999 ms", servedCell(three[0], 999*time.Millisecond))
	assert.Equal(t, "no, over 4s", servedCell(three[0], lookFor))
	assert.Equal(t, "no lives", servedCell(three[2], 0))
	assert.Equal(t, "no, 2 left", leftCell(2))
}
