package lru

import (
	"sync/atomic"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// view is what a reader without the lock sees of a shard: the heads of the
// hash chains and the slots that they lead to. The shard replaces it when one
// of the two grows; the heads and slots themselves change in place.
type view struct {
	heads  []atomic.Uint32 // a power of two
	chunks []*chunk
}

var emptyView = &view{heads: make([]atomic.Uint32, 1)}

// found is what a lookup saw of a slot, all at one version of it.
type found struct {
	slot  uint32
	link  uint64
	entry *domain.Entry
	life  life
}

// find looks for key without a lock, as sequence locks do (Lameter, Effective
// Synchronization on Linux/NUMA Systems, 2005): it reads, then checks that
// nothing was written meanwhile. It is sure of a hit, since the key was there
// while the slot's version stood. It is sure of a miss when at each step the
// chain still led to the slot that it looked at, and the view is still the
// shard's. If it is not sure, the caller looks again.
func (v *view) find(hash uint32, key string) (f found, ok, sure bool) {
	head := &v.heads[int(hash)&(len(v.heads)-1)]
	var before *slot
	var beforeLink uint64
	for i := head.Load(); i != 0; i = nextOf(f.link) {
		if int(i>>chunkBits) >= len(v.chunks) {
			return f, false, false
		}
		s := &v.chunks[i>>chunkBits].slots[i%chunkSize]
		f = found{i, s.link.Load(), s.entry.Load(), life(s.life.Load())}
		p := s.key.Load()
		if same := s.link.Load() == f.link; same && !beingWritten(f.link) &&
			f.life.keyLen() == len(key) && keyString(p, f.life) == key {
			return f, true, true
		}
		led := before == nil && head.Load() == i || before != nil && before.link.Load() == beforeLink
		if !led || beingWritten(f.link) || s.link.Load() != f.link {
			return f, false, false
		}
		before, beforeLink = s, f.link
	}
	return f, false, true
}

// The methods below change the chains and need the shard's mutex.

// locate returns the slot of key, or 0.
func (s *shard) locate(hash uint32, key string) uint32 {
	i := s.head(hash).Load()
	for i != 0 {
		sl := s.slab.at(i)
		if s.slab.node(i).hash == hash && keyString(sl.key.Load(), life(sl.life.Load())) == key {
			break
		}
		i = nextOf(sl.link.Load())
	}
	return i
}

func (s *shard) head(hash uint32) *atomic.Uint32 {
	return &s.heads[int(hash)&(len(s.heads)-1)]
}

// unchain takes slot i out of its hash chain.
func (s *shard) unchain(i uint32) {
	sl := s.slab.at(i)
	next := nextOf(sl.link.Load())
	head := s.head(s.slab.node(i).hash)
	at := head.Load()
	if at == i {
		head.Store(next)
		return
	}
	for {
		before := s.slab.at(at)
		link := before.link.Load()
		if nextOf(link) == i {
			before.link.Store(withNext(link, next))
			return
		}
		at = nextOf(link)
	}
}

// reserve makes sure that one more entry finds a slot and chains short enough.
func (s *shard) reserve() {
	if s.slab.full() {
		s.slab.grow()
		s.publish()
	}
	if s.count >= len(s.heads)+len(s.heads)/4 {
		s.rehash(2 * len(s.heads))
	}
}

// publish shows readers the heads and chunks as they are now.
func (s *shard) publish() { s.view.Store(&view{heads: s.heads, chunks: s.slab.chunks}) }

// rehash spreads all entries over n chains. Meanwhile readers have no view and
// wait for the lock: chains that they follow would lead elsewhere.
func (s *shard) rehash(n int) {
	s.view.Store(nil)
	s.heads = make([]atomic.Uint32, n)
	for id := range s.lists {
		for i := s.slab.node(uint32(id)).next; i != uint32(id); i = s.slab.node(i).next {
			sl := s.slab.at(i)
			head := s.head(s.slab.node(i).hash)
			sl.link.Store(withNext(sl.link.Load(), head.Load()))
			head.Store(i)
		}
	}
	s.publish()
}
