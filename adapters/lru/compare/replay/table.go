package main

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

// table prints a row as soon as it is known: a long trace takes its time.
type table struct {
	out   io.Writer
	width int // of the column of names
	begun bool
}

func newTable(out io.Writer, names []string) *table {
	t := &table{out: out, width: len("trace")}
	for _, name := range names {
		t.width = max(t.width, utf8.RuneCountInString(name))
	}
	return t
}

// add replays requests, of which there must be one, and prints a row for each
// capacity.
func (t *table) add(name string, requests []uint64, capacities []int) error {
	if !t.begun {
		t.begun = true
		_, err := fmt.Fprintf(t.out, "%-*s %10s %10s %9s %8s %8s %8s %8s %8s\n", t.width, "trace",
			"requests", "keys", "capacity", "none", "tinylfu", "lru", "optimal", "closed")
		if err != nil {
			return err
		}
	}
	keys := distinct(requests)
	for _, capacity := range capacities {
		h, err := replay(requests, capacity)
		if err != nil {
			return err
		}
		percent := func(hits int) string { return fmt.Sprintf("%.2f%%", 100*float64(hits)/float64(len(requests))) }
		_, err = fmt.Fprintf(t.out, "%-*s %10d %10d %9d %8s %8s %8s %8s %8s\n", t.width, name,
			len(requests), keys, capacity, percent(h.none), percent(h.tinyLFU), percent(h.lru), percent(h.optimal), h.closed())
		if err != nil {
			return err
		}
	}
	return nil
}

// hits are how many requests each of the caches answered.
type hits struct{ none, tinyLFU, lru, optimal int }

func replay(requests []uint64, capacity int) (h hits, err error) {
	h.lru, h.optimal = trace.LRU(requests, capacity), trace.Optimal(requests, capacity)
	h.none, h.tinyLFU, err = ours(requests, capacity)
	return h, err
}

// closed returns which share of the way from the exact LRU to the optimum the
// cache with TinyLFU goes: 100% is as good as knowing the future, and what is
// below 0 is worse than having no admission. There may be no way to go.
func (h hits) closed() string {
	if h.optimal == h.lru {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(h.tinyLFU-h.lru)/float64(h.optimal-h.lru))
}

func distinct(requests []uint64) int {
	seen := make(map[uint64]struct{})
	for _, id := range requests {
		seen[id] = struct{}{}
	}
	return len(seen)
}
