//go:build !race

// The race detector makes these tests slow and has nothing to find in one goroutine.

package lru

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru/trace"
)

const ratioRequests = 100_000

func traces() map[string][]uint64 {
	const n = ratioRequests
	zipf := trace.Zipf(1, 0.9, 50_000, n)
	return map[string][]uint64{
		"zipf 0.7":    trace.Zipf(2, 0.7, 50_000, n),
		"zipf 1.1":    trace.Zipf(3, 1.1, 50_000, n),
		"scans":       trace.WithScans(zipf, 10_000, 5_000),
		"shifts":      trace.WithShifts(zipf, 20_000, 5_000),
		"small steps": trace.WithShifts(zipf, 5_000, 1_000),
		"loop 8000":   trace.Loop(8_000, n),
		"loop 10100":  trace.Loop(10_100, n),
		"loop 30000":  trace.Loop(30_000, n),
		"loops 8000":  append(trace.WithShifts(trace.Loop(8_000, n/2), n/4, 20_000), zipf[:n/2]...),
		"small loops": trace.WithShifts(trace.Loop(90, n), 1_000, 100),
	}
}

// hitRatio returns the share of requests, in percent, that a read-through cache
// answers. The hashes of keys are drawn from a seed: with those of a Cache, which are
// others for each cache, a ratio would differ from run to run.
func hitRatio(t *testing.T, requests []uint64, opts Options, seed uint64) float64 {
	opts.MaxBytes = 1 << 40
	shards := make([]*shard, opts.shards())
	for i := range shards {
		shards[i] = newShard(opts, i, len(shards))
	}
	entries, hits := 0, 0
	for _, id := range requests {
		h := rand.NewPCG(seed, id).Uint64()
		s, name := shards[h%uint64(len(shards))], strconv.FormatUint(id, 36)
		if e, _ := s.look(uint32(h>>32), name, 0, true); e != nil {
			hits++
		} else {
			s.set(name, slotOf(name, uint32(h>>32)), 0)
		}
	}
	for _, s := range shards {
		require.NoError(t, checkList(&s.list))
		entries += int(s.count)
	}
	require.LessOrEqual(t, entries, opts.MaxEntries)
	return 100 * float64(hits) / float64(len(requests))
}

func exactRatio(requests []uint64, capacity int) float64 {
	return 100 * float64(trace.LRU(requests, capacity)) / float64(len(requests))
}

func TestThePlainLRUHitsLikeOneExactList(t *testing.T) {
	t.Parallel()
	for name, requests := range traces() {
		for _, capacity := range []int{3, 100, 1_000, 4_095, 4_096, 10_000, 20_000} {
			exact, got := exactRatio(requests, capacity), hitRatio(t, requests, Options{MaxEntries: capacity}, 1)
			if capacity < exactBelow {
				assert.InDelta(t, exact, got, 1e-9, "%s, %d entries", name, capacity)
			}
			assert.GreaterOrEqual(t, got, exact-0.5, "%s, %d entries", name, capacity)
		}
	}
}

// The figures of docs/benchmarks.md: what a split into fixed shares, and marks in
// place of an exact order, cost. They differ from seed to seed.
func TestWhereShardsLoseHitsTheLossIsAsPublished(t *testing.T) {
	t.Parallel()
	const n, capacity = ratioRequests, 10_000
	for _, c := range []struct {
		name     string
		requests []uint64
		loses    float64 // points, at most
	}{
		{"a loop over 80 %", trace.Loop(8_000, n), 0.5},
		{"a loop over 90 %", trace.Loop(9_000, n), 10},
		{"a loop over 95 %", trace.Loop(9_500, n), 35},
		{"a loop over 99 %", trace.Loop(9_900, n), 60},
	} {
		const seeds = 5
		sum := 0.0
		for seed := range uint64(seeds) {
			sum += hitRatio(t, c.requests, Options{MaxEntries: capacity}, seed)
		}
		lost := exactRatio(c.requests, capacity) - sum/seeds
		t.Logf("%s: %.1f points", c.name, lost)
		assert.LessOrEqual(t, lost, c.loses, c.name)
	}
}

// Readers that look up what others hold change neither the order nor the outcome.
func TestASmallCacheIsExactWhileOthersRead(t *testing.T) {
	t.Parallel()
	requests := traces()["shifts"]
	for _, capacity := range []int{100, 4_095} {
		c := newCache(t, Options{MaxEntries: capacity, MaxBytes: 1 << 40})
		done := make(chan struct{})
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
						c.Peek(key(strconv.Itoa(i % 1000)))
						_ = hit(c, "nobody has it")
					}
				}
			})
		}
		hits := 0
		for _, id := range requests {
			k := key(strconv.FormatUint(id, 36))
			if _, ok := c.Get(k); ok {
				hits++
			} else {
				c.Set(k, hour, 0)
			}
		}
		close(done)
		readers.Wait()
		assert.Equal(t, trace.LRU(requests, capacity), hits)
	}
}

func TestAdmissionResistsScansAndLosesLittleToRecency(t *testing.T) {
	t.Parallel()
	for name, requests := range traces() {
		for _, capacity := range []int{100, 1_000, 10_000} {
			plain := hitRatio(t, requests, Options{MaxEntries: capacity}, 1)
			got := hitRatio(t, requests, Options{MaxEntries: capacity, Admission: TinyLFU}, 1)
			t.Logf("%-12s %6d: lru %6.2f, tinylfu %+6.2f", name, capacity, plain, got-plain)
			assert.GreaterOrEqual(t, got, plain-1, "%s, %d entries", name, capacity)
		}
	}
}

// A larger cache needs more requests to find out.
func TestAdmissionGainsOnScans(t *testing.T) {
	t.Parallel()
	for capacity, n := range map[int]int{100: ratioRequests, 1_000: ratioRequests, 10_000: 4 * ratioRequests} {
		const seeds = 3 // each makes a difference of a point
		requests, gained := trace.WithScans(trace.Zipf(1, 0.9, 50_000, n), 10_000, 5_000), 0.0
		for seed := range uint64(seeds) {
			gained += hitRatio(t, requests, Options{MaxEntries: capacity, Admission: TinyLFU}, seed) - hitRatio(t, requests, Options{MaxEntries: capacity}, seed)
		}
		assert.Greater(t, gained/seeds, 2.5, "%d entries", capacity) // on average 4.6, 4.8 and 6.1
	}
}
