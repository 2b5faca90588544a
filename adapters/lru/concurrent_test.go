package lru

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// few operations evict nothing that was just set from a cache of some size.
const few = 20

// Readers, writers, deleters and time at once: a value is the key's own, the bounds
// hold, what a goroutine has set is there when it asks next.
func TestConcurrentUseKeepsTheCacheWhole(t *testing.T) {
	for _, opts := range []Options{
		{MaxEntries: 50, MaxBytes: 12_000},
		{MaxEntries: 6000, MaxBytes: 1 << 22},
		{MaxEntries: 10_000, MaxBytes: 1 << 30},
		{MaxEntries: 6000, MaxBytes: 1 << 30, Admission: TinyLFU},
	} {
		opts.KeepStale, opts.Tick = 20*time.Millisecond, time.Millisecond
		u := &users{t: t, cache: newCache(t, opts), opts: opts}
		var workers sync.WaitGroup
		for w := range 8 {
			workers.Go(func() { u.work(w) })
		}
		workers.Wait()
		require.NoError(t, check(u.cache))
	}
}

// users count their operations, so that it is known how many came between a Set and
// the next Get, where a goroutine may not get to run for long.
type users struct {
	t          *testing.T
	cache      *Cache
	opts       Options
	operations atomic.Int64
}

func (u *users) work(worker int) {
	random := rand.New(rand.NewPCG(uint64(worker), 0))
	c := u.cache
	for i := range 10_000 {
		u.operations.Add(1)
		name := strconv.Itoa(int(random.ExpFloat64() * float64(u.opts.MaxEntries)))
		k := key(name)
		switch op := random.IntN(100); {
		case op < 60:
			if got, ok := c.Get(k); ok {
				assert.Equal(u.t, name, got.Entry.Body())
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
		default:
			u.setOwn(worker, i)
		}
		if i%50 == 0 {
			stats := c.Stats()
			assert.LessOrEqual(u.t, stats.Entries, u.opts.MaxEntries)
			assert.LessOrEqual(u.t, stats.Bytes, u.opts.MaxBytes)
		}
	}
}

// setOwn sets a key that nobody else writes. With admission, a new key may go next.
func (u *users) setOwn(worker, i int) {
	now := u.operations.Load()
	mine, want := key("own "+strconv.Itoa(worker)), strconv.Itoa(i)
	for !u.cache.Set(mine, fresh(want), u.cache.Epoch(mine)) {
		now = u.operations.Load() // its epoch ended with that of a deleted key
	}
	got, ok := u.cache.Get(mine)
	if ok {
		assert.Equal(u.t, want, got.Entry.Body())
	}
	if u.opts.MaxEntries > 1000 && u.opts.Admission == PlainLRU && u.operations.Load()-now < few {
		assert.True(u.t, ok, "a set was dropped")
	}
}

// One slot is all there is, and goes from key to key while it is read.
func TestAReaderNeverSeesTheEntryOfAnotherKey(t *testing.T) {
	c := newCache(t, Options{MaxEntries: 1, MaxBytes: 1 << 20})
	a, b := fresh("a"), fresh("b")
	var readers sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				if got, ok := c.Get(key("a")); ok && got.Entry != a.Entry {
					assert.Fail(t, "a has the entry of b")
					return
				}
			}
		})
	}
	for range 20_000 {
		c.Set(key("a"), a, 0)
		c.Set(key("b"), b, 0)
	}
	done.Store(true)
	readers.Wait()
}

// No reader gives up its use of an entry because others are at work: what is hit by
// one goroutine after another stays, whatever the rest of them set.
func TestTheOrderOfASmallCacheIsExactUnderContention(t *testing.T) {
	const n, rounds = 64, 2000
	c := newCache(t, Options{MaxEntries: n, MaxBytes: 1 << 20})
	c.Set(key("hot"), hour, 0)
	var workers sync.WaitGroup
	var sets atomic.Int64 // of new keys, since the last hit
	for w := range 4 {
		workers.Go(func() {
			for i := range rounds {
				before := sets.Swap(0)
				if !hit(c, "hot") {
					assert.GreaterOrEqual(t, before, int64(n-8), "few were set since it was hit")
					c.Set(key("hot"), hour, 0)
				}
				for j := range 8 {
					sets.Add(1)
					c.Set(key(strconv.Itoa(w*1_000_000+i*8+j)), hour, 0)
				}
			}
		})
	}
	workers.Wait()
	require.NoError(t, check(c))
}
