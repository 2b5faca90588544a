package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/table"
)

// compare replays requests, of which there must be one, and prints a table with a
// row for each capacity.
func compare(out io.Writer, name string, requests []uint64, capacities []int) error {
	t := table.Table{
		Title: fmt.Sprintf("%s: %d requests for %d keys", name, len(requests), distinct(requests)),
		Rows:  [][]string{{"capacity", "none", "tinylfu", "lru", "optimal", "closed"}},
	}
	percent := func(hits int) string { return fmt.Sprintf("%.2f%%", 100*float64(hits)/float64(len(requests))) }
	for _, capacity := range capacities {
		h, err := replay(requests, capacity)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(capacity), percent(h.none), percent(h.tinyLFU), percent(h.lru), percent(h.optimal), h.closed(),
		})
	}
	return table.Print(out, table.Text, "", t)
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
