package lru

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// item is what Set is asked to hold.
type item struct {
	key      string
	entry    *domain.Entry
	hash     uint32
	weight   weight
	deadline int64
}

// cause is why an entry had to go.
type cause uint8

const (
	forEntries cause = iota
	forBytes
	forExpiry
	causes
)

// shard is an LRU over the keys that hash to it: the bare algorithm, under one
// mutex. Readers find entries through view without it.
type shard struct {
	view atomic.Pointer[view]
	_    [56]byte // what follows is written more often than readers like

	oldest atomic.Uint32 // what other shards may know of the entry to go next
	alone  bool          // it is the cache's only shard
	clock  useClock

	mu      sync.Mutex
	slab    slab
	heads   []atomic.Uint32
	lists   [lists]list
	wheel   wheel
	count   int // entries in all lists
	bytes   int64
	purse   purse
	spare   uint32 // an invalid slot that still holds its last entry, or 0
	evicted [causes]uint64
	policy  *tinyLFU // nil: plain LRU
	turn    uint32   // whose entry was compared with ours last

	_ [80]byte // the next shard is for others; the size is a multiple of 64
}

// In oldest, above the stamp.
const (
	hasEntry   = 1 << 16
	hasExpired = 1 << 17
)

func (s *shard) init(b *budget, u *uses, keepStale int64, alone bool) {
	s.view.Store(emptyView)
	s.clock.uses = u
	s.alone = alone
	s.purse.budget = b
	s.wheel.slab, s.wheel.keepStale = &s.slab, keepStale
	for id := range s.lists {
		s.lists[id] = list{slab: &s.slab, id: listID(id)}
	}
}

// open allocates what even one entry needs.
func (s *shard) open() {
	s.slab.grow()
	s.slab.fresh = uint32(lists)
	for id := range s.lists {
		s.lists[id].init()
	}
	s.heads = make([]atomic.Uint32, 16)
	s.publish()
}

