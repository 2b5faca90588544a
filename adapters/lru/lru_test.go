package lru

import (
	"math"
	"strconv"
	"strings"
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

func TestTheLimitsAreSharedOutAmongShards(t *testing.T) {
	for _, c := range []struct {
		entries int
		bytes   int64
		want    int
	}{
		{0, 0, 1}, {1, 1 << 20, 1}, {4095, 1 << 40, 1}, {4096, 1 << 40, 16}, {4096, 4<<20 - 1, 1}, {4096, 4 << 20, 2},
		{10_000, 64 << 20, 32}, {8191, 1 << 40, 16}, {100_000, 1 << 40, 128}, {1 << 30, 1 << 40, 128}, {1 << 30, 1 << 20, 1},
	} {
		cache := newCache(t, Options{MaxEntries: c.entries, MaxBytes: c.bytes})
		require.Len(t, cache.shards, c.want, "%d entries, %d bytes", c.entries, c.bytes)
		entries, bytes := 0, int64(0)
		for _, s := range cache.shards {
			entries += int(s.capacity)
			bytes += s.maxBytes
			require.Equal(t, c.want == 1, s.exact())
			require.True(t, c.want == 1 || s.capacity >= entriesPerShard && s.maxBytes >= bytesPerShard)
		}
		require.Equal(t, c.entries, entries)
		require.InDelta(t, c.bytes, bytes, maxShards)
		require.LessOrEqual(t, bytes, c.bytes)
	}
}

func TestTheLeastRecentlyUsedEntryGoes(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 3, MaxBytes: 1 << 20})
	hits := ""
	for _, name := range []string{"a", "b", "c", "a", "d", "b"} { // read-through
		if hit(c, name) {
			hits += name
			continue
		}
		require.True(t, c.Set(key(name), fresh(name), 0))
	}
	assert.Equal(t, "a", hits)
	assert.Equal(t, ports.L1Stats{Entries: 3, Bytes: c.Stats().Bytes, EvictedForEntries: 2}, c.Stats(), "d evicts b, then b evicts c")
	assert.Equal(t, "b d a ", held(c))
}

func TestALargeEntryEvictsAsManyAsItNeeds(t *testing.T) {
	one := size("a", "")
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 4 * one})
	for _, name := range []string{"a", "b", "c", "d"} {
		require.True(t, c.Set(key(name), fresh(""), 0))
	}
	require.Zero(t, c.Stats().Evicted())
	require.True(t, c.Set(key("e"), fresh(strings.Repeat("x", int(2*one))), 0))
	assert.Equal(t, ports.L1Stats{Entries: 2, Bytes: 4 * one, EvictedForBytes: 3}, c.Stats(), "the limit itself is allowed")
	assert.Equal(t, "e d ", held(c))
	full := newCache(t, Options{MaxEntries: 10, MaxBytes: one})
	assert.True(t, full.Set(key("a"), fresh(""), 0), "of a single entry too")
}

// Whatever order the others are in, what makes room for the larger value of a key is
// not that value.
func TestAReplacementThatGrowsStays(t *testing.T) {
	for _, entries := range []int{10, 5000} {
		c := newCache(t, Options{MaxEntries: entries, MaxBytes: 4<<20 - 1})
		for round := range 20 {
			for i := range 3 {
				k := key(strconv.Itoa(i))
				body := strings.Repeat("x", (1+(round+i)%3)<<20)
				require.True(t, c.Set(k, fresh(body), 0))
				got, ok := c.Get(k)
				require.True(t, ok)
				require.Len(t, got.Entry.Body(), len(body))
				require.NoError(t, check(c))
			}
		}
	}
}

func TestAnEntryTooLargeIsNotHeldAndNeitherIsItsPredecessor(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 1000})
	c.Set(key("a"), fresh("old"), 0)
	c.Set(key("b"), fresh("other"), 0)
	assert.False(t, c.Set(key("a"), fresh(strings.Repeat("x", 1000)), 0))
	assert.Equal(t, "b ", held(c))
}

