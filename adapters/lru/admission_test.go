package lru

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheSketchCountsUpTo15AndNeverTooLow(t *testing.T) {
	k := newSketch(1000)
	seen := map[uint32]uint64{}
	random := rand.New(rand.NewPCG(1, 0))
	high := 0
	for range 10_000 { // half of the period
		hash := uint32(random.IntN(1000)) * 0x9e3779b9
		seen[hash]++
		k.add(hash)
		require.GreaterOrEqual(t, k.count(hash), min(seen[hash], sketchMax))
	}
	for hash, n := range seen {
		if k.count(hash) > min(n, sketchMax) {
			high++
		}
	}
	assert.Less(t, high, len(seen)/4)
	empty := newSketch(1000)
	assert.Zero(t, empty.count(7))
}

func TestTheSketchForgetsHalfAfterAPeriod(t *testing.T) {
	k := newSketch(100)
	for range 8 {
		k.add(1)
	}
	for hash := uint32(2); k.seen > 0 && k.seen < k.period-1; hash++ {
		k.add(hash * 0x9e3779b9)
	}
	before := k.count(1)
	k.add(0xfedcba98)
	assert.Equal(t, before/2, k.count(1))
	assert.Equal(t, k.period/2, k.seen)
}

func TestWhatChangesNoCounterBringsForgettingNoNearer(t *testing.T) {
	k := newSketch(100)
	for range 100_000 {
		k.add(1)
	}
	assert.EqualValues(t, sketchMax, k.count(1))
	assert.Equal(t, sketchMax, k.seen)
}

// ask judges so many newcomers that nobody has seen, each beside an incumbent that is
// requested afterwards, or not at all while the newcomer is.
func ask(a *admission, n int, incumbentsReturn bool) {
	for i := range uint32(n) {
		newcomer, incumbent := 1_000_000+2*i, 2_000_001+2*i
		a.requested(incumbent)
		a.requested(newcomer)
		a.admits(newcomer, incumbent)
		if incumbentsReturn {
			a.requested(incumbent)
		} else {
			a.requested(newcomer)
		}
	}
}

func TestFrequencyDecidesOnceItHasProvenRight(t *testing.T) {
	a := newAdmission(1000)
	refused := func() bool { return !a.admits(1, 2) } // neither was seen
	require.False(t, refused(), "recency decides to begin with")
	ask(a, 100, true)
	require.True(t, refused())
	a.requested(1)
	require.False(t, refused(), "the newcomer was requested more often")
	ask(a, 100, false)
	a = &admission{sketch: newSketch(1000), watched: a.watched, patience: a.patience, balance: a.balance, byCount: a.byCount}
	require.False(t, refused(), "it has proven wrong")
}

func TestAPairWaitsForItsFirstRequestOnly(t *testing.T) {
	a := newAdmission(100)
	a.admits(1, 2)
	a.requested(2)
	after := a.balance
	require.Positive(t, after)
	a.requested(1)
	a.requested(2)
	require.Equal(t, after, a.balance)
	for _, w := range a.watched {
		require.Zero(t, w.outcome)
	}
}

func TestAPairThatNobodyAsksForMakesRoomInTheEnd(t *testing.T) {
	a := newAdmission(100)
	a.admits(1, 2)
	a.admits(1, 3)
	require.EqualValues(t, 2, a.watched[a.place(1)].other, "it is still waited for")
	for range a.patience {
		a.admits(5, 5) // a judgement without a pair
	}
	a.admits(1, 3)
	require.EqualValues(t, 3, a.watched[a.place(1)].other)
	require.Zero(t, a.watched[a.place(2)].outcome, "the other one is not waited for either")
	a.requested(2)
	require.Zero(t, a.balance)
}

// The places of keys are as few as to collide often.
func TestPairsStayConsistent(t *testing.T) {
	a := newAdmission(8)
	random := rand.New(rand.NewPCG(1, 0))
	for range 100_000 {
		if random.IntN(2) == 0 {
			a.requested(random.Uint32N(40))
		} else {
			a.admits(random.Uint32N(40), random.Uint32N(40))
		}
		for at, w := range a.watched {
			if w.outcome == 0 {
				continue
			}
			other := a.watched[w.other]
			require.Equal(t, -w.outcome, other.outcome)
			require.EqualValues(t, at, other.other)
			require.EqualValues(t, at, a.place(w.hash))
		}
		require.LessOrEqual(t, max(a.balance, -a.balance), balanceRange)
	}
}

// judging is a full list of the keys 0 to 9, of which none is preferred, whose
// admission judges by frequency.
func judging(ttl time.Duration) *list {
	l := &list{admission: newAdmission(10)}
	l.init(10, 1<<20, true)
	l.admission.balance, l.admission.byCount = balanceRange, true
	for i := range uint32(10) {
		s := slotOf(strconv.Itoa(int(i)), i)
		s.meta = newMeta(ttl, 1)
		l.insert(s, 0)
	}
	return l
}

func TestARefusedEntryIsHeldUntilTheNextOneComes(t *testing.T) {
	l := judging(time.Hour)
	l.insert(slotOf("new", 100), 0)
	require.Equal(t, "9 8 7 6 5 4 3 2 1 new ", heldIn(l))
	l.insert(slotOf("newer", 101), 0)
	require.Equal(t, "9 8 7 6 5 4 3 2 1 newer ", heldIn(l))
	l.look(101, "newer", 0, true)
	require.Equal(t, "newer 9 8 7 6 5 4 3 2 1 ", heldIn(l), "a use is what it takes to stay")
	require.NoError(t, checkList(l))
}

func TestAStaleEntryGoesBeforeANewcomer(t *testing.T) {
	l := judging(time.Second)
	for i := range uint32(10) {
		l.insert(slotOf(string('a'+rune(i)), 100+i), 2*time.Second)
	}
	require.Equal(t, "i h g f e d c b a j ", heldIn(l), "the last one is refused, since there is no stale one left")
	require.EqualValues(t, 10, l.evicted[forExpiry])
	require.NoError(t, checkList(l))
}

// With marks, the entry that would go next need not be the oldest.
func TestANewcomerIsComparedWithTheEntryThatWouldGoNext(t *testing.T) {
	const n = 300
	l := &list{admission: newAdmission(n)}
	l.init(n, 1<<20, false)
	for i := range uint32(n) {
		l.insert(slotOf("k", i), 0)
	}
	for range 5 {
		l.look(1, "k", 0, true)
	}
	l.admission.balance, l.admission.byCount = balanceRange, true
	l.requested(n)
	l.requested(n)
	l.insert(slotOf("k", n), 0) // 0 goes for it
	require.Equal(t, l.find(2, "k"), l.oldest, "1 was passed by")
	require.NoError(t, checkList(l))
}
