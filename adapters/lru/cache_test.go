package lru

import (
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

func newCache(t testing.TB, opts Options) *Cache {
	t.Helper()
	c, err := New(opts)
	require.NoError(t, err)
	return c
}

func key(name string) domain.Key {
	k, err := domain.ParseKey(name)
	if err != nil {
		panic(err)
	}
	return k
}

// fresh returns a copy with the given body and a minute to live.
func fresh(body string) domain.Copy {
	return domain.Copy{Entry: domain.NewEntry(domain.Value{Body: body}, time.Minute, 0), Left: time.Minute}
}

// held returns the keys from the most to the least recently used.
func held(c *Cache) (names string) {
	for n := c.order.root.next; n != &c.order.root; n = n.next {
		names += n.key.String()
	}
	return names
}

func TestNegativeOptionsAreRefusedByName(t *testing.T) {
	for name, opts := range map[string]Options{
		"MaxEntries": {MaxEntries: -1}, "MaxBytes": {MaxBytes: -1}, "KeepStale": {KeepStale: -1},
	} {
		_, err := New(opts)
		require.ErrorContains(t, err, name)
	}
}

func TestTheLeastRecentlyUsedEntryGoes(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 3, MaxBytes: 1 << 20})
	hits, evicted := "", 0
	for _, name := range []string{"a", "b", "c", "a", "d", "b"} { // read-through
		if _, ok := c.Get(key(name)); ok {
			hits += name
			continue
		}
		evicted += c.Set(key(name), fresh(name))
	}
	assert.Equal(t, "a", hits)
	assert.Equal(t, 2, evicted, "d evicts b, then b evicts c")
	assert.Equal(t, "bda", held(c))
}

func TestALargeEntryEvictsAsManyAsItNeeds(t *testing.T) {
	one := size(key("a"), fresh("").Entry)
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 4 * one})
	for _, name := range []string{"a", "b", "c", "d"} {
		require.Zero(t, c.Set(key(name), fresh("")))
	}
	assert.Equal(t, 3, c.Set(key("e"), fresh(strings.Repeat("x", int(2*one)))))
	assert.Equal(t, "ed", held(c))
	assert.Equal(t, 4*one, c.Bytes(), "the limit itself is allowed")
}

func TestAnEntryTooLargeIsNotHeldAndNeitherIsItsPredecessor(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: 1000})
	c.Set(key("a"), fresh("old"))
	c.Set(key("b"), fresh("other"))
	assert.Zero(t, c.Set(key("a"), fresh(strings.Repeat("x", 1000))))
	assert.Equal(t, "b", held(c))
}

func TestAnEntryMayFillTheCacheAlone(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 10, MaxBytes: size(key("a"), fresh("value").Entry)})
	c.Set(key("b"), fresh(""))
	assert.Equal(t, 1, c.Set(key("a"), fresh("value")))
	assert.Equal(t, "a", held(c))
}

func TestACacheWithoutRoomHoldsNothing(t *testing.T) {
	for _, opts := range []Options{{}, {MaxEntries: 1}, {MaxBytes: 1 << 20}} {
		c := newCache(t, opts)
		assert.Zero(t, c.Set(key("a"), fresh("")))
		assert.Zero(t, c.Len())
	}
}

func TestACopyAgesUntilItIsOfNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20, KeepStale: 30 * time.Second})
		put := fresh("v")
		c.Set(key("a"), put)
		c.Set(key("b"), fresh("w"))

		time.Sleep(time.Minute)
		got, ok := c.Get(key("a"))
		require.True(t, ok, "stale, and kept")
		assert.Equal(t, domain.Copy{Entry: put.Entry, Left: 0}, got)
		assert.Equal(t, "ba", held(c), "a stale hit does not count as a use")

		time.Sleep(30*time.Second - 1)
		got, ok = c.Get(key("a"))
		require.True(t, ok)
		assert.Equal(t, 1-30*time.Second, got.Left)

		time.Sleep(time.Nanosecond)
		_, ok = c.Get(key("a"))
		assert.False(t, ok)
		assert.Equal(t, "b", held(c))
	})
}

func TestALifeWithoutEndDoesNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Options{MaxEntries: 1, MaxBytes: 1 << 20})
		time.Sleep(time.Hour)
		c.Set(key("a"), domain.Copy{Entry: fresh("v").Entry, Left: math.MaxInt64})
		got, ok := c.Get(key("a"))
		require.True(t, ok)
		assert.True(t, got.Fresh())
	})
}

func TestAHitDoesNotAllocate(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 2, MaxBytes: 1 << 20})
	keys := []domain.Key{key("a"), key("b"), key("absent")}
	c.Set(keys[0], fresh("v"))
	c.Set(keys[1], fresh("v"))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, k := range keys {
			c.Get(k)
		}
	}))
}

func TestConcurrentUseKeepsTheCacheWhole(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 50, MaxBytes: 12_000, KeepStale: time.Minute})
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for i := range 5_000 {
				name := strconv.Itoa(i * (w + 1) % 97)
				if got, ok := c.Get(key(name)); ok {
					assert.Equal(t, name, got.Entry.Body())
				} else {
					c.Set(key(name), fresh(name))
				}
				assert.LessOrEqual(t, c.Bytes(), int64(12_000))
				assert.LessOrEqual(t, c.Len(), 50)
			}
		})
	}
	workers.Wait()
	require.NoError(t, checkLinks(c))
}

func TestCountedBytesAreNearTheHeapThatIsUsed(t *testing.T) {
	const n = 100_000
	before := heap()
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 40})
	for i := range n {
		c.Set(key("user/"+strconv.Itoa(i)), fresh(strings.Repeat("x", 64)))
	}
	assert.InEpsilon(t, heap()-before, c.Bytes(), 0.25)
	runtime.KeepAlive(c)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