func TestAValueOfAMegabyteFitsIntoTheDefaultCacheAndOneAboveAShardsShareDoesNot(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10_000, MaxBytes: 64 << 20})
	for i := range 100 {
		c.Set(key(strconv.Itoa(i)), fresh("v"), 0)
	}
	assert.True(t, c.Set(key("large"), fresh(strings.Repeat("x", 1<<20)), 0))
	assert.Equal(t, 101, c.Stats().Entries)
	assert.False(t, c.Set(key("larger"), fresh(strings.Repeat("x", 2<<20)), 0))
	assert.Equal(t, 101, c.Stats().Entries, "nothing goes for what is refused")
}

func TestACacheWithoutRoomHoldsNothing(t *testing.T) {
	for _, opts := range []Options{{}, {MaxEntries: 1}, {MaxBytes: 1 << 20}, {MaxBytes: 1 << 20, Admission: TinyLFU}} {
		c := newCache(t, opts)
		assert.False(t, c.Set(key("a"), fresh(""), 0))
		assert.Zero(t, c.Stats())
		assert.False(t, hit(c, "a"))
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
		assert.Greater(t, got.Remaining, -time.Millisecond, "a TTL is kept to less than a millisecond")
		assert.Equal(t, "b a ", held(c), "a stale hit is no use")

		time.Sleep(30*time.Second - time.Millisecond)
		require.True(t, hit(c, "a"))

		time.Sleep(time.Millisecond)
		require.False(t, hit(c, "a"))
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
	assert.Equal(t, "d c b ", held(c))
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
		agree(true, "unverified")
		time.Sleep(time.Minute)
		agree(true, "stale")
		time.Sleep(30*time.Second - 2*time.Millisecond)
		agree(true, "stale for nearly as long as it is kept")
		time.Sleep(2 * time.Millisecond)
		agree(false, "of no use any more, though not swept yet")
	})
}

func TestATTLWithoutEndDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 1, MaxBytes: 1 << 20, KeepStale: math.MaxInt64})
		time.Sleep(time.Hour)
		c.Set(key("a"), domain.Copy{Entry: fresh("v").Entry, Remaining: math.MaxInt64}, 0)
		time.Sleep(4 * 365 * 24 * time.Hour)
		got, ok := c.Get(key("a"))
		require.True(t, ok)
		assert.True(t, got.Fresh())
	})
}

func TestWhatWasReadBeforeADeletionDoesNotComeBack(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20})
	before := c.Epoch(key("a"))
	c.Delete(key("a"))
	assert.False(t, c.Set(key("a"), fresh("old"), before))
	assert.False(t, hit(c, "a"))

	assert.True(t, c.Set(key("a"), fresh("new"), c.Epoch(key("a"))))
	assert.False(t, c.Set(key("a"), fresh("old"), before), "nor over what came since")
	got, _ := c.Get(key("a"))
	assert.Equal(t, "new", got.Entry.Body())
}

func TestWhatWasHeldIsUnverifiedUntilItIsReplaced(t *testing.T) {
	for _, entries := range []int{10, 100_000} {
		c := newCache(t, Options{MaxEntries: entries, MaxBytes: 64 << 20})
		before := c.Epoch(key("0"))
		for i := range 10 {
			c.Set(key(strconv.Itoa(i)), fresh("old"), 0)
		}
		c.Unverify()
		require.False(t, c.Set(key("0"), fresh("read before"), before), "what was read before does not count")
		require.False(t, hit(c, "0"), "but the caller may have answered with it, and what was held may be older")
		for i := 1; i < 10; i++ {
			k := key(strconv.Itoa(i))
			for range 3 { // using it confirms nothing
				got, ok := c.Get(k)
				require.True(t, ok)
				require.True(t, got.Unverified)
				require.Equal(t, "old", got.Entry.Body())
			}
			require.True(t, c.Set(k, fresh("new"), c.Epoch(k)))
			got, _ := c.Get(k)
			require.False(t, got.Unverified)
			require.False(t, c.Set(k, fresh("read before"), before))
			require.True(t, hit(c, k.String()), "what is verified stays")
		}
		c.Set(key("later"), fresh("v"), c.Epoch(key("later")))
		got, _ := c.Get(key("later"))
		require.False(t, got.Unverified, "a slot that was free at that time")
		require.NoError(t, check(c))
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
