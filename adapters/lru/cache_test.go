package lru

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

func TestOptionsOutOfRangeAreRefusedByName(t *testing.T) {
	for name, opts := range map[string]Options{
		"MaxEntries": {MaxEntries: -1}, "MaxBytes": {MaxBytes: -1}, "KeepStale": {KeepStale: -1},
		"Tick": {Tick: -1}, "Admission": {Admission: TinyLFU + 1},
	} {
		_, err := New(opts)
		require.ErrorContains(t, err, name)
	}
}

func TestTheLeastRecentlyUsedEntryGoes(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 3, MaxBytes: 1 << 20})
	hits := ""
	for _, name := range []string{"a", "b", "c", "a", "d", "b"} { // read-through
		if _, ok := c.Get(key(name)); ok {
			hits += name
			continue
		}
		require.True(t, c.Set(key(name), fresh(name), 0))
	}
	assert.Equal(t, "a", hits)
	assert.Equal(t, ports.L1Stats{Entries: 3, Bytes: c.Stats().Bytes, EvictedForEntries: 2}, c.Stats(), "d evicts b, then b evicts c")
	assert.Equal(t, "b d a ", held(c, mainList))
}

func TestALargeEntryEvictsAsManyAsItNeeds(t *testing.T) {
	one := size(key("a"), fresh("").Entry)
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 4 * one})
	for _, name := range []string{"a", "b", "c", "d"} {
		require.True(t, c.Set(key(name), fresh(""), 0))
	}
	require.Zero(t, c.Stats().Evicted())
	require.True(t, c.Set(key("e"), fresh(strings.Repeat("x", int(2*one))), 0))
	assert.Equal(t, ports.L1Stats{Entries: 2, Bytes: 4 * one, EvictedForBytes: 3}, c.Stats(), "the limit itself is allowed")
	assert.Equal(t, "e d ", held(c, mainList))
}

func TestAnEntryTooLargeIsNotHeldAndNeitherIsItsPredecessor(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 1000})
	c.Set(key("a"), fresh("old"), 0)
	c.Set(key("b"), fresh("other"), 0)
	assert.False(t, c.Set(key("a"), fresh(strings.Repeat("x", 1000)), 0))
	assert.Equal(t, "b ", held(c, mainList))
}

func TestAnEntryAboveAShardsShareIsRefusedAndNothingGoes(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10_000, MaxBytes: 64 << 20})
	require.Len(t, c.shards, 4)
	for i := range 100 {
		c.Set(key(strconv.Itoa(i)), fresh("v"), 0)
	}
	assert.False(t, c.Set(key("large"), fresh(strings.Repeat("x", 16<<20)), 0))
	assert.True(t, c.Set(key("large"), fresh(strings.Repeat("x", 15<<20)), 0))
	assert.Equal(t, 101, c.Stats().Entries)
}

func TestACacheWithoutRoomHoldsNothing(t *testing.T) {
	for _, opts := range []Options{{}, {MaxEntries: 1}, {MaxBytes: 1 << 20}} {
		c := newCache(t, opts)
		assert.False(t, c.Set(key("a"), fresh(""), 0))
		assert.Zero(t, c.Stats())
		_, ok := c.Get(key("a"))
		assert.False(t, ok)
	}
}

func TestACopyAgesUntilItIsOfNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20, KeepStale: 30 * time.Second})
		put := fresh("v")
		c.Set(key("a"), put, 0)
		c.Set(key("b"), fresh("w"), 0)

		time.Sleep(time.Minute)
		got, ok := c.Get(key("a"))
		require.True(t, ok, "stale, and kept")
		assert.Equal(t, put.Entry, got.Entry)
		assert.LessOrEqual(t, got.Remaining, time.Duration(0))
		assert.Greater(t, got.Remaining, -2*time.Millisecond, "a life is kept to about a millisecond")
		assert.Equal(t, "b a ", held(c, mainList), "a stale hit does not count as a use")

		time.Sleep(30*time.Second - 2*time.Millisecond)
		_, ok = c.Get(key("a"))
		require.True(t, ok)

		time.Sleep(2 * time.Millisecond)
		_, ok = c.Get(key("a"))
		assert.False(t, ok)
	})
}

func TestAPeekIsNoUseOfTheEntry(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 3, MaxBytes: 1 << 20})
	for _, name := range []string{"a", "b", "c"} {
		require.True(t, c.Set(key(name), fresh(name), 0))
	}
	got, ok := c.Peek(key("a"))
	require.True(t, ok)
	assert.Equal(t, fresh("a").Entry, got.Entry)
	require.True(t, c.Set(key("d"), fresh("d"), 0))
	_, ok = c.Peek(key("a"))
	assert.False(t, ok, "it is still the first to go")
	assert.Equal(t, "d c b ", held(c, mainList))
}

// In a cache of several shards a use is a mark that the next eviction looks for.
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
	assert.Less(t, kept, n/100, "the older half goes, although it was looked at")
}

