package lru

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const ratioRequests = 100_000

// traces are of different kinds; loops just below and above a capacity are
// where a cache that is split into shards of fixed size loses most.
func traces() map[string][]uint64 {
	const n = ratioRequests
	zipf := trace.Zipf(1, 0.9, 50_000, n)
	return map[string][]uint64{
		"zipf 0.7":    trace.Zipf(2, 0.7, 50_000, n),
		"zipf 1.1":    trace.Zipf(3, 1.1, 50_000, n),
		"scans":       trace.WithScans(zipf, 10_000, 5_000),
		"shifts":      trace.WithShifts(zipf, 20_000, 5_000),
		"loop 9900":   trace.Loop(9_900, n),
		"loop 10100":  trace.Loop(10_100, n),
		"loops 8000":  append(trace.WithShifts(trace.Loop(8_000, n/2), n/4, 20_000), zipf[:n/2]...),
		"loops 9900":  append(trace.WithShifts(trace.Loop(9_900, n/2), n/4, 20_000), zipf[:n/2]...),
		"loop 19800":  trace.Loop(19_800, n),
		"small loops": trace.WithShifts(trace.Loop(90, n), 1_000, 100),
	}
}

// hitRatio returns the share of requests, in percent, that a read-through
// cache answers.
func hitRatio(t *testing.T, requests []domain.Key, opts Options) float64 {
	opts.MaxBytes = 1 << 40
	c := newCache(t, opts)
	hits := 0
	for _, k := range requests {
		if _, ok := c.Get(k); ok {
			hits++
		} else if !c.Set(k, hour, 0) {
			t.Fatal("not held")
		}
	}
	require.LessOrEqual(t, c.Stats().Entries, opts.MaxEntries)
	require.NoError(t, check(c))
	return 100 * float64(hits) / float64(len(requests))
}

// keysOf names the keys of a trace.
func keysOf(requests []uint64) (keys []domain.Key) {
	names := map[uint64]domain.Key{}
	for _, id := range requests {
		if _, ok := names[id]; !ok {
			names[id] = key(strconv.FormatUint(id, 36))
		}
		keys = append(keys, names[id])
	}
	return keys
}

// fewer returns the last capacity alone under the race detector, which makes
// these tests slow and has nothing to find in one goroutine.
func fewer(capacities ...int) []int {
	if raceDetector {
		return capacities[len(capacities)-1:]
	}
	return capacities
}

var hour = domain.Copy{Entry: domain.NewEntry(domain.Value{}, time.Hour, 0), Left: time.Hour}

func TestThePlainLRUHitsLikeOneExactList(t *testing.T) {
	t.Parallel()
	for name, requests := range traces() {
		keys := keysOf(requests)
		for _, capacity := range fewer(3, 100, 1_000, 4_095, 10_000, 4_096) {
			exact := 100 * float64(trace.LRU(requests, capacity)) / float64(len(requests))
			got := hitRatio(t, keys, Options{MaxEntries: capacity})
			if capacity < exactBelow {
				assert.InDelta(t, exact, got, 1e-9, "%s, %d entries", name, capacity)
			}
			assert.GreaterOrEqual(t, got, exact-0.5, "%s, %d entries", name, capacity)
		}
	}
}

func TestAdmissionResistsScansAndLosesLittleToRecency(t *testing.T) {
	t.Parallel()
	all := traces()
	// It fits the capacity by a hundredth, which a miniature cannot tell, and
	// changes after five rounds.
	delete(all, "loops 9900")
	for name, requests := range all {
		keys := keysOf(requests)
		for _, capacity := range fewer(100, 10_000, 1_000) {
			plain := hitRatio(t, keys, Options{MaxEntries: capacity})
			got := hitRatio(t, keys, Options{MaxEntries: capacity, Admission: TinyLFU})
			t.Logf("%-12s %6d: lru %6.2f, tinylfu %+6.2f", name, capacity, plain, got-plain)
			assert.GreaterOrEqual(t, got, plain-1, "%s, %d entries", name, capacity)
			if name == "scans" { // where a cache's seed makes a difference of a point
				for range 4 {
					got += hitRatio(t, keys, Options{MaxEntries: capacity, Admission: TinyLFU})
				}
				assert.Greater(t, got/5, plain+2.5, "%s, %d entries", name, capacity) // on average 3.2
			}
		}
	}
}
