package lru

import (
	"time"
	"unsafe"

	"github.com/multi-layer-cache/multi-layer-cache/domain"
)

// slot holds one entry, in half a cache line. Slots are named by their numbers, so
// that a link costs four bytes and the collector follows none of them; 0 names none.
// A string as key would make the slot larger: meta has its length.
type slot struct {
	meta  meta
	key   *byte
	entry *domain.Entry // nil: the slot is free
	hash  uint32
	use   use
}

func (s *slot) holds(key string) bool {
	return s.meta.keyLen() == len(key) && unsafe.String(s.key, len(key)) == key
}

func (s *slot) weight() int64 { return int64(s.use & maxWeight) }

// meta packs the deadline of an entry, whether it is unverified, whether a sweep has
// found it stale, and the length of its key.
type meta uint64

const (
	keyLenBits    = 10
	maxKeyLen     = 1<<keyLenBits - 1
	unverifiedBit = 1 << keyLenBits
	staleBit      = 1 << (keyLenBits + 1)
	deadlineShift = keyLenBits + 2
	// unitShift makes deadlines count units of 2^10 ns, of which there are 146 years.
	unitShift = 10
)

func newMeta(deadline time.Duration, keyLen int) meta {
	return meta(deadline>>unitShift<<deadlineShift) | meta(keyLen)
}

func (m meta) deadline() time.Duration { return time.Duration(m >> deadlineShift << unitShift) }
func (m meta) unverified() bool        { return m&unverifiedBit != 0 }
func (m meta) keyLen() int             { return int(m & maxKeyLen) }

// use packs the bytes that an entry counts, and when it was used last: never, if that
// was before it became the newest.
type use uint32

const (
	phaseShift = 32 - phaseBits
	maxWeight  = 1<<phaseShift - 1
)

func (u use) phase() phase   { return phase(u >> phaseShift) }
func (u use) in(p phase) use { return u&maxWeight | use(p)<<phaseShift }
