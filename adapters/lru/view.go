package lru

import (
	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// view is what a reader without the lock sees of a shard: the index and the
// slots that it leads to. The shard replaces it when one of the two grows; the
// buckets and slots themselves change in place.
type view struct {
	index  index
	chunks []*chunk
}

var emptyView = &view{index: make(index, 1)}

// found is what a lookup saw of a slot, all at one version of it.
type found struct {
	at    *slot
	slot  uint32
	mark  uint64
	entry *domain.Entry
	life  life
}

// find looks for key without a lock, as sequence locks do (Lameter, Effective
// Synchronization on Linux/NUMA Systems, 2005): it reads, then checks that
// nothing was written meanwhile. It is sure of a hit, since the key was there
// while the slot's version stood. It is sure of a miss, if the view is still the
// shard's: had the key been held all the time, its tag would have led to its
// slot. Only while that slot was being written, it cannot tell, and the caller
// has to look again.
func (v *view) find(hash uint32, key string) (f found, ok, sure bool) {
	tag := tagOf(hash)
	b := v.index.home(hash)
	for range v.index {
		in := &v.index[b]
		tags := in.tags.Load()
		for same := equal(tags, tag); same != 0; same &= same - 1 {
			i := in.slots[placeOf(same)].Load()
			if int(i>>chunkBits) >= len(v.chunks) {
				return f, false, false
			}
			s := &v.chunks[i>>chunkBits].slots[i%chunkSize]
			mark := s.mark.Load()
			if hashIn(mark) != hash {
				continue
			}
			p := s.key.Load()
			f = found{s, i, mark, s.entry.Load(), life(s.life.Load())}
			if beingWritten(mark) || s.mark.Load() != mark {
				return f, false, false
			}
			if f.life.keyLen() == len(key) && keyString(p, f.life) == key {
				return f, true, true
			}
		}
		if !passed(tags) {
			break
		}
		b = v.index.after(b)
	}
	return f, false, true
}
