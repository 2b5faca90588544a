package lru

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A sixteenth of the capacity is a generation, an eighth may pass before a hit
// is noted again: nothing goes that is among the three quarters used last.
func TestWhatWasUsedLatelyIsNotEvicted(t *testing.T) {
	const n = 8192
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
	random := rand.New(rand.NewPCG(1, 0))
	last := map[int]int{} // when a key was used
	var order []int       // the keys used, one after the other
	use := func(k int) {
		last[k] = len(order)
		order = append(order, k)
	}
	for k := range n {
		require.True(t, c.Set(key(strconv.Itoa(k)), hour, 0))
		use(k)
	}
	for next := n; next < 4*n; next++ {
		for range 3 { // old and new keys are hit alike
			if k := random.IntN(next); hit(c, k) {
				use(k)
			}
		}
		require.True(t, c.Set(key(strconv.Itoa(next)), hour, 0))
		use(next)
	}
	depth := 0
	for at := len(order) - 1; at >= 0 && depth < n*3/4; at-- {
		if k := order[at]; last[k] == at {
			depth++
			require.True(t, hit(c, k), "key %d, of which %d were used later, went", k, depth)
		}
	}
	require.NoError(t, check(c))
}

func hit(c *Cache, k int) bool {
	_, ok := c.Get(key(strconv.Itoa(k)))
	return ok
}

// All entries but one are used again before one has to go. A FIFO, or a clock
// that forgets, would let the wrong one go.
func TestAHitIsSeenHoweverLateTheFirstEvictionIs(t *testing.T) {
	const n = 4096
	all := []int{1, 10, 100, 1000} // beyond what a stamp can tell
	if raceDetector {
		all = all[:2] // which has nothing to find in one goroutine
	}
	for _, rounds := range all {
		c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
		for k := range n {
			c.Set(key(strconv.Itoa(k)), hour, 0)
		}
		for range rounds {
			for k := n / 2; k < n; k++ {
				require.True(t, hit(c, k))
			}
		}
		for k := range n / 4 {
			c.Set(key("new "+strconv.Itoa(k)), hour, 0)
		}
		gone := 0
		for k := n / 2; k < n; k++ {
			if !hit(c, k) {
				gone++
			}
		}
		assert.LessOrEqual(t, gone, n/64, "of those used last, after %d rounds", rounds)
		require.NoError(t, check(c))
	}
}

// late returns a shard whose order is a ring, with no limit that matters.
func late() (*shard, *budget) {
	b, u, s := &budget{}, &uses{}, &shard{}
	b.entries.Store(1 << 20)
	b.bytes.Store(1 << 40)
	s.init(b, u, 0, false, true)
	s.open()
	return s, b
}

func addTo(s *shard, n int) {
	it := &item{key: "k" + strconv.Itoa(n), hash: uint32(n) * 0x9e3779b9, weight: 1, deadline: maxTime}
	s.purse.pay(1)
	s.addLocked(it)
}

// With the shift of 0, each use is a step, and 64 of them a generation.
func TestEntriesGoInTheOrderOfTheirUseToAGeneration(t *testing.T) {
	for _, turns := range []uint64{1, 31, 32, 33, 63, 64, 65, 100, 511, 900, 10_000, 1<<20 + 500} {
		s, _ := late()
		const n = 1000
		for i := range n {
			addTo(s, i)
		}
		s.clock.uses.all.Store(n + turns<<generationShift)
		s.clock.uses.add(0)
		s.ring.turn(s.clock.step())
		require.NoError(t, checkRing(s), turns)
		used := map[uint32]bool{}
		for i := s.slab.first; i < s.slab.fresh; i += 3 {
			used[i] = true
			s.slab.at(i).touch(s.slab.life(i), s.clock.now())
		}
		for range n - len(used) {
			i := s.victimLocked()
			require.False(t, used[i], "after %d generations, an entry in use goes first", turns)
			s.dropLocked(i)
		}
		s.tidyLocked()
		require.NoError(t, checkShard(s))
		for range len(used) {
			require.True(t, used[s.victimLocked()])
			s.dropLocked(s.victimLocked())
		}
		s.tidyLocked()
		require.Zero(t, s.victimLocked())
		require.NoError(t, checkShard(s))
	}
}
