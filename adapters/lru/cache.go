package lru

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// maxLife is the longest life and stale window that are told apart. Both of them
// and the time that the process runs must fit into maxTime.
const maxLife = 500 * 24 * time.Hour

var _ ports.L1Store = (*Cache)(nil)

// Cache is an L1Store that evicts the least recently used entry. It is safe
// for concurrent use, must not be copied, and must be closed.
type Cache struct {
	seed     maphash.Seed
	shift    uint // what is left of a hash after it is the shard's number
	late     bool // the shards' order is a ring
	maxEntry int64
	opts     Options
	shards   []shard
	clock    clock

	_      [64]byte // what follows is written, what precedes is read by each Get
	uses   uses
	budget budget
	epochs [epochs]atomic.Uint64
}

// New returns an empty cache. It fails on options out of range.
func New(opts Options) (*Cache, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	n := shardCount(opts)
	opts.KeepStale = min(opts.KeepStale, maxLife)
	c := &Cache{
		seed:     maphash.MakeSeed(),
		shift:    64 - uint(bits.TrailingZeros(uint(n))),
		late:     opts.late(),
		maxEntry: min(opts.MaxBytes/int64(n), maxWeight),
		opts:     opts,
		shards:   make([]shard, n),
	}
	c.budget.entries.Store(int64(opts.MaxEntries))
	c.budget.bytes.Store(opts.MaxBytes)
	if n > 1 {
		c.budget.lot = opts.MaxBytes / int64(n) / 512
	}
	c.uses.shift = uint(max(0, bits.Len(uint(opts.MaxEntries/stepsPerCache))-1))
	var contest *duel
	if opts.Admission == TinyLFU {
		contest = newDuel(opts.MaxEntries)
	}
	for i := range c.shards {
		c.shards[i].init(&c.budget, &c.uses, units(opts.KeepStale), n == 1, c.late)
		if contest != nil {
			c.shards[i].policy = newTinyLFU(opts.MaxEntries/n, contest)
		}
	}
	c.clock.run(opts.KeepStale+time.Second, opts.Tick, c.sweep)
	return c, nil
}

// Close ends the cache's goroutine. The cache must not be used afterwards.
func (c *Cache) Close() { c.clock.close() }

func (c *Cache) locate(key string) (*shard, uint64) {
	h := maphash.String(c.seed, key)
	return &c.shards[h>>c.shift], h
}

// Get returns the copy held for key with the life it has left now. A copy that
// has been stale for KeepStale is not returned. A fresh hit is a use of the
// entry. Get does not allocate and does not wait for writers.
func (c *Cache) Get(key domain.Key) (domain.Copy, bool) {
	s, h := c.locate(key.String())
	f, ok := s.get(uint32(h), key.String())
	if !ok {
		return domain.Copy{}, false
	}
	held := c.copyOf(f)
	if held.Remaining <= 0 {
		if c.useless(held) {
			return domain.Copy{}, false
		}
		return held, true
	}
	c.used(s, f)
	return held, true
}

// Peek is Get, but no use of the entry.
func (c *Cache) Peek(key domain.Key) (domain.Copy, bool) {
	s, h := c.locate(key.String())
	f, ok := s.get(uint32(h), key.String())
	if !ok {
		return domain.Copy{}, false
	}
	held := c.copyOf(f)
	if c.useless(held) {
		return domain.Copy{}, false
	}
	return held, true
}

func (c *Cache) copyOf(f found) domain.Copy {
	return domain.Copy{
		Entry:      f.entry,
		Remaining:  time.Duration(f.life.deadline()<<unitShift) - c.clock.now(),
		Unverified: f.life.doubtful(),
	}
}

// used takes note of a hit.
func (c *Cache) used(s *shard, f found) {
	if !c.late {
		s.promote(f)
		return
	}
	if now := c.uses.now(); now.since(f.life.used()) > slack {
		f.at.touch(f.life, now)
		c.uses.sample(hashIn(f.mark), now)
	}
}

// Set holds copy for key, as ports.L1Store says. An entry is too large if it
// exceeds a shard's share of MaxBytes: all of it in a cache below 8 MiB or
// 4,096 entries, a 128th in the largest. A copy that has been stale for
// KeepStale is treated like one that is too large. A Set that replaces or
// evicts does not allocate. The cache keeps key and the entry.
func (c *Cache) Set(key domain.Key, copy domain.Copy, since ports.Epoch) bool {
	s, h := c.locate(key.String())
	now := c.clock.now()
	it := item{
		key: key.String(), entry: copy.Entry, hash: uint32(h),
		deadline: units(now + min(copy.Remaining, maxLife)),
	}
	bytes := size(key, copy.Entry)
	refused := c.useless(copy) || bytes > c.maxEntry || c.opts.MaxEntries == 0 || len(it.key) > maxKeyLen
	it.weight = weight(min(bytes, maxWeight))
	for {
		s.mu.Lock()
		held, done := false, true
		if c.epoch(h).Load() == uint64(since) {
			held, done = c.setLocked(s, &it, refused, units(now))
		}
		s.mu.Unlock()
		if done {
			return held
		}
		runtime.Gosched() // others hold all that could make room
	}
}

func (c *Cache) setLocked(s *shard, it *item, refused bool, now int64) (held, done bool) {
	if s.index == nil {
		if refused {
			return false, true
		}
		s.open()
	}
	defer s.tidyLocked()
	s.ageLocked(now)
	i := s.locate(it.hash, it.key)
	if i != 0 {
		if !refused && s.replaceLocked(i, it) {
			return true, true
		}
		s.dropLocked(i)
	}
	if refused {
		return false, true
	}
	for {
		paid, short := s.purse.pay(it.weight.bytes())
		if paid {
			s.addLocked(it)
			return true, true
		}
		if !c.makeRoomLocked(s, short) {
			return false, false
		}
	}
}

// Delete drops what is held for key and ends its epoch.
func (c *Cache) Delete(key domain.Key) {
	s, h := c.locate(key.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	c.epoch(h).Add(1)
	if s.index == nil {
		return
	}
	if i := s.locate(uint32(h), key.String()); i != 0 {
		s.dropLocked(i)
	}
	s.tidyLocked()
}

// sweep drops what has been stale for too long, wherever that is due.
func (c *Cache) sweep() {
	now := units(c.clock.now())
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if s.index != nil {
			s.ageLocked(now)
			s.tidyLocked()
		}
		s.mu.Unlock()
	}
}

// useless reports whether a copy is stale for so long that it is not kept.
func (c *Cache) useless(held domain.Copy) bool { return held.Remaining <= -c.opts.KeepStale }

func size(key domain.Key, e *domain.Entry) int64 {
	return int64(len(key.String()) + e.Size() + entryOverhead)
}
