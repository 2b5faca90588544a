package lru

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

var _ ports.L1Store = (*Cache)(nil)

// Cache is an L1Store that evicts the least recently used entry. It is safe for
// concurrent use, must not be copied, and must be closed.
type Cache struct {
	seed   maphash.Seed
	shift  uint // the bits of a hash above it are the shard's number
	keep   time.Duration
	shards []*shard
	tell   func(domain.Key) // Options.OnEvict
	clock  clock
	swept  atomic.Int64        // the turns to be swept that shards have had
	epochs [1024]atomic.Uint64 // each for its part of all hashes
}

// New returns an empty cache. It fails on options out of range.
func New(opts Options) (*Cache, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	n := opts.shards()
	c := &Cache{
		seed:   maphash.MakeSeed(),
		shift:  64 - uint(bits.TrailingZeros(uint(n))),
		keep:   min(opts.KeepStale, maxTTL),
		shards: make([]*shard, n),
		tell:   opts.OnEvict,
	}
	for i := range c.shards {
		c.shards[i] = newShard(opts, i, n)
	}
	c.clock.run(c.keep+time.Second, opts.Tick, c.sweepDue)
	return c, nil
}

// Close ends the cache's goroutine. The cache must not be used afterwards.
func (c *Cache) Close() { c.clock.close() }

func (c *Cache) locate(key domain.Key) (*shard, uint64) {
	h := maphash.String(c.seed, key.String())
	return c.shards[h>>c.shift], h
}

// Get returns the copy held for key with its remaining TTL, unless it has been stale
// for KeepStale. A fresh hit is a use of the entry. Get does not allocate.
func (c *Cache) Get(key domain.Key) (domain.Copy, bool) { return c.look(key, true) }

// Peek is Get, but no use of the entry.
func (c *Cache) Peek(key domain.Key) (domain.Copy, bool) { return c.look(key, false) }

func (c *Cache) look(key domain.Key, use bool) (domain.Copy, bool) {
	s, h := c.locate(key)
	now := c.clock.now()
	s.mu.Lock()
	e, m := s.look(uint32(h), key.String(), now, use)
	s.mu.Unlock()
	remaining := m.deadline() - now
	if e == nil || c.useless(remaining) {
		return domain.Copy{}, false
	}
	return domain.Copy{Entry: e, Remaining: remaining, Unverified: m.unverified()}, true
}

// useless reports whether a copy has been stale for so long that it is not kept.
func (c *Cache) useless(remaining time.Duration) bool { return remaining <= -c.keep }

// Epoch returns the epoch of key, which Delete ends.
func (c *Cache) Epoch(key domain.Key) ports.Epoch {
	_, h := c.locate(key)
	return ports.Epoch(c.epoch(h).Load())
}

func (c *Cache) epoch(h uint64) *atomic.Uint64 { return &c.epochs[h>>32%uint64(len(c.epochs))] }

// Set holds copy for key, as ports.L1Store says. An entry is too large if it exceeds
// a shard's share of MaxBytes: all of it in a cache below 4,096 entries or 4 MiB, in
// any other at least 2 MiB and what Options.MaxBodyBytes needs. A copy that has been stale for KeepStale is treated like
// one that is too large. The cache keeps key and the entry. A Set that replaces or
// evicts does not allocate.
func (c *Cache) Set(key domain.Key, copy domain.Copy, since ports.Epoch) bool {
	if c.clock.tick == 0 {
		c.sweepDue()
	}
	s, h := c.locate(key)
	k, now := key.String(), c.clock.now()
	weight := int64(len(k) + copy.Entry.Size() + entryOverhead)
	holds := s.capacity > 0 && weight <= min(s.maxBytes, math.MaxUint32) && len(k) <= maxKeyLen && !c.useless(copy.Remaining)
	s.mu.Lock()
	switch {
	case c.epoch(h).Load() != uint64(since):
		holds = false
		if i := s.find(uint32(h), k); s.slots[i].meta.unverified() { // it may be older than copy
			s.drop(i)
		}
	case holds:
		deadline := now + min(copy.Remaining, maxTTL)
		s.set(k, slot{newMeta(deadline, len(k)), unsafe.StringData(k), copy.Entry, uint32(h), uint32(weight)}, now)
	default:
		s.drop(s.find(uint32(h), k))
	}
	c.unlock(s)
	return holds
}

// unlock unlocks s, and then tells what has been evicted.
func (c *Cache) unlock(s *shard) {
	gone := s.gone
	s.gone = nil
	s.mu.Unlock()
	for _, text := range gone {
		if key, err := domain.ParseKey(text); err == nil { // it was a key before
			c.tell(key)
		}
	}
}

// Delete drops what is held for key and ends its epoch.
func (c *Cache) Delete(key domain.Key) {
	s, h := c.locate(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.epoch(h).Add(1)
	s.drop(s.find(uint32(h), key.String()))
}

// Unverify makes all entries unverified and ends all epochs. A Set with an earlier
// epoch is void, or its shard is visited after it. Each shard is locked once, all of
// them for some milliseconds with a million entries.
func (c *Cache) Unverify() {
	for i := range c.epochs {
		c.epochs[i].Add(1)
	}
	for _, s := range c.shards {
		s.mu.Lock()
		s.unverify()
		s.mu.Unlock()
	}
}

// Stats returns what is held now, stale entries included, and what was evicted. All
// shards are locked for it, so that the sums are those of one moment.
func (c *Cache) Stats() (sum ports.L1Stats) {
	for _, s := range c.shards {
		s.mu.Lock()
		defer s.mu.Unlock()
		sum.Entries += int(s.count)
		sum.Bytes += s.bytes
		sum.EvictedForEntries += s.evicted[forEntries]
		sum.EvictedForBytes += s.evicted[forBytes]
		sum.EvictedExpired += s.evicted[forExpiry]
	}
	return sum
}
