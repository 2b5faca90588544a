package lru

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// entryOverhead is what an entry occupies beside its strings: the slot, its
// share of the hash chains' heads and the struct domain.Entry. Measured with
// 64-bit Go 1.26; TestCountedBytesAreNearTheHeapThatIsUsed.
const entryOverhead = 176

// Admission says who gets a place in a full cache.
type Admission uint8

const (
	// PlainLRU admits every entry.
	PlainLRU Admission = iota
	// TinyLFU admits an entry that was asked for more often than the one that
	// would have to go.
	TinyLFU
)

// Options are the limits of a Cache. Both sizes hold at once; when one of them
// is 0, the cache holds nothing.
type Options struct {
	// MaxEntries is how many entries are held at most.
	MaxEntries int
	// MaxBytes is how much memory the entries may occupy: their keys, their
	// strings and a constant overhead for each.
	MaxBytes int64
	// KeepStale is how long an entry is kept past its life. At 0 an entry is
	// gone as soon as it is stale.
	KeepStale time.Duration
	// Tick is how coarse the clock is, see DefaultTick. A life may be up to a
	// tick longer or shorter. At 0 each Get reads the system's clock, and the
	// cache has no goroutine.
	Tick time.Duration
	// Admission is PlainLRU unless set.
	Admission Admission
}

func (o Options) validate() error {
	switch {
	case o.MaxEntries < 0:
		return fmt.Errorf("lru: MaxEntries is %d, must not be negative", o.MaxEntries)
	case o.MaxBytes < 0:
		return fmt.Errorf("lru: MaxBytes is %d, must not be negative", o.MaxBytes)
	case o.KeepStale < 0:
		return fmt.Errorf("lru: KeepStale is %v, must not be negative", o.KeepStale)
	case o.Tick < 0:
		return fmt.Errorf("lru: Tick is %v, must not be negative", o.Tick)
	case o.Admission > TinyLFU:
		return fmt.Errorf("lru: Admission is %d, must be PlainLRU or TinyLFU", o.Admission)
	}
	return nil
}

// How a cache is split. A small one is a single list, and an exact LRU. In a
// larger one a hit moves its entry to the front only when it has not been there
// for an eighth of the capacity, which spares most hits the lock and costs less
// than 0.2 points of hit ratio.
const (
	exactBelow      = 4096
	entriesPerShard = 2048
	bytesPerShard   = 4 << 20
	maxShards       = 128
	stepsPerCache   = 1024
	slack           = stepsPerCache / 8
)

// maxLife is the longest life and stale window that are told apart. Both of them
// and the time that the process runs must fit into maxTime.
const maxLife = 500 * 24 * time.Hour

const epochs = 1024

var _ ports.L1Store = (*Cache)(nil)

// Cache is an L1Store that evicts the least recently used entry. It is safe
// for concurrent use, must not be copied, and must be closed.
type Cache struct {
	seed     maphash.Seed
	shift    uint // what is left of a hash after it is the shard's number
	promote  int  // after how many steps a hit is a promotion
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
		promote:  slack,
		maxEntry: min(opts.MaxBytes/int64(n), maxWeight),
		opts:     opts,
		shards:   make([]shard, n),
	}
	if opts.MaxEntries < exactBelow || opts.Admission == TinyLFU {
		c.promote = math.MinInt
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
		c.shards[i].init(&c.budget, &c.uses, units(opts.KeepStale), n == 1)
		if contest != nil {
			c.shards[i].policy = newTinyLFU(opts.MaxEntries/n, contest)
		}
	}
	c.clock.run(opts.KeepStale+time.Second, opts.Tick, c.sweep)
	return c, nil
}

// shardCount is a power of two.
func shardCount(opts Options) int {
	if opts.MaxEntries < exactBelow {
		return 1
	}
	n := min(int64(opts.MaxEntries/entriesPerShard), opts.MaxBytes/bytesPerShard, maxShards)
	return 1 << (bits.Len64(uint64(max(1, n))) - 1)
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
	held := domain.Copy{
		Entry:    f.entry,
		Left:     time.Duration(f.life.deadline()<<unitShift) - c.clock.now(),
		Doubtful: f.life.doubtful(),
	}
	if held.Left <= 0 {
		if c.useless(held) {
			return domain.Copy{}, false
		}
		return held, true
	}
	if c.uses.now().since(f.life.used()) > c.promote {
		s.promote(f)
	}
	return held, true
}

// Epoch returns the epoch of key, which Delete ends.
func (c *Cache) Epoch(key domain.Key) ports.Epoch {
	_, h := c.locate(key.String())
	return ports.Epoch(c.epoch(h).Load())
}

// epoch is shared by the keys of one in 1,024 parts of all hashes.
func (c *Cache) epoch(h uint64) *atomic.Uint64 { return &c.epochs[h>>32%epochs] }

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
		deadline: units(now + min(copy.Left, maxLife)),
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
	if s.heads == nil {
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

// makeRoomLocked drops the entry that goes next, of s or of a neighbour whose
// entry has gone unused for clearly longer, and moves what it took to s. It
// reports false if there was nothing to drop, in s or in shards that nobody
// else is using now.
func (c *Cache) makeRoomLocked(s *shard, short cause) bool {
	if o := c.neighbour(s); o != nil && o.older(s) && o.evictFor(s, short) {
		return true
	}
	if s.evictLocked(short) {
		return true
	}
	for i := range c.shards {
		if o := &c.shards[i]; o != s && o.evictFor(s, short) {
			return true
		}
	}
	return false
}

// neighbour returns another shard, each in turn, or nil if there is no other.
func (c *Cache) neighbour(s *shard) *shard {
	if !s.tells() {
		return nil
	}
	s.turn++
	o := &c.shards[s.turn%uint32(len(c.shards))]
	if o == s {
		return nil
	}
	return o
}

// Delete drops what is held for key and ends its epoch.
func (c *Cache) Delete(key domain.Key) {
	s, h := c.locate(key.String())
	s.mu.Lock()
	defer s.mu.Unlock()
	c.epoch(h).Add(1)
	if s.heads == nil {
		return
	}
	if i := s.locate(uint32(h), key.String()); i != 0 {
		s.dropLocked(i)
	}
	s.tidyLocked()
}

// Doubt makes all entries doubtful and ends all epochs. A Set that is not void
// already has either been seen by it or comes after it. It takes some
// milliseconds for a million entries, during which each shard is locked once.
func (c *Cache) Doubt() {
	for i := range c.epochs {
		c.epochs[i].Add(1)
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.doubtLocked()
		s.mu.Unlock()
	}
}

// Stats returns what is held now, stale entries included, and what had to go.
// All shards are locked for it, so that the sums are those of one moment.
func (c *Cache) Stats() ports.L1Stats {
	var sum ports.L1Stats
	for i := range c.shards {
		c.shards[i].mu.Lock()
		defer c.shards[i].mu.Unlock()
		c.shards[i].addStatsLocked(&sum)
	}
	return sum
}

// sweep drops what has been stale for too long, wherever that is due.
func (c *Cache) sweep() {
	now := units(c.clock.now())
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		if s.heads != nil {
			s.ageLocked(now)
			s.tidyLocked()
		}
		s.mu.Unlock()
	}
}

// useless reports whether a copy is stale for so long that it is not kept.
func (c *Cache) useless(held domain.Copy) bool { return held.Left <= -c.opts.KeepStale }

func size(key domain.Key, e *domain.Entry) int64 {
	return int64(len(key.String()) + e.Size() + entryOverhead)
}
