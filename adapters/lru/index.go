package lru

import (
	"math/bits"
	"sync/atomic"
)

// index finds slots by the hash of their key. It is made of buckets of half a
// cache line that hold a tag, eight bits of the hash, for each of six slots. The
// tags are compared all at once, and only where one is equal a slot is looked at:
// a lookup that hits touches two lines before the key, one that misses a single
// one. What finds its bucket full goes into the next, and is counted where it
// passed by, so that a lookup knows when to go on (F14: Bronson and Shi,
// "Open-sourcing F14 for faster, more memory-efficient hash tables", 2019).
//
// An entry stays in its place for as long as it is held, or until the index is
// replaced by a larger one. So a reader without the lock cannot miss it: at each
// moment, tags and counts lead to it.
type index []bucket

// bucket is read by anybody and written under the shard's mutex. In tags, above
// the six tags, is the number of entries that passed by. A tag of 0 says that the
// place is free, whatever slot is there.
type bucket struct {
	tags  atomic.Uint64
	slots [bucketSlots]atomic.Uint32
}

const (
	bucketSlots = 6
	tagBits     = 8
	passedShift = bucketSlots * tagBits
	passedOne   = 1 << passedShift
	lowBits     = 0x0101_0101_0101 // of each tag
	highBits    = 0x8080_8080_8080

	smallIndex = 4 // buckets
	// pageBuckets are as many as fill a page of the allocator, to which it rounds
	// up large objects.
	pageBuckets = 256
)

// home returns the number of the first bucket to look into.
func (x index) home(hash uint32) int { return int(uint64(hash) * uint64(len(x)) >> 32) }

func (x index) after(b int) int {
	if b++; b == len(x) {
		return 0
	}
	return b
}

// capacity is how many entries it may hold. Fuller, one in ten would have to be
// looked for in a second bucket.
func (x index) capacity() int { return len(x) * bucketSlots * 13 / 16 }

// larger returns an empty index for a quarter more: doubling it would leave it
// half empty at times.
func (x index) larger() index {
	n := max(smallIndex, len(x)+len(x)/4)
	if n > pageBuckets {
		n = (n + pageBuckets - 1) / pageBuckets * pageBuckets
	}
	return make(index, n)
}

// tagOf returns the tag of a hash, which is not 0. It is taken from the low end,
// since the high one is in the number of the bucket.
func tagOf(hash uint32) uint64 {
	tag := hash & (1<<tagBits - 1)
	return uint64(tag + (tag-1)>>31)
}

// equal returns a word with a bit set for each place that may have the tag: the
// lowest one is exact, those above it are with few exceptions (Mycroft's test for
// a zero byte). It is used with placeOf, and bits are dropped from below.
func equal(tags, tag uint64) uint64 {
	diff := tags ^ tag*lowBits
	return (diff - lowBits) & ^diff & highBits
}

func placeOf(places uint64) int { return bits.TrailingZeros64(places) / tagBits }

func passed(tags uint64) bool { return tags >= passedOne }

// The methods below change the index and need the shard's mutex.

// insert enters slot i. There must be room for it.
func (x index) insert(hash, i uint32) {
	for b := x.home(hash); ; b = x.after(b) {
		tags := x[b].tags.Load()
		if free := equal(tags, 0); free != 0 {
			at := placeOf(free)
			x[b].slots[at].Store(i)
			x[b].tags.Store(tags | tagOf(hash)<<(at*tagBits))
			return
		}
		x[b].tags.Store(tags + passedOne)
	}
}

// remove takes slot i out, which must have been entered with this hash.
func (x index) remove(hash, i uint32) {
	for b := x.home(hash); ; b = x.after(b) {
		tags := x[b].tags.Load()
		for same := equal(tags, tagOf(hash)); same != 0; same &= same - 1 {
			at := placeOf(same)
			if x[b].slots[at].Load() == i && tags>>(at*tagBits)&(1<<tagBits-1) != 0 {
				x[b].tags.Store(tags &^ ((1<<tagBits - 1) << (at * tagBits)))
				return
			}
		}
		x[b].tags.Store(tags - passedOne)
	}
}

// locate returns the slot of key, or 0.
func (s *shard) locate(hash uint32, key string) uint32 {
	b := s.index.home(hash)
	for range s.index {
		in := &s.index[b]
		tags := in.tags.Load()
		for same := equal(tags, tagOf(hash)); same != 0; same &= same - 1 {
			i := in.slots[placeOf(same)].Load()
			mark := s.slab.at(i).mark.Load()
			if hashIn(mark) == hash && !beingWritten(mark) && s.slab.key(i) == key {
				return i
			}
		}
		if !passed(tags) {
			break
		}
		b = s.index.after(b)
	}
	return 0
}
