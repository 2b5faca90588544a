package lru

import (
	"sync"
	"sync/atomic"

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
	index   index
	lists   [lists]list
	wheel   wheel
	count   int // entries in all lists
	bytes   int64
	purse   purse
	spare   uint32 // an invalid slot that still holds its last entry, or 0
	evicted [causes]uint64
	late    bool // the order of mainList is ring's
	ring    ring
	policy  *tinyLFU // nil: plain LRU
	turn    uint32   // whose entry was compared with ours last

	_ [48]byte // the next shard is for others; the size is a multiple of 64
}

func (s *shard) init(b *budget, u *uses, keepStale int64, alone, late bool) {
	s.view.Store(emptyView)
	s.clock.uses = u
	s.alone, s.late = alone, late
	s.ring.list = &s.lists[mainList]
	s.purse.budget = b
	s.wheel.slab, s.wheel.keepStale = &s.slab, keepStale
	for id := range s.lists {
		s.lists[id] = list{slab: &s.slab, id: listID(id)}
	}
}

// open allocates what even one entry needs.
func (s *shard) open() {
	s.slab.grow()
	s.slab.first = uint32(lists)
	for id := range s.lists {
		s.lists[id].init()
	}
	if s.late {
		s.slab.first += generations
		s.ring.init()
	}
	s.slab.fresh = s.slab.first
	s.index = s.index.larger()
	s.publish()
}

// get looks for key, by the lock if it must.
func (s *shard) get(hash uint32, key string) (found, bool) {
	for range 8 {
		v := s.view.Load()
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

// addLocked holds it in a slot of its own, which has been paid for.
func (s *shard) addLocked(it *item) {
	i := s.spare
	if s.spare = 0; i == 0 {
		s.reserve()
		i = s.slab.take()
	}
	s.slab.node(i).weight = it.weight
	s.slab.at(i).write(it, newLife(it.deadline, s.clock.next(), len(it.key)))
	s.index.insert(it.hash, i)
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

// reserve makes sure that one more entry finds a slot and a place in the index.
func (s *shard) reserve() {
	full := s.slab.full()
	if full {
		s.slab.grow()
	}
	more := s.count >= s.index.capacity()
	if more {
		s.index = s.index.larger()
		for i := s.slab.first; i < s.slab.fresh; i++ {
			if mark := s.slab.at(i).mark.Load(); !beingWritten(mark) {
				s.index.insert(hashIn(mark), i)
			}
		}
	}
	if full || more {
		s.publish()
	}
}

// publish shows readers the index and chunks as they are now.
func (s *shard) publish() { s.view.Store(&view{index: s.index, chunks: s.slab.chunks}) }

// dropLocked lets go of slot i. What it held stays reachable until tidyLocked.
func (s *shard) dropLocked(i uint32) {
	s.wheel.remove(i)
	s.forgetLocked(i)
}

// forgetLocked drops slot i, which is not in the wheel.
func (s *shard) forgetLocked(i uint32) {
	n := s.slab.node(i)
	s.index.remove(s.slab.hash(i), i)
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
	for i := s.slab.first; i < s.slab.fresh; i++ {
		s.slab.at(i).life.Or(doubtBit)
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

// addStatsLocked adds what the shard holds and dropped to sum.
func (s *shard) addStatsLocked(sum *ports.L1Stats) {
	sum.Entries += s.count
	sum.Bytes += s.bytes
	sum.EvictedForEntries += s.evicted[forEntries]
	sum.EvictedForBytes += s.evicted[forBytes]
	sum.EvictedExpired += s.evicted[forExpiry]
}
