package lru

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func lasting(ttl time.Duration) domain.Copy {
	return domain.Copy{Entry: hour.Entry, Remaining: ttl}
}

// What was set last is stale first: the order of uses would let the others go. With a
// tick, the goroutine sweeps; without, the Sets do.
func TestStaleEntriesAreTheFirstToGo(t *testing.T) {
	for _, tick := range []time.Duration{0, DefaultTick} {
		for _, n := range []int{100, 4096} {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, Options{MaxEntries: 4 * n, MaxBytes: 1 << 30, KeepStale: time.Hour, Tick: tick})
				for i := range n {
					c.Set(key("long "+strconv.Itoa(i)), lasting(time.Hour), 0)
				}
				for i := range 3 * n {
					c.Set(key("short "+strconv.Itoa(i)), lasting(time.Second), 0)
				}
				gone := c.Stats().Evicted()
				time.Sleep(2*time.Second + DefaultTick)
				for i := range n {
					c.Set(key("new "+strconv.Itoa(i)), lasting(time.Hour), 0)
				}
				require.Equal(t, gone, c.Stats().EvictedForEntries, "from shards that were full early")
				require.NotZero(t, c.Stats().EvictedExpired)
				require.NoError(t, check(c))
			})
		}
	}
}

// Between sweeps, the marks of stale entries save them from nothing.
func TestAnEvictionThatMeetsAStaleEntryTakesItAlthoughItWasUsed(t *testing.T) {
	l := &list{plain: true}
	l.init(300, 1<<20, false)
	for i := range uint32(300) {
		s := slotOf("k", i)
		if i == 1 {
			s.meta = newMeta(time.Second, 1)
		}
		l.insert(s, 0)
	}
	for i := range uint32(3) {
		l.look(i, "k", 0, true)
	}
	l.insert(slotOf("k", 300), 2*time.Second)
	require.EqualValues(t, 1, l.evicted[forExpiry])
	require.Zero(t, l.find(1, "k"))
	require.NotZero(t, l.find(0, "k"), "it was passed by")
	require.NoError(t, checkList(l))
}

func TestAStaleEntryThatIsReplacedIsTheNextToGoNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 3, MaxBytes: 1 << 20, KeepStale: time.Hour, Tick: DefaultTick})
		c.Set(key("a"), lasting(time.Hour), 0)
		c.Set(key("b"), lasting(time.Second), 0)
		c.Set(key("c"), lasting(time.Hour), 0)
		time.Sleep(3 * time.Second)
		require.Equal(t, "c a ", held(c), "b has been found stale")
		c.Set(key("b"), lasting(time.Hour), 0)
		require.Equal(t, "b c a ", held(c))
		c.Set(key("d"), lasting(time.Hour), 0)
		require.Equal(t, "d b c ", held(c))
	})
}

func TestATickingClockKeepsTTLsToATickAndEndsOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a goroutine left behind fails it
		c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20, KeepStale: time.Second, Tick: DefaultTick})
		time.Sleep(DefaultTick / 2)
		c.Set(key("a"), lasting(100*time.Millisecond), 0)
		got, ok := c.Get(key("a"))
		require.True(t, ok && got.Fresh())
		time.Sleep(90 * time.Millisecond)
		got, _ = c.Get(key("a"))
		require.True(t, got.Fresh())
		time.Sleep(10*time.Millisecond + DefaultTick)
		got, _ = c.Get(key("a"))
		require.False(t, got.Fresh(), "past its TTL and a tick")
	})
}

func TestWhatIsOfNoUseIsDroppedThoughNobodyAsks(t *testing.T) {
	for _, n := range []int{2, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, Options{MaxEntries: n, MaxBytes: 64 << 20, KeepStale: time.Second, Tick: DefaultTick})
			for i := range n {
				c.Set(key(strconv.Itoa(i)), lasting(time.Second), 0)
			}
			before := c.Stats()
			require.Positive(t, before.Entries)
			time.Sleep(time.Second + time.Second + sweepInterval + DefaultTick)
			require.Zero(t, c.Stats().Entries)
			require.EqualValues(t, before.Entries, c.Stats().EvictedExpired)
			require.NoError(t, check(c))
		})
	}
}

// While nothing is due, time that passes costs no sweep twice and skips none.
func TestEachShardIsSweptOnceInAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 100_000, MaxBytes: 1 << 40})
		n := int64(len(c.shards))
		c.sweepDue()
		before := c.swept.Load()
		for range 3 * n {
			time.Sleep(sweepInterval / time.Duration(n))
			c.sweepDue()
		}
		assert.Equal(t, before+3*n, c.swept.Load())
	})
}

func TestASweepDropsWhatGetDoesNotReturnAnyMore(t *testing.T) {
	const deadline, keep = 1 << 30, time.Second
	for early, held := range map[time.Duration]uint32{0: 0, 1: 1} {
		l := &list{plain: true}
		l.init(10, 1<<20, true)
		s := slotOf("k", 1)
		s.meta = newMeta(deadline, 1)
		l.insert(s, 0)
		l.sweep(deadline+keep-early, keep)
		require.Equal(t, held, l.count)
	}
}

// slotOf is a slot for a key, with an entry that lasts.
func slotOf(key string, hash uint32) slot {
	s := slot{meta: newMeta(time.Hour, len(key)), entry: hour.Entry, hash: hash, weight: 1}
	s.key = unsafe.StringData(key)
	return s
}