// get looks for key, by the lock if it must.
func (s *shard) get(hash uint32, key string) (found, bool) {
	for range 8 {
		v := s.view.Load()
		if v == nil {
			break
		}
		f, ok, sure := v.find(hash, key)
		if ok || sure && s.view.Load() == v {
			return f, ok
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok, _ := s.view.Load().find(hash, key)
	return f, ok
}

// promote makes what was found the most recently used. If others are at work
// in the shard, it is left to the next who reads the entry.
func (s *shard) promote(f found) {
	if s.mu.TryLock() {
		s.promoteLocked(f)
		s.mu.Unlock()
	}
}

func (s *shard) promoteLocked(f found) {
	sl := s.slab.at(f.slot)
	if sl.link.Load()>>32 != f.link>>32 || s.slab.node(f.slot).weight.list() == expiredList {
		return // it went or was replaced meanwhile, or its life is over
	}
	last := s.tells() && s.victimLocked() == f.slot
	sl.life.Store(uint64(life(sl.life.Load()).withUsed(s.clock.next())))
	s.usedLocked(f.slot)
	if last {
		s.tellLocked()
	}
}

// usedLocked moves slot i to where its use brings it.
func (s *shard) usedLocked(i uint32) {
	if s.policy != nil {
		s.policy.used(s, i)
		return
	}
	s.lists[mainList].moveToFront(i)
}

// insertedLocked puts slot i, which is in no list, where new entries belong.
func (s *shard) insertedLocked(i uint32) {
	if s.policy != nil {
		s.policy.inserted(s, i)
		return
	}
	s.lists[mainList].pushFront(i)
}

// victimLocked returns the slot that goes next, or 0. A policy may see to it
// that another one stays.
func (s *shard) victimLocked() uint32 {
	switch {
	case s.lists[expiredList].len > 0:
		return s.lists[expiredList].back()
	case s.policy != nil:
		return s.policy.victim(s)
	case s.lists[mainList].len > 0:
		return s.lists[mainList].back()
	}
	return 0
}

// addLocked holds it in a slot of its own, which has been paid for.
func (s *shard) addLocked(it *item) {
	i := s.spare
	if s.spare = 0; i == 0 {
		s.reserve()
		i = s.slab.take()
	}
	n, head := s.slab.node(i), s.head(it.hash)
	n.hash, n.weight = it.hash, it.weight
	s.slab.at(i).write(it, newLife(it.deadline, s.clock.next(), len(it.key)), head.Load())
	head.Store(i)
	s.insertedLocked(i)
	s.wheel.add(i)
	s.count++
	s.bytes += it.weight.bytes()
}

// replaceLocked holds it in slot i, which has its key, if the bytes are to be
// had without dropping anything.
func (s *shard) replaceLocked(i uint32, it *item) bool {
	sl, n := s.slab.at(i), s.slab.node(i)
	more := it.weight.bytes() - n.weight.bytes()
	if !s.purse.fill(more) {
		return false
	}
	s.purse.bytes -= more
	s.bytes += more
	in := n.weight.list()
	s.wheel.remove(i)
	sl.rewrite(it, newLife(it.deadline, s.clock.next(), len(it.key)))
	n.weight = it.weight.inList(in)
	if in == expiredList {
		s.lists[expiredList].remove(i)
		s.insertedLocked(i)
	} else {
		s.usedLocked(i)
	}
	s.wheel.add(i)
	return true
}

// dropLocked lets go of slot i. What it held stays reachable until tidyLocked.
func (s *shard) dropLocked(i uint32) {
	s.wheel.remove(i)
	s.forgetLocked(i)
}

// forgetLocked drops slot i, which is not in the wheel.
func (s *shard) forgetLocked(i uint32) {
	n := s.slab.node(i)
	s.unchain(i)
	s.slab.at(i).invalidate()
	s.lists[n.weight.list()].remove(i)
	s.count--
	s.bytes -= n.weight.bytes()
	s.purse.entries++
	s.purse.bytes += n.weight.bytes()
	if s.spare != 0 {
		s.slab.give(s.spare)
	}
	s.spare = i
}

// evictLocked drops the entry that goes next. It reports false if there is none.
func (s *shard) evictLocked(why cause) bool {
	i := s.victimLocked()
	if i == 0 {
		return false
	}
	if s.slab.node(i).weight.list() == expiredList {
		why = forExpiry
	}
	s.evicted[why]++
	s.dropLocked(i)
	return true
}

// doubtLocked makes all entries doubtful. It goes through the memory, which is
// quicker than along the lists, and so marks free slots as well: write does away
// with that.
func (s *shard) doubtLocked() {
	for i := uint32(lists); i < s.slab.fresh; i++ {
		sl := s.slab.at(i)
		sl.life.Store(uint64(life(sl.life.Load()).doubted()))
	}
}

// ageLocked moves to the expired list what is over at now, and drops what has
// been there for too long.
func (s *shard) ageLocked(now int64) {
	if s.wheel.due(now) {
		s.wheel.advance(now, s.expireLocked)
	}
}

// expireLocked takes slot i, which the wheel has let go, out of the LRU.
func (s *shard) expireLocked(i uint32) {
	if in := s.slab.node(i).weight.list(); in != expiredList {
		s.lists[in].remove(i)
		s.lists[expiredList].pushFront(i)
	}
	if s.wheel.end(i) > s.wheel.now {
		s.wheel.add(i)
		return
	}
	s.evicted[forExpiry]++
	s.forgetLocked(i)
}

// tidyLocked ends each use of the shard that may have dropped entries.
func (s *shard) tidyLocked() {
	if s.spare != 0 {
		s.slab.give(s.spare)
		s.spare = 0
	}
	s.purse.settle()
	s.tellLocked()
}

// tells reports whether other shards ask for the age of the entry that goes next.
func (s *shard) tells() bool { return !s.alone && s.policy == nil }

// tellLocked publishes the age of the entry that goes next.
func (s *shard) tellLocked() {
	if !s.tells() {
		return
	}
	if tell := s.oldestLocked(); s.oldest.Load() != tell {
		s.oldest.Store(tell)
	}
}

func (s *shard) oldestLocked() uint32 {
	i := s.victimLocked()
	if i == 0 {
		return 0
	}
	sl := s.slab.at(i)
	tell := hasEntry | uint32(life(sl.life.Load()).used())
	if s.slab.node(i).weight.list() == expiredList {
		tell |= hasExpired
	}
	return tell
}

// older reports whether the entry that goes next in s should go before that of
// own, whose lock is held: because it is stale, or unused for clearly longer.
func (s *shard) older(own *shard) bool {
	theirs, ours := s.oldest.Load(), own.oldestLocked()
	switch {
	case ours&hasExpired != 0 || theirs == 0:
		return false
	case ours == 0 || theirs&hasExpired != 0:
		return true
	}
	now := own.clock.now()
	return now.since(stamp(theirs)) > now.since(stamp(ours))+olderBy
}

// olderBy is a 64th of the capacity.
const olderBy = stepsPerCache / 64

// evictFor drops the entry that goes next and hands its room to own, whose lock
// is held. It does not wait for s: two shards that wait for each other would do
// so for ever.
func (s *shard) evictFor(own *shard, why cause) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	if s.heads == nil || !s.evictLocked(why) {
		return false
	}
	s.purse.lend(&own.purse)
	s.tidyLocked()
	return true
}

// addStatsLocked adds what the shard holds and dropped to sum.
func (s *shard) addStatsLocked(sum *ports.L1Stats) {
	sum.Entries += s.count
	sum.Bytes += s.bytes
	sum.EvictedForEntries += s.evicted[forEntries]
	sum.EvictedForBytes += s.evicted[forBytes]
	sum.EvictedExpired += s.evicted[forExpiry]
}

func units(d time.Duration) int64 { return int64(d) >> unitShift }