func TestAPeekSeesWhatAGetSees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20, KeepStale: 30 * time.Second})
		agree := func(want bool, why string) {
			t.Helper()
			peeked, ok := c.Peek(key("a"))
			got, gotOK := c.Get(key("a"))
			require.Equal(t, want, ok, why)
			require.Equal(t, gotOK, ok, why)
			require.Equal(t, got, peeked, why)
		}
		agree(false, "nothing there")
		c.Set(key("a"), fresh("v"), 0)
		agree(true, "fresh")
		c.Unverify()
		agree(true, "doubtful")
		time.Sleep(time.Minute)
		agree(true, "stale")
		time.Sleep(30*time.Second - 2*time.Millisecond)
		agree(true, "stale for nearly as long as it is kept")
		time.Sleep(2 * time.Millisecond)
		agree(false, "of no use any more, though not swept yet")
	})
}

func TestStaleEntriesAreTheFirstToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		c := newCache(t, Options{MaxEntries: 2 * n, MaxBytes: 1 << 30, KeepStale: time.Hour})
		for i := range n {
			c.Set(key("long "+strconv.Itoa(i)), fresh("v"), 0)
		}
		for i := range n { // used later, and stale sooner
			c.Set(key("short "+strconv.Itoa(i)), domain.Copy{Entry: fresh("v").Entry, Remaining: time.Second}, 0)
		}
		time.Sleep(2 * time.Second)
		for i := range n {
			c.Set(key("new "+strconv.Itoa(i)), fresh("v"), 0)
		}
		for i := range n {
			_, ok := c.Get(key("long " + strconv.Itoa(i)))
			require.True(t, ok, i)
		}
		assert.EqualValues(t, n, c.Stats().EvictedExpired)
		assert.Zero(t, c.Stats().EvictedForEntries)
	})
}

func TestALifeWithoutEndDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 1, MaxBytes: 1 << 20, KeepStale: math.MaxInt64})
		time.Sleep(time.Hour)
		c.Set(key("a"), domain.Copy{Entry: fresh("v").Entry, Remaining: math.MaxInt64}, 0)
		time.Sleep(365 * 24 * time.Hour)
		got, ok := c.Get(key("a"))
		require.True(t, ok)
		assert.True(t, got.Fresh())
	})
}

func TestATickingClockKeepsLivesToATickAndEndsOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a goroutine left behind fails it
		c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20, KeepStale: time.Second, Tick: DefaultTick})
		time.Sleep(DefaultTick / 2)
		c.Set(key("a"), domain.Copy{Entry: fresh("v").Entry, Remaining: 100 * time.Millisecond}, 0)
		got, ok := c.Get(key("a"))
		require.True(t, ok && got.Fresh())
		time.Sleep(90 * time.Millisecond)
		got, _ = c.Get(key("a"))
		require.True(t, got.Fresh())
		time.Sleep(10*time.Millisecond + DefaultTick)
		got, _ = c.Get(key("a"))
		require.False(t, got.Fresh(), "past its life and a tick")
		time.Sleep(4 * time.Second)
		require.Zero(t, c.Stats().Entries, "swept, though nobody asked")
		require.EqualValues(t, 1, c.Stats().EvictedExpired)
	})
}

func TestWhatWasReadBeforeADeletionDoesNotComeBack(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20})
	before := c.Epoch(key("a"))
	c.Delete(key("a"))
	assert.False(t, c.Set(key("a"), fresh("old"), before))
	_, ok := c.Get(key("a"))
	assert.False(t, ok)

	assert.True(t, c.Set(key("a"), fresh("new"), c.Epoch(key("a"))))
	assert.False(t, c.Set(key("a"), fresh("old"), before), "nor over what came since")
	got, _ := c.Get(key("a"))
	assert.Equal(t, "new", got.Entry.Body())
}

func TestWhatWasHeldIsDoubtfulUntilItIsSetAnew(t *testing.T) {
	for _, entries := range []int{10, 100_000} {
		c := newCache(t, Options{MaxEntries: entries, MaxBytes: 64 << 20})
		before := c.Epoch(key("0"))
		for i := range 10 {
			c.Set(key(strconv.Itoa(i)), fresh("old"), 0)
		}
		c.Unverify()
		require.False(t, c.Set(key("0"), fresh("read before"), before), "what was read before does not count")
		for i := range 10 {
			k := key(strconv.Itoa(i))
			for range 3 { // reading it, and so promoting it, confirms nothing
				got, ok := c.Get(k)
				require.True(t, ok)
				require.True(t, got.Unverified)
				require.Equal(t, "old", got.Entry.Body())
			}
			require.True(t, c.Set(k, fresh("new"), c.Epoch(k)))
			got, _ := c.Get(k)
			require.False(t, got.Unverified)
		}
		c.Set(key("later"), fresh("v"), c.Epoch(key("later")))
		got, _ := c.Get(key("later"))
		require.False(t, got.Unverified, "a slot that was free at that time")
	}
}

