//go:build !race

// The race detector makes these tests slow and has nothing to find in one goroutine.

package lru

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A slice, oldest first, says what each operation on the ring has to do.
func TestTheRingAgreesWithASlice(t *testing.T) {
	for _, capacity := range []int{1, 2, 3, 20, 100} {
		l := &list{plain: true}
		l.init(capacity, 1<<20, true)
		random := rand.New(rand.NewPCG(uint64(capacity), 0))
		want := []uint32{}
		for step := range 20_000 {
			at := 0
			if len(want) > 0 {
				at = random.IntN(len(want))
			}
			switch op := random.IntN(5); {
			case op < 2 && len(want) < capacity:
				l.insert(slotOf(strconv.Itoa(step), uint32(step)), 0)
				want = append(want, l.newest)
			case len(want) == 0:
			case op == 2:
				l.drop(want[at])
				want = slices.Delete(want, at, at+1)
			case op == 3:
				l.renew(want[at])
				want = append(slices.Delete(slices.Clone(want), at, at+1), want[at])
			case op == 4:
				l.demote(want[at])
				want = slices.Insert(slices.Delete(slices.Clone(want), at, at+1), 0, want[at])
			}
			got := []uint32{}
			for i, n := l.oldest, l.count; n > 0; i, n = l.links[i].newer, n-1 {
				got = append(got, i)
			}
			require.Equal(t, want, got, "step %d", step)
			require.NoError(t, checkList(l))
		}
	}
}

// In each state, hit any entry: the next to go is another.
func TestAHitIsNeverTheNextVictim(t *testing.T) {
	for _, admission := range []Admission{PlainLRU, TinyLFU} {
		random := rand.New(rand.NewPCG(1, 0))
		c := newCache(t, Options{MaxEntries: 4096, MaxBytes: 1 << 40, Admission: admission})
		for next := range 50_000 {
			name := strconv.Itoa(max(0, next-int(random.ExpFloat64()*2000)))
			for range random.IntN(20) { // bring about states in which much or little is marked
				_ = hit(c, strconv.Itoa(max(0, next-random.IntN(5000))))
			}
			wasHit := hit(c, name)
			c.Set(key("new "+strconv.Itoa(next)), hour, 0)
			if _, ok := c.Peek(key(name)); wasHit {
				require.True(t, ok, "%s was hit just before", name)
			}
			c.Set(key(strconv.Itoa(next)), hour, 0)
		}
		require.NoError(t, check(c))
	}
}

// Nothing but the note of the last hit sets it apart when all have been hit.
func TestAHitIsNeverTheNextVictimThoughAllWereHit(t *testing.T) {
	for _, n := range []int{2, 3, 256, 1000} {
		for _, last := range []int{0, 1, n / 3, n / 2, n - 2, n - 1} {
			l := &list{plain: true}
			l.init(n, 1<<20, false)
			for i := range n {
				l.insert(slotOf("k", uint32(i)), 0)
			}
			for i := range n {
				l.look(uint32(i), "k", 0, true)
			}
			l.look(uint32(last), "k", 0, true)
			l.insert(slotOf("k", uint32(n)), 0)
			require.NotZero(t, l.find(uint32(last), "k"), "%d of %d", last, n)
			require.NoError(t, checkList(l))
		}
	}
}

// An LRU that notes moments of use in few bits takes those of just now for old ones
// when its clock has come round, or for those of any time if the clock stands still
// without evictions. Half of the entries are used for long, then the other half: the
// one that was set first, or last.
func TestAHitIsNotedHoweverManyUsesWentBefore(t *testing.T) {
	const n = 4096
	all := []int{1, 3, 10, 33, 64, 100}
	if raceDetector {
		all = all[:2] // which has nothing to find in one goroutine
	}
	for _, capacities := range all {
		for _, half := range []int{0, n / 2} {
			c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
			name := func(k int) string { return strconv.Itoa((half + k) % n) }
			for k := range n {
				c.Set(key(strconv.Itoa(k)), hour, 0)
			}
			for range 2 * capacities {
				for k := range n / 2 {
					_ = hit(c, name(n/2+k))
				}
			}
			last := hits(c, name, n/2)
			for k := range n / 4 {
				c.Set(key("new "+strconv.Itoa(k)), hour, 0)
			}
			assert.Less(t, last-hits(c, name, n/2), n/32, "evicted of those from %d on, hit last, after %d capacities of uses", half, capacities)
			require.NoError(t, check(c))
		}
	}
}

