package trace

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The reference strings of the textbooks: Silberschatz, Galvin and Gagne,
// Operating System Concepts, section 10.4; and that of Belady's anomaly.
var (
	textbook = []uint64{7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1}
	anomaly  = []uint64{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}
)

func TestTheTextbookExamplesHaveTheirKnownFaults(t *testing.T) {
	for _, c := range []struct {
		trace                []uint64
		capacity             int
		lruFaults, minFaults int
	}{
		{textbook, 3, 12, 9},
		{anomaly, 3, 10, 7},
		{anomaly, 4, 8, 6},
		{anomaly, 5, 5, 5},
	} {
		assert.Equal(t, c.lruFaults, len(c.trace)-LRU(c.trace, c.capacity), "%v in %d", c.trace, c.capacity)
		assert.Equal(t, c.minFaults, len(c.trace)-Optimal(c.trace, c.capacity), "%v in %d", c.trace, c.capacity)
	}
}

func TestWithoutRoomOrRequestsThereIsNoHit(t *testing.T) {
	for _, capacity := range []int{-1, 0} {
		assert.Zero(t, LRU(textbook, capacity))
		assert.Zero(t, Optimal(textbook, capacity))
	}
	assert.Zero(t, LRU(nil, 3))
	assert.Zero(t, Optimal(nil, 3))
}

func TestRoomForAllKeysLeavesTheFirstMissOfEach(t *testing.T) {
	trace := Zipf(1, 0.9, 500, 20_000)
	want := len(trace) - distinct(trace)
	assert.Equal(t, want, LRU(trace, 500))
	assert.Equal(t, want, Optimal(trace, 500))
}

func TestALoopIsTheWorstForLRUAndHasAKnownOptimum(t *testing.T) {
	const keys, rounds = 101, 100
	trace := Loop(keys, keys*rounds)
	assert.Zero(t, LRU(trace, keys-1))
	for _, capacity := range []int{1, 11, 51, 76} {
		// After the first round, a share (capacity-1)/(keys-1) hits.
		want := float64(capacity-1) / (keys - 1) * keys * (rounds - 1)
		assert.InDelta(t, want, Optimal(trace, capacity), keys, "capacity %d", capacity)
	}
}

func TestMoreRoomNeverCostsAHitAndLRUNeverBeatsTheOptimum(t *testing.T) {
	trace := WithShifts(WithScans(Zipf(7, 0.8, 2_000, 50_000), 5_000, 1_000), 10_000, 50)
	lru, optimal := 0, 0
	for capacity := 1; capacity < 4_000; capacity *= 2 {
		l, o := LRU(trace, capacity), Optimal(trace, capacity)
		assert.GreaterOrEqual(t, l, lru)
		assert.GreaterOrEqual(t, o, optimal)
		assert.LessOrEqual(t, l, o)
		lru, optimal = l, o
	}
}

func TestLRUAgreesWithASliceThatIsSearched(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		trace := rapid.SliceOfN(rapid.Uint64Range(0, 12), 0, 200).Draw(rt, "trace")
		capacity := rapid.IntRange(1, 14).Draw(rt, "capacity")
		require.Equal(rt, naiveLRU(trace, capacity), LRU(trace, capacity))
	})
}

func TestOptimalAgreesWithTryingAllEvictions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		trace := rapid.SliceOfN(rapid.Uint64Range(0, 6), 0, 30).Draw(rt, "trace")
		capacity := rapid.IntRange(1, 7).Draw(rt, "capacity")
		require.Equal(rt, exhaustive{trace, capacity, map[state]int{}}.best(state{}), Optimal(trace, capacity))
	})
}

// Long enough for the heap to forget the past many times.
func TestOptimalAgreesWithLookingAheadAtEachEviction(t *testing.T) {
	for seed := range uint64(20) {
		trace := Zipf(seed, 0.5, 40, 3_000)
		for _, capacity := range []int{1, 2, 7, 30} {
			require.Equal(t, naiveOptimal(trace, capacity), Optimal(trace, capacity), "seed %d, capacity %d", seed, capacity)
		}
	}
}

func naiveLRU(trace []uint64, capacity int) (hits int) {
	var held []uint64 // the most recent last
	for _, id := range trace {
		if i := slices.Index(held, id); i >= 0 {
			hits++
			held = slices.Delete(held, i, i+1)
		} else if len(held) == capacity {
			held = held[1:]
		}
		held = append(held, id)
	}
	return hits
}

func naiveOptimal(trace []uint64, capacity int) (hits int) {
	var held []uint64
	for i, id := range trace {
		if slices.Contains(held, id) {
			hits++
			continue
		}
		if len(held) == capacity {
			wait := func(id uint64) int {
				if at := slices.Index(trace[i:], id); at >= 0 {
					return at
				}
				return len(trace)
			}
			furthest := slices.MaxFunc(held, func(a, b uint64) int { return wait(a) - wait(b) })
			held = slices.DeleteFunc(held, func(id uint64) bool { return id == furthest })
		}
		held = append(held, id)
	}
	return hits
}

// exhaustive finds the most hits by trying, knowing nothing of MIN.
type exhaustive struct {
	trace    []uint64
	capacity int
	known    map[state]int
}

// state is a request about to be made, and the set of the keys held then.
type state struct {
	at   int
	held uint64
}

// best returns the most hits possible from a state on.
func (e exhaustive) best(s state) (hits int) {
	if s.at == len(e.trace) {
		return 0
	}
	if hits, ok := e.known[s]; ok {
		return hits
	}
	key := uint64(1) << e.trace[s.at]
	switch {
	case s.held&key != 0:
		hits = 1 + e.best(state{s.at + 1, s.held})
	case bits.OnesCount64(s.held) < e.capacity:
		hits = e.best(state{s.at + 1, s.held | key})
	default:
		for rest := s.held; rest != 0; rest &= rest - 1 {
			evicted := rest & -rest
			hits = max(hits, e.best(state{s.at + 1, s.held&^evicted | key}))
		}
	}
	e.known[s] = hits
	return hits
}

func distinct(trace []uint64) int {
	seen := map[uint64]bool{}
	for _, id := range trace {
		seen[id] = true
	}
	return len(seen)
}

func BenchmarkOptimal(b *testing.B) {
	trace := Zipf(1, 0.9, 1_000_000, 1_000_000)
	for b.Loop() {
		Optimal(trace, 50_000)
	}
}

func BenchmarkLRU(b *testing.B) {
	trace := Zipf(1, 0.9, 1_000_000, 1_000_000)
	for b.Loop() {
		LRU(trace, 50_000)
	}
}