func TestHitsAndSetsDoNotAllocate(t *testing.T) {
	for _, admission := range []Admission{PlainLRU, TinyLFU} {
		for _, entries := range []int{100, 8192} {
			c := newCache(t, Options{MaxEntries: entries, MaxBytes: 1 << 30, KeepStale: time.Second, Admission: admission})
			var keys []domain.Key
			for i := range 3 * entries {
				keys = append(keys, key(strconv.Itoa(i)))
				c.Set(keys[i], fresh("v"), 0)
			}
			put, i := fresh("w"), 0
			assert.Zero(t, testing.AllocsPerRun(2*entries, func() {
				i++
				c.Get(keys[i%len(keys)])
				c.Set(keys[i%len(keys)], put, 0) // evicts
				c.Set(keys[i%len(keys)], put, 0) // replaces
				c.Get(keys[i%len(keys)])
			}))
		}
	}
}

// few operations evict nothing that was just set from a cache of some size.
const few = 20

// Readers, writers, deleters and time at once: a value is the key's own, the
// bounds hold, what a goroutine has set is there when it asks next.
func TestConcurrentUseKeepsTheCacheWhole(t *testing.T) {
	for _, opts := range []Options{
		{MaxEntries: 50, MaxBytes: 12_000},
		{MaxEntries: 6000, MaxBytes: 1 << 22},
		{MaxEntries: 10_000, MaxBytes: 1 << 30},
		{MaxEntries: 6000, MaxBytes: 1 << 30, Admission: TinyLFU},
	} {
		opts.KeepStale, opts.Tick = 20*time.Millisecond, time.Millisecond
		c := newCache(t, opts)
		var workers sync.WaitGroup
		var operations atomic.Int64
		for w := range 8 {
			workers.Go(func() { useAtRandom(t, c, w, &operations) })
		}
		workers.Wait()
		require.NoError(t, check(c))
	}
}

// useAtRandom counts its operations, so that it is known how many came between a
// Set and the next Get, where a goroutine may not get to run for long.
func useAtRandom(t *testing.T, c *Cache, worker int, operations *atomic.Int64) {
	random := rand.New(rand.NewPCG(uint64(worker), 0))
	own := 0
	for i := range 10_000 {
		now := operations.Add(1)
		name := strconv.Itoa(int(random.ExpFloat64() * float64(c.opts.MaxEntries)))
		k := key(name)
		switch op := random.IntN(100); {
		case op < 60:
			if got, ok := c.Get(k); ok {
				assert.Equal(t, name, got.Entry.Body())
			}
		case op < 95:
			copy := fresh(name)
			copy.Remaining = time.Duration(random.IntN(30)) * time.Millisecond
			c.Set(k, copy, c.Epoch(k))
		case op < 98:
			c.Delete(k)
			if i%100 == 0 {
				c.Unverify()
			}
		default: // a key that nobody else writes
			own++
			mine := key("own " + strconv.Itoa(worker))
			for !c.Set(mine, fresh(strconv.Itoa(own)), c.Epoch(mine)) {
				now = operations.Load() // its epoch ended with that of a deleted key
			}
			if got, ok := c.Get(mine); c.opts.MaxEntries > 1000 && operations.Load()-now < few {
				assert.True(t, ok && got.Entry.Body() == strconv.Itoa(own), "a set was dropped")
			}
		}
		if i%50 == 0 {
			stats := c.Stats()
			assert.LessOrEqual(t, stats.Entries, c.opts.MaxEntries)
			assert.LessOrEqual(t, stats.Bytes, c.opts.MaxBytes)
		}
	}
}

func TestCountedBytesAreNearTheHeapThatIsUsed(t *testing.T) {
	const n = 100_000
	before := heap()
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
	for i := range n {
		c.Set(key("user/"+strconv.Itoa(i)), fresh(strings.Repeat("x", 64)), 0)
	}
	assert.InEpsilon(t, heap()-before, c.Stats().Bytes, 0.1)
	runtime.KeepAlive(c)
}

func TestCountedBytesIncludeWhatTheSourceSaysOfAValue(t *testing.T) {
	const n = 50_000
	before := heap()
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
	for i := range n {
		e := domain.NewEntry(domain.Value{
			Body: strings.Repeat("x", 64), Version: 1, Tags: domain.Tags{"brand:9", "shoes"},
			Validator: domain.Validator{ETag: `"6b0907a8-1f"`, LastModified: "Sun, 06 Nov 1994 08:49:37 GMT"},
		}, time.Minute, 0)
		c.Set(key("user/"+strconv.Itoa(i)), domain.Copy{Entry: e, Remaining: e.TTL()}, 0)
	}
	assert.InEpsilon(t, heap()-before, c.Stats().Bytes, 0.1)
	runtime.KeepAlive(c)
}

func TestAnEmptyCacheTakesLittle(t *testing.T) {
	before := heap()
	c := newCache(t, Options{MaxEntries: 1 << 20, MaxBytes: 1 << 40})
	assert.Less(t, heap()-before, int64(1<<20))
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC() // moves what pools hold to where
	runtime.GC() // this frees it
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