func hits(c *Cache, name func(int) string, n int) (sum int) {
	for k := range n {
		if hit(c, name(k)) {
			sum++
		}
	}
	return sum
}

// Time is told by uses of other entries as well, of which a fifth make a phase.
func TestAMarkCountsForThreePhases(t *testing.T) {
	const n = 800
	for age := range 2 * phasesPerTurn {
		l := &list{plain: true}
		l.init(n, 1<<20, false)
		for i := range uint32(2 * n) {
			l.insert(slotOf("k", i), 0)
		}
		l.look(n, "k", 0, true) // which is the oldest
		mark, uses := l.slots[l.oldest].meta.used(), 0
		for ; !mark.within(age, l.phase) || mark.within(age-1, l.phase); uses++ {
			l.look(uint32(2*n-1-uses%(n/2)), "k", 0, true)
		}
		l.insert(slotOf("k", 2*n), 0)
		assert.Equal(t, age <= phasesThatCount, l.find(n, "k") != 0, "%d phases", age)
		require.NoError(t, checkList(l))
	}
}

func TestAPeekLeavesNoMarkOnTheEntry(t *testing.T) {
	const n = 10_000
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 30})
	for i := range n {
		c.Set(key(strconv.Itoa(i)), fresh("v"), 0)
	}
	for i := range n / 2 {
		_, _ = c.Peek(key(strconv.Itoa(i)))
	}
	for i := range n / 2 {
		c.Set(key("new "+strconv.Itoa(i)), fresh("v"), 0)
	}
	kept := 0
	for i := range n / 2 {
		if _, ok := c.Peek(key(strconv.Itoa(i))); ok {
			kept++
		}
	}
	assert.Less(t, kept, n/20, "the older half goes, although it was looked at")
}

func TestAHitDoesNotKeepAnEntryForEver(t *testing.T) {
	const n = 500
	l := &list{plain: true}
	l.init(n, 1<<20, false)
	for i := range uint32(n) {
		l.insert(slotOf("k", i), 0)
	}
	l.look(n/2, "k", 0, true)
	for i := range uint32(3 * n) {
		l.insert(slotOf("k", n+i), 0)
	}
	require.Zero(t, l.find(n/2, "k"))
}

func TestTheOnlyEntryGoesAlthoughItWasUsedLast(t *testing.T) {
	l := &list{plain: true}
	l.init(500, 100, false)
	large := func(hash uint32) slot {
		s := slotOf("k", hash)
		s.weight = 60
		return s
	}
	l.insert(large(1), 0)
	l.look(1, "k", 0, true)
	l.insert(large(2), 0)
	require.NotZero(t, l.find(2, "k"))
	require.NoError(t, checkList(l))
}

// A hundred and fifty entries are used again and again, the rest once each.
func TestWhatIsUsedInEveryPhaseDoesNotMakeTimePass(t *testing.T) {
	const n, hot = 1000, 150
	l := &list{plain: true}
	l.init(n, 1<<20, false)
	for i := range uint32(2 * n) {
		l.insert(slotOf("k", i), 0)
	}
	before := l.phase
	for i := range uint32(3 * n / phasesPerTurn) {
		for h := range uint32(hot) {
			l.look(n+h, "k", 0, true)
		}
		l.look(n+hot+i, "k", 0, true)
	}
	passed := (int(l.phase) + phases - int(before)) % phases
	assert.InDelta(t, 3+hot*phasesPerTurn/n, passed, 1)
}
