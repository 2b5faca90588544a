package lru

import (
	"sync/atomic"
	"unsafe"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

const (
	chunkBits = 8
	chunkSize = 1 << chunkBits
)

// chunk is the memory of some entries, 52 bytes for each. What readers see lies
// apart from what only the holder of the lock needs: so a Get touches half a
// cache line of it, a list operation less, and the collector the first part
// only.
//
// The allocator puts a header of 8 bytes in front of an object of this size that
// has pointers. The padding makes up a cache line with it, so that no slot lies
// across two; and all of it fills the size class of 13,568 bytes but for 192.
type chunk struct {
	_     [64 - mallocHeader]byte
	slots [chunkSize]slot
	nodes [chunkSize]node
}

const mallocHeader = 8

// slot holds one entry. Slots are named by their number, so that a link costs
// four bytes and the collector follows none of them.
//
// A slot may be read by anybody at any time. Its life is changed by readers, see
// touch, all else under the shard's mutex. mark holds a version and, in its
// lower half, the hash of the key. The version is odd while the slot is free or
// being written: what is read between two equal, even versions belongs
// together. The key is kept as a pointer to its bytes, because a string cannot be
// read atomically; its length is in life.
type slot struct {
	mark  atomic.Uint64
	key   atomic.Pointer[byte]
	entry atomic.Pointer[domain.Entry]
	life  atomic.Uint64
}

// node is a slot's place in the order of things, guarded by the shard's mutex.
type node struct {
	prev, next           uint32 // in one of the shard's lists, or the free list
	wheelPrev, wheelNext uint32 // in the timing wheel
	weight               weight
}

const versionOne = 1 << 32

func hashIn(mark uint64) uint32     { return uint32(mark) }
func beingWritten(mark uint64) bool { return mark&versionOne != 0 }

// keyString returns the key that p and l were read for at one version.
func keyString(p *byte, l life) string { return unsafe.String(p, l.keyLen()) }

// write fills a free slot. Only the last step makes it valid.
func (s *slot) write(it *item, l life) {
	s.key.Store(unsafe.StringData(it.key))
	s.entry.Store(it.entry)
	s.life.Store(uint64(l))
	s.mark.Store((s.mark.Load()+versionOne)&^(versionOne-1) | uint64(it.hash))
}

// rewrite replaces the entry of the same key.
func (s *slot) rewrite(it *item, l life) {
	mark := s.mark.Load() + versionOne
	s.mark.Store(mark)
	s.entry.Store(it.entry)
	s.life.Store(uint64(l))
	s.mark.Store(mark + versionOne)
}

// invalidate makes the slot free for all who may still look at it.
func (s *slot) invalidate() { s.mark.Store(s.mark.Load() + versionOne) }

// touch takes note of a use, if life is still what was seen with the entry. It
// needs no lock: at worst the slot has another entry by now, of the very same
// life, which then looks used.
func (s *slot) touch(seen life, now stamp) {
	s.life.CompareAndSwap(uint64(seen), uint64(seen.withUsed(now)))
}

// life packs what a reader needs to know beside the entry: the deadline in
// units of the clock, the moment of last use, whether the entry is doubtful, and
// the length of the key.
type life uint64

const (
	keyLenBits = 10
	stampBits  = 16
	maxKeyLen  = 1<<keyLenBits - 1
	doubtBit   = 1 << (keyLenBits + stampBits)
	timeShift  = keyLenBits + stampBits + 1
	maxTime    = 1<<(64-timeShift) - 1 // four and a half years, in units of the clock
)

func newLife(deadline int64, used stamp, keyLen int) life {
	return life(deadline)<<timeShift | life(used)<<keyLenBits | life(keyLen)
}

func (l life) deadline() int64 { return int64(l >> timeShift) }
func (l life) doubtful() bool  { return l&doubtBit != 0 }
func (l life) used() stamp     { return stamp(l >> keyLenBits) }
func (l life) keyLen() int     { return int(l & maxKeyLen) }

func (l life) withUsed(used stamp) life {
	const stamps = (1<<stampBits - 1) << keyLenBits
	return l&^stamps | life(used)<<keyLenBits
}

// weight packs the bytes that an entry counts with the list it is in.
type weight uint32

const maxWeight = 1<<30 - 1

func (w weight) bytes() int64           { return int64(w & maxWeight) }
func (w weight) list() listID           { return listID(w >> 30) }
func (w weight) inList(l listID) weight { return w&maxWeight | weight(l)<<30 }

// slab is the memory of a shard: chunks of slots, allocated as they are needed
// and then kept. Slot 0 and the few after it are the ends of the lists.
type slab struct {
	chunks []*chunk
	free   uint32 // a freed slot, whose next is another one
	first  uint32 // the first slot that is not the end of a list
	fresh  uint32 // the first slot that was never used
}

func (s *slab) at(i uint32) *slot   { return &s.chunks[i>>chunkBits].slots[i%chunkSize] }
func (s *slab) node(i uint32) *node { return &s.chunks[i>>chunkBits].nodes[i%chunkSize] }

// The methods below are for slots that hold an entry.

func (s *slab) life(i uint32) life   { return life(s.at(i).life.Load()) }
func (s *slab) hash(i uint32) uint32 { return hashIn(s.at(i).mark.Load()) }
func (s *slab) key(i uint32) string  { return keyString(s.at(i).key.Load(), s.life(i)) }

// full reports whether the next take needs a chunk more.
func (s *slab) full() bool { return s.free == 0 && int(s.fresh) == len(s.chunks)*chunkSize }

// grow adds a chunk. The old slice of chunks stays as it is, for readers.
func (s *slab) grow() {
	s.chunks = append(s.chunks[:len(s.chunks):len(s.chunks)], new(chunk))
}

// take returns a free slot. The slab must not be full.
func (s *slab) take() uint32 {
	if i := s.free; i != 0 {
		s.free = s.node(i).next
		return i
	}
	i := s.fresh
	s.fresh++
	s.at(i).mark.Store(versionOne)
	return i
}

// give takes back an invalid slot and lets go of what it held.
func (s *slab) give(i uint32) {
	sl := s.at(i)
	sl.key.Store(nil)
	sl.entry.Store(nil)
	s.node(i).next, s.free = s.free, i
}
