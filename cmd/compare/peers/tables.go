package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

func nanos(f figure) float64 { return f.Nanos }

// heading says what was compared, how and where.
func (c config) heading(chosen []candidate) string {
	versions := table.Versions()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s, %d CPUs\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	seen := map[string]bool{}
	for _, who := range chosen {
		if who.module != "" && !seen[who.module] {
			seen[who.module] = true
			fmt.Fprintf(&b, "- %s %s\n", who.module, versions[who.module])
		}
	}
	s := c.sizes
	fmt.Fprintf(&b, `
Keys of %d bytes, values of %d bytes, capacity %d entries, lives of %v where a
cache has them. %d keys asked for by Zipf's law with exponent %v: read-through
makes %d requests after as many to warm up, the other workloads run for %v.
Medians of %d rounds in which the candidates take turns, each in a process of its
own. GOMAXPROCS goroutines work at the same time; a time is that of the wall,
divided by the operations of all. "× ours" is the candidate's figure divided by
ours: above 1 it is slower or larger.
`, keyBytes, valueBytes, s.Capacity, life, s.Keys, zipf, wholeBatches(s.Requests), s.BenchTime, c.rounds)
	return b.String()
}

// tables returns what to print of the parts that were measured.
func (r results) tables(c config, chosen []candidate) (all []table.Table) {
	for _, part := range []string{jobSpeed, jobInterned} {
		if len(r.figures[part]) == 0 {
			continue
		}
		heading := ""
		if part == jobInterned {
			heading = "Keys the same strings each time: "
		}
		gets := r.byCPU(c, chosen, part, heading+"Get, all hits (ns)", get, "%.1f", false, nanos)
		gets.Notes = append(gets.Notes, r.misses(c, chosen, part)...)
		all = append(all,
			gets,
			r.byCPU(c, chosen, part, heading+"90% get, 10% set (ns)", mix, "%.0f", false, nanos),
			r.byCPU(c, chosen, part, heading+"Set of new keys into a full cache (ns; a cache that refuses or drops them is quick)", setEvict, "%.0f", false, nanos),
			r.byCPU(c, chosen, part, heading+"Read-through: get, on a miss set (ns per request; misses cost no more than the set)", readThrough, "%.0f", false, nanos),
			r.byCPU(c, chosen, part, heading+"Read-through: hits (%)", readThrough, "%.2f", true, func(f figure) float64 { return 100 * f.Hits }),
			r.allocations(c, chosen, part),
		)
	}
	if len(r.memory) > 0 {
		all = append(all, r.memoryTable(c, chosen))
	}
	if len(r.promises) > 0 {
		all = append(all, r.promiseTable(c, chosen))
	}
	return all
}

// byCPU shows one figure with all GOMAXPROCS values.
func (r results) byCPU(c config, chosen []candidate, part, title, workload, verb string, more bool, pick func(figure) float64) table.Table {
	columns := make([]column, 0, len(c.cpus))
	for _, cpu := range c.cpus {
		columns = append(columns, column{
			title: fmt.Sprintf("-cpu %d", cpu), verb: verb, more: more, compared: true,
			of: func(who string) (float64, bool) { return r.ofFigures(part, who, workload, cpu, pick) },
		})
	}
	return comparison(title, chosen, columns)
}

// misses says which candidates lost entries that they were just seen to hold.
func (r results) misses(c config, chosen []candidate, part string) (notes []string) {
	for _, who := range chosen {
		for _, cpu := range c.cpus {
			hits, ok := r.ofFigures(part, who.name, get, cpu, func(f figure) float64 { return f.Hits })
			if ok && hits < 0.999 {
				notes = append(notes, fmt.Sprintf("%s, -cpu %d: only %.1f%% were hits", who.name, cpu, 100*hits))
			}
		}
	}
	return notes
}

func (r results) allocations(c config, chosen []candidate, part string) table.Table {
	workloads := []string{get, setEvict}
	columns := make([]column, 0, len(workloads))
	for _, workload := range workloads {
		columns = append(columns, column{
			title: workload, verb: "%.2f",
			of: func(who string) (float64, bool) {
				return r.ofFigures(part, who, workload, c.cpus[0], func(f figure) float64 { return f.Mallocs })
			},
		})
	}
	return comparison(fmt.Sprintf("Allocations per operation, -cpu %d", c.cpus[0]), chosen, columns)
}

func (r results) memoryTable(c config, chosen []candidate) table.Table {
	alone := func(m memory) float64 { return m.Alone / 1e6 }
	ms, _ := r.ofMemory(chosen[0].name, alone)
	title := fmt.Sprintf("Memory and forced collection with %d entries (a collection with keys and values alone: %.0f ms)",
		c.sizes.Entries, ms)
	of := func(pick func(memory) float64) func(who string) (float64, bool) {
		return func(who string) (float64, bool) { return r.ofMemory(who, pick) }
	}
	t := comparison(title, chosen, []column{
		{title: "held", verb: "%.0f", of: of(func(m memory) float64 { return float64(m.Held) })},
		{title: "bytes per entry beyond key and value", verb: "%.0f", compared: true, of: of(func(m memory) float64 { return m.PerEntry })},
		{title: "empty (MB)", verb: "%.2f", of: of(func(m memory) float64 { return m.Empty / 1e6 })},
		{title: "collection (ms per million held)", verb: "%.1f", compared: true, objects: true, of: of(memory.perMillion)},
	})
	t.Notes = append(t.Notes, "Caches of bytes hide what they hold from the collector, and are no peers in that column.")
	return t
}

func (r results) promiseTable(c config, chosen []candidate) table.Table {
	t := table.Table{
		Title: "What a user may take for granted",
		Rows: [][]string{{
			"", "a set is seen by the next get", "also when full", "never above capacity",
			fmt.Sprintf("a life of %v ends within %v", shortLife, shortLife+tick), "no goroutine left after Close",
		}},
	}
	for _, who := range chosen {
		if p, ok := r.promises[who.name]; ok {
			t.Rows = append(t.Rows, []string{
				who.name, lostCell(p.LostFresh, p.Sets), lostCell(p.LostFull, p.Sets),
				mostCell(who, p.Most, c.sizes.Capacity), servedCell(who, p.Served), leftCell(p.Left),
			})
		}
	}
	return t
}
